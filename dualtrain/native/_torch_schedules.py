"""`torch.optim.lr_scheduler`, and `SWALR`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from dualtrain.native._call import Argument, Call, Fixed, Refusal, Row, Words, item, word
from dualtrain.native._schedule_arguments import (
    ALIKE,
    ANYTHING,
    BASE,
    CLIMBS,
    LAMBDA,
    LR,
    NAME,
    RAISES,
    RECURSIVE,
    RESTARTS,
    SCOPE,
    SHAPES,
    STEPS,
    UPDATES,
    WAVES,
    WHOLE_RATE,
    divided,
    down,
    gamma_of_exp_range,
    horizon,
    lr,
    period,
    plateau,
    read_inner,
    read_later,
    shape,
    start,
    times_lr,
    warmup,
    write_later,
)
from dualtrain.native._table import Table

__all__ = ["TORCH_SCHEDULES"]

Given = Mapping[str, Any]
MODULE = "torch.optim.lr_scheduler"
BETA = "with an Adam it cycles the first beta; Paddle's Adams keep products of theirs"


def _row(name: str, schedule: str | None = None, module: str = MODULE, **more: Any) -> Row:
    means = {NAME: schedule} if schedule is not None else {}
    return Row(
        library="torch",
        name=f"{module}.{name}",
        scope=SCOPE,
        means=means | more.pop("means", {}),
        free=("last_epoch", "verbose", *more.pop("free", ())),
        **more,
    )


def _refused(name: str, because: str, **more: Any) -> Row:
    return _row(name, equal="refused", because=because, **more)


def _recursive(name: str, schedule: str, module: str = MODULE, **more: Any) -> Row:
    return _row(name, schedule, module, equal="rounded", because=RECURSIVE, **more)


def _with_momentum(row_of: Any, low: float, high: float) -> list[Row]:
    """A class that cycles the momentum too unless it is told not to: three meanings."""

    def read_high(value: Any, words: Words, given: Given) -> Words:
        return {"schedule.momentum.high": value, "optimizer.momentum": value}

    cycled = {
        "base_momentum": word("schedule.momentum.low", low),
        "max_momentum": Argument(
            words=("schedule.momentum.high", "optimizer.momentum"),
            default=high,
            read=read_high,
            write=lambda words: words["schedule.momentum.high"],
        ),
    }

    def says_momentum(given: Given, around: Words) -> bool:
        return around.get("optimizer.name") == "momentum"

    def says_none(given: Given, around: Words) -> bool:
        return "schedule.momentum.high" not in around

    return [
        row_of(cycled, {"cycle_momentum": Fixed(True, True)}, when=says_momentum),
        row_of(
            {},
            {"cycle_momentum": Fixed(False, True)},
            when=says_none,
            free=("base_momentum", "max_momentum"),
        ),
    ]


def _cyclic(arguments: Mapping[str, Argument], fixed: Mapping[str, Fixed], **more: Any) -> Row:
    own = {
        "base_lr": lr(),
        "max_lr": word("schedule.max_lr"),
        "step_size_up": word("schedule.up", 2000),
        "step_size_down": down(),
        "mode": word("schedule.mode", "triangular"),
        "gamma": gamma_of_exp_range(1.0),
    }
    free = ("scale_mode", *more.pop("free", ()))  # without scale_fn the mode decides
    return _row(
        "CyclicLR",
        "cyclic",
        arguments=own | dict(arguments),
        fixed={"scale_fn": Fixed(None, None), **fixed},
        free=free,
        equal="rounded",
        because=WHOLE_RATE,
        **more,
    )


def _one_cycle(arguments: Mapping[str, Argument], fixed: Mapping[str, Fixed], **more: Any) -> Row:
    own = {
        "max_lr": lr(),
        "total_steps": horizon(None),
        "pct_start": word("schedule.rise", 0.3),
        "anneal_strategy": shape("schedule.shape", "cos", SHAPES),
        "div_factor": word(
            "schedule.start_lr",
            25.0,
            read=lambda factor, words: words[LR] / factor,
            write=lambda rate, words: divided(words[LR], rate),
        ),
        "final_div_factor": word(
            "schedule.end_lr",
            1e4,
            read=lambda factor, words: words["schedule.start_lr"] / factor,
            write=lambda rate, words: divided(words["schedule.start_lr"], rate),
        ),
        "three_phase": word("schedule.three_phase", False, absent=False),
    }
    return _row(
        "OneCycleLR",
        "one_cycle",
        arguments=own | dict(arguments),
        fixed={"epochs": Fixed(None, None), "steps_per_epoch": Fixed(None, None), **fixed},
        equal="rounded",
        because=WHOLE_RATE,
        past=RAISES,
        **more,
    )


def _steps_then(milestones: Any, words: Words, given: Given) -> Words:
    """Of `SequentialLR`: its second clock starts where warmup ends."""
    (steps,) = milestones
    return {"warmup.steps": steps}


def _one_milestone(words: Words) -> list[int]:
    if STEPS not in words:
        raise Refusal(f"needs {STEPS}")
    return [words[STEPS]]


def _first_is_warmup(given: Given, around: Words) -> bool:
    first, *later = given["schedulers"]
    return (
        first.name == f"{MODULE}.LinearLR"
        and first.arguments.get("end_factor", 1.0) == 1.0
        and len(later) == 1
        and [first.arguments.get("total_iters", 5)] == list(given["milestones"])
    )


def _after_warmup(schedulers: Any, words: Words, given: Given) -> Words:
    first, later = schedulers
    rise = _FLAT.read(first, words).words
    started = {k: v for k, v in rise.items() if k == "warmup.start"}
    return {**started, **read_later(_FLAT, later, words)}


def _write_after_warmup(words: Words) -> list[Call]:
    rise = {k: words[k] for k in (LR, STEPS, "warmup.start") if k in words}
    return [
        _FLAT.write({**rise, NAME: "constant"}, "torch").call,
        write_later(_FLAT, words, "torch"),
    ]


def _phases(schedulers: Any, words: Words, given: Given) -> Words:
    """Of `SequentialLR`: each schedule from 0 on, for as long as it lasts."""
    begins = [0, *given["milestones"]]
    phases: list[dict[str, Any]] = []
    end: Words = {}
    for index, call in enumerate(schedulers):
        around = {LR: words[LR]}
        if index + 1 < len(begins):
            around[UPDATES] = begins[index + 1] - begins[index]
        elif UPDATES in words:
            around[UPDATES] = words[UPDATES] - begins[index]
        said = read_inner(_FLAT, call, around)
        inner = said.pop("horizon", None)
        if inner is not None and index + 1 < len(begins):
            raise Refusal(f"{call} does not end with its phase")
        if inner is not None:
            end = {"horizon": begins[index] + inner}
        strange = [path for path in said if not path.startswith("schedule.")]
        if strange:
            raise Refusal(f"a phase says no {', '.join(strange)}: {call}")
        schedule = {path.removeprefix("schedule."): value for path, value in said.items()}
        phases.append({"schedule": schedule})
        if index + 1 < len(begins):
            phases[-1]["updates"] = around[UPDATES]
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
    lengths = [phase["updates"] for phase in words["schedule.phases"][:-1]]
    return [sum(lengths[: k + 1]) for k in range(len(lengths))]


def _before(past: str, cosine: bool) -> Row:
    """`SequentialLR` of a rise and one schedule."""

    def when(given: Given, around: Words) -> bool:
        if not _first_is_warmup(given, around):
            return False
        later: Call = given["schedulers"][1]
        return later.name.endswith("CosineAnnealingLR") == cosine

    return _row(
        "SequentialLR",
        means={"warmup.counted": "before"},
        arguments={
            "milestones": Argument(
                words=("warmup.steps",),
                read=_steps_then,
                write=_one_milestone,
            ),
            "schedulers": Argument(words=ANYTHING, read=_after_warmup, write=_write_after_warmup),
        },
        when=when,
        equal="rounded",
        because=RECURSIVE,
        past=past,
    )


def _nothing(value: Any, words: Words, given: Given) -> Words:
    return {}


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


_CYCLES = [
    *_with_momentum(_cyclic, 0.8, 0.9),
    _refused("CyclicLR", BETA, fixed={"cycle_momentum": Fixed(True, True)}),
]
_ONE_CYCLES = [
    *_with_momentum(_one_cycle, 0.85, 0.95),
    _refused("OneCycleLR", BETA, fixed={"cycle_momentum": Fixed(True, True)}),
]

_ROWS = [
    _refused("LRScheduler", BASE),
    _refused("LambdaLR", LAMBDA),
    _refused("MultiplicativeLR", LAMBDA),
    _recursive(
        "StepLR",
        "step",
        arguments={"step_size": word("schedule.every"), "gamma": word("schedule.gamma", 0.1)},
    ),
    _refused(
        "MultiStepLR",
        "takes gamma twice at a milestone given twice; Paddle refuses it, and the spec too",
        when=_repeats,
    ),
    _recursive(
        "MultiStepLR",
        "multistep",
        arguments={
            "milestones": word("schedule.milestones"),
            "gamma": word("schedule.gamma", 0.1),
        },
    ),
    _row(
        "ConstantLR",
        "piecewise",
        arguments=_constant_for(5),
        rate=lambda words: words["schedule.values"][1],
    ),
    _recursive(
        "LinearLR",
        "constant",
        arguments={"start_factor": start(1 / 3), "total_iters": warmup(5)},
        fixed={"end_factor": Fixed(1.0, 1.0)},
    ),
    _recursive(
        "LinearLR",
        "polynomial",
        means={"schedule.power": 1.0},
        arguments={"end_factor": times_lr("schedule.end_lr", 1.0), "total_iters": horizon(5)},
        fixed={"start_factor": Fixed(1.0, 1 / 3)},
    ),
    _recursive("ExponentialLR", "exponential", arguments={"gamma": word("schedule.gamma")}),
    _recursive(
        "CosineAnnealingLR",
        "cosine",
        arguments={"T_max": period()},
        fixed={"eta_min": Fixed(0.0, 0.0)},
        past=CLIMBS,
    ),
    _recursive(
        "CosineAnnealingLR",
        "cosine_with_min_lr",
        arguments={"T_max": period(), "eta_min": word("schedule.min_lr", 0.0)},
        past=WAVES,
    ),
    _refused(
        "ChainedScheduler",
        "multiplies schedules with each other; the spec puts them one after the other",
    ),
    _row("ReduceLROnPlateau", "reduce_on_plateau", arguments=plateau("eps")),
    *_CYCLES,
    _row(
        "CosineAnnealingWarmRestarts",
        "cosine_annealing_warm_restarts",
        means=ALIKE,
        arguments={"T_0": RESTARTS["T_0"]},
        fixed={"T_mult": Fixed(1, 1), "eta_min": Fixed(0.0, 0.0)},
    ),
    _row(
        "CosineAnnealingWarmRestarts",
        "cosine_annealing_warm_restarts",
        arguments=RESTARTS,
        equal="rounded",
        because=WHOLE_RATE,
    ),
    *_ONE_CYCLES,
    _recursive(
        "PolynomialLR",
        "polynomial",
        means={"schedule.end_lr": 0.0},
        arguments={"total_iters": horizon(5), "power": word("schedule.power", 1.0)},
    ),
    *(
        _recursive(
            "SWALR",
            schedule,
            "torch.optim.swa_utils",
            means=means,
            arguments={"swa_lr": word(rate), "anneal_epochs": horizon(10)},
            fixed={"anneal_strategy": Fixed(strategy, "cos")},
        )
        for strategy, schedule, means, rate in (
            ("cos", "cosine_with_min_lr", {"schedule.half_waves": 1.0}, "schedule.min_lr"),
            ("linear", "polynomial", {"schedule.power": 1.0}, "schedule.end_lr"),
        )
    ),
]

_FLAT = Table(_ROWS)

TORCH_SCHEDULES: list[Row] = [
    *_ROWS,
    _before(CLIMBS, cosine=True),
    _before("", cosine=False),
    _recursive(
        "SequentialLR",
        "sequential",
        arguments={
            "milestones": Argument(words=(), read=_nothing, write=_milestones),
            "schedulers": Argument(
                words=("schedule.phases", "horizon"), read=_phases, write=_write_phases
            ),
        },
    ),
]
