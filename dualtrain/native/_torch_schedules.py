"""`torch.optim.lr_scheduler`, and `SWALR`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Any

from dualtrain.native import _schedule_arguments as says
from dualtrain.native._call import Argument, Call, Fixed, Refusal, Row, Words, at_default, item
from dualtrain.native._schedule_arguments import LR, NAME, STEPS, UPDATES
from dualtrain.native._schedule_rows import BASE, CLIMBS, LAMBDA, RAISES, Rows
from dualtrain.native._table import Table

__all__ = ["TORCH_SCHEDULES"]

Given = Mapping[str, Any]
TORCH = Rows("torch", "torch.optim.lr_scheduler")
SWA = Rows("torch", "torch.optim.swa_utils")
BETA = "with an Adam it cycles the first beta; Paddle's Adams keep products of theirs"


def _with_momentum(
    name: str,
    schedule: str,
    arguments: Mapping[str, Argument],
    fixed: Mapping[str, Fixed],
    *,
    low: float,
    high: float,
    free: tuple[str, ...] = (),
    past: str = "",
) -> list[Row]:
    """A class that cycles the momentum too unless it is told not to: three meanings."""

    def read_high(value: Any, words: Words, given: Given) -> Words:
        return {"schedule.momentum.high": value, "optimizer.momentum": value}

    cycled = {
        "base_momentum": says.field("momentum.low", low),
        "max_momentum": Argument(
            words=("schedule.momentum.high", "optimizer.momentum"),
            default=high,
            read=read_high,
            write=lambda words: words["schedule.momentum.high"],
        ),
    }
    cycles = at_default(cycle_momentum=True)
    return [
        TORCH.whole_rate(
            name,
            schedule,
            {**arguments, **cycled},
            fixed={**fixed, **cycles},
            free=free,
            when=lambda given, around: around.get("optimizer.name") == "momentum",
            past=past,
        ),
        TORCH.whole_rate(
            name,
            schedule,
            arguments,
            fixed={**fixed, "cycle_momentum": Fixed(False, True)},
            free=(*free, *cycled),
            when=lambda given, around: "schedule.momentum.high" not in around,
            past=past,
        ),
        TORCH.refused(name, BETA, fixed=cycles),
    ]


_CYCLIC = {
    "base_lr": says.lr(),
    "max_lr": says.field("max_lr"),
    "step_size_up": says.field("up", 2000),
    "step_size_down": says.down(),
    "mode": says.field("mode", "triangular"),
    "gamma": says.gamma_of_exp_range(1.0),
}
_ONE_CYCLE = {
    "max_lr": says.lr(),
    "total_steps": says.horizon(None),
    "pct_start": says.field("rise", 0.3),
    "anneal_strategy": says.shape("schedule.shape", "cos", says.SHAPES),
    "div_factor": says.start_lr(),
    "final_div_factor": says.field(
        "end_lr",
        1e4,
        read=lambda factor, words: words["schedule.start_lr"] / factor,
        write=lambda rate, words: says.divided(words["schedule.start_lr"], rate),
    ),
    "three_phase": says.field("three_phase", False, absent=False),
}


def _steps_then(milestones: Any, words: Words, given: Given) -> Words:
    """Of `SequentialLR`: its second clock starts where warmup ends."""
    (steps,) = milestones
    return {STEPS: steps}


def _one_milestone(words: Words) -> list[int]:
    if STEPS not in words:
        raise Refusal(f"needs {STEPS}")
    return [words[STEPS]]


def _first_is_warmup(given: Given, around: Words) -> bool:
    first, *later = given["schedulers"]
    return (
        first.name == f"{TORCH.module}.LinearLR"
        and first.arguments.get("end_factor", 1.0) == 1.0
        and len(later) == 1
        and [first.arguments.get("total_iters", 5)] == list(given["milestones"])
    )


def _after_warmup(schedulers: Any, words: Words, given: Given) -> Words:
    first, later = schedulers
    rise = _FLAT.read(first, words).words
    started = {k: v for k, v in rise.items() if k == "warmup.start"}
    return {**started, **says.read_later(_FLAT, later, words)}


def _write_after_warmup(words: Words) -> list[Call]:
    rise = {k: words[k] for k in (LR, STEPS, "warmup.start") if k in words}
    return [
        _FLAT.write({**rise, NAME: "constant"}, "torch").call,
        says.write_later(_FLAT, words, "torch"),
    ]


def _phases(schedulers: Any, words: Words, given: Given) -> Words:
    """Of `SequentialLR`: each schedule from 0 on, for as long as it lasts."""
    begins = [0, *given["milestones"]]
    lengths = [*(b - a for a, b in pairwise(begins)), None]  # the last has none
    phases: list[dict[str, Any]] = []
    end: Words = {}
    for begin, length, call in zip(begins, lengths, schedulers, strict=True):
        around = {LR: words[LR]}
        if length is not None:
            around[UPDATES] = length
        elif UPDATES in words:
            around[UPDATES] = words[UPDATES] - begin
        said = says.read_inner(_FLAT, call, around)
        inner = said.pop("horizon", None)
        if inner is not None and length is not None:
            raise Refusal(f"{call} does not end with its phase")
        if inner is not None:
            end = {"horizon": begin + inner}
        strange = [path for path in said if not path.startswith("schedule.")]
        if strange:
            raise Refusal(f"a phase says no {', '.join(strange)}: {call}")
        schedule = {path.removeprefix("schedule."): value for path, value in said.items()}
        phases.append({"schedule": schedule, **({} if length is None else {"updates": length})})
    return {"schedule.phases": phases, **end}


def _write_phases(words: Words) -> list[Call]:
    calls, begin = [], 0
    for phase in words["schedule.phases"]:
        inner = {f"schedule.{name}": value for name, value in phase["schedule"].items()}
        inner[LR] = words[LR]
        if "updates" in phase:
            inner[UPDATES] = phase["updates"]
            begin += phase["updates"]
        elif "horizon" in words or UPDATES in words:
            inner[UPDATES] = words.get("horizon", words.get(UPDATES)) - begin
        calls.append(_FLAT.write(inner, "torch").call)
    return calls


def _milestones(words: Words) -> list[int]:
    return list(accumulate(phase["updates"] for phase in words["schedule.phases"][:-1]))


def _before(past: str, cosine: bool) -> Row:
    """`SequentialLR` of a rise and one schedule."""

    def when(given: Given, around: Words) -> bool:
        if not _first_is_warmup(given, around):
            return False
        later: Call = given["schedulers"][1]
        return later.name.endswith("CosineAnnealingLR") == cosine

    arguments = {
        "milestones": Argument(words=(STEPS,), read=_steps_then, write=_one_milestone),
        "schedulers": Argument(words=says.ANYTHING, read=_after_warmup, write=_write_after_warmup),
    }
    return TORCH.recursive(
        "SequentialLR", None, arguments, means={"warmup.counted": "before"}, when=when, past=past
    )


def _constant_for(total_iters: int) -> Mapping[str, Argument]:
    """`ConstantLR`: the optimizer's rate times a factor, then the rate itself."""

    def read(factor: Any, words: Words, given: Given) -> Words:
        rate = words[LR]
        return {LR: rate * factor, "schedule.values": [rate * factor, rate]}

    def write(words: Words) -> float:
        if len(words["schedule.values"]) != 2:
            raise Refusal("has two rates")
        low, high = words["schedule.values"]
        if low > high or not high:
            raise Refusal("rises to its rate")
        return float(low / high)

    return {
        "factor": Argument(words=("schedule.values",), default=1 / 3, read=read, write=write),
        "total_iters": item("schedule.boundaries", 0, total_iters),
    }


def _repeats(given: Given, around: Words) -> bool:
    return any(a >= b for a, b in pairwise(given.get("milestones", ())))


_GAMMA = {"gamma": says.field("gamma")}
_TENTH = {"gamma": says.field("gamma", 0.1)}

_ROWS = [
    TORCH.refused("LRScheduler", BASE),
    TORCH.refused("LambdaLR", LAMBDA),
    TORCH.refused("MultiplicativeLR", LAMBDA),
    TORCH.recursive("StepLR", "step", {"step_size": says.field("every"), **_TENTH}),
    TORCH.refused(
        "MultiStepLR",
        "takes gamma twice at a milestone given twice; Paddle refuses it, and the spec too",
        when=_repeats,
    ),
    TORCH.recursive("MultiStepLR", "multistep", {"milestones": says.field("milestones"), **_TENTH}),
    TORCH.exact(
        "ConstantLR", "piecewise", _constant_for(5), rate=lambda words: words["schedule.values"][1]
    ),
    *TORCH.linear_lr({}, "total_iters", 5),
    TORCH.recursive("ExponentialLR", "exponential", _GAMMA),
    *TORCH.cosine_annealing({}, "CosineAnnealingLR"),
    TORCH.refused(
        "ChainedScheduler",
        "changes one rate by several schedules; where each multiplies it, write a `product`",
    ),
    TORCH.exact("ReduceLROnPlateau", "reduce_on_plateau", says.plateau("eps")),
    *_with_momentum(
        "CyclicLR",
        "cyclic",
        _CYCLIC,
        at_default(scale_fn=None),
        low=0.8,
        high=0.9,
        free=("scale_mode",),  # without scale_fn the mode decides
    ),
    *TORCH.warm_restarts({}),
    *_with_momentum(
        "OneCycleLR",
        "one_cycle",
        _ONE_CYCLE,
        at_default(epochs=None, steps_per_epoch=None),
        low=0.85,
        high=0.95,
        past=RAISES,
    ),
    TORCH.recursive(
        "PolynomialLR",
        "polynomial",
        {"total_iters": says.horizon(5), "power": says.field("power", 1.0)},
        means={"schedule.end_lr": 0.0},
    ),
    *(
        SWA.recursive(
            "SWALR",
            schedule,
            {"swa_lr": says.field(rate), "anneal_epochs": says.horizon(10)},
            means=means,
            fixed={"anneal_strategy": Fixed(strategy, "cos")},
        )
        for strategy, schedule, means, rate in (
            ("cos", "cosine_with_min_lr", {"schedule.half_waves": 1.0}, "min_lr"),
            ("linear", "polynomial", {"schedule.power": 1.0}, "end_lr"),
        )
    ),
]

_FLAT = Table(_ROWS)

TORCH_SCHEDULES: list[Row] = [
    *_ROWS,
    _before(CLIMBS, cosine=True),
    _before("", cosine=False),
    TORCH.recursive(
        "SequentialLR",
        "sequential",
        {
            "milestones": Argument(words=(), read=lambda *_: {}, write=_milestones),
            "schedulers": Argument(
                words=("schedule.phases", "horizon"), read=_phases, write=_write_phases
            ),
        },
    ),
]
