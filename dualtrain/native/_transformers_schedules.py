"""transformers' functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualtrain.native import _schedule_arguments as says
from dualtrain.native._call import Argument, Refusal, Row, Words, at_default
from dualtrain.native._schedule_arguments import LR, STEPS
from dualtrain.native._schedule_rows import ANGLE, CLIMBS, RATIO, Rows, dispatched

__all__ = ["HF_TYPES", "TRANSFORMERS_SCHEDULES"]

Given = Mapping[str, Any]
HF = Rows("transformers", "transformers.optimization", free=("last_epoch",))
ADAFACTOR = "reads the rate that Adafactor computes for itself"
FALLS = {"linear": "linear", "cosine": "cosine", "1-sqrt": "one_minus_sqrt"}

_WARMUP = {"num_warmup_steps": says.warmup()}
_END = says.horizon()
_STEPS = {**_WARMUP, "num_training_steps": _END}
_WAVES = {"num_cycles": says.half_waves(0.5)}


def _timescale(value: Any, words: Words, given: Given) -> Words:
    """Without warmup and without a word it is 10,000."""
    if value is None:
        return {} if given["num_warmup_steps"] else {"schedule.timescale": 10_000}
    return {"schedule.timescale": value}


def _type(called: str, *what: Any, **more: Any) -> tuple[str, Row]:
    """A row, and the Trainer's name of it."""
    return called, HF.exact(*what, **more)


def _to_lowest(
    called: str, name: str, steps: Mapping[str, Argument], because: str = ""
) -> list[tuple[str, Row]]:
    """A cosine whose lowest rate is given itself, or as a ratio; `because`: it is not exact."""

    def row(arguments: Mapping[str, Argument], other: str, because: str) -> tuple[str, Row]:
        return _type(
            called,
            name,
            "cosine_with_min_lr",
            {**steps, **_WAVES, **arguments},
            fixed=at_default(**{other: None}),
            equal="rounded" if because else "exact",
            because=because,
            past=CLIMBS,
        )

    return [
        row({"min_lr": says.field("min_lr")}, "min_lr_rate", because),
        row({"min_lr_rate": says.times_lr("schedule.min_lr")}, "min_lr", because or RATIO),
    ]


def _from_1(value: Any, words: Words, given: Given) -> Words:
    if value < 1:
        raise Refusal("begins its cosine an update late without warmup")
    return {STEPS: value - 1} if value > 1 else {}


def _first_rate(value: Any, words: Words, given: Given) -> Words:
    if STEPS not in words:
        return {}
    return {"warmup.start": 1 / (words[STEPS] + 1) if value is None else value}


_LATE = {
    "num_warmup_steps": Argument(
        words=(STEPS,), read=_from_1, write=lambda words: words.get(STEPS, 0) + 1
    ),
    "num_training_steps": says.horizon(offset=1),
    "warmup_lr_rate": Argument(
        words=("warmup.start",),
        default=None,
        read=_first_rate,
        write=lambda words: words.get("warmup.start", 0.0),
    ),
}
"""It counts from 1: the rate at t = 0 is that of one update."""


def _lowest(ratio: Any, words: Words, given: Given) -> Words:
    started = {"warmup.start": ratio} if words.get(STEPS) else {}
    return {"schedule.min_lr": ratio * words[LR], **started}


def _write_lowest(words: Words) -> float:
    ratio = words["schedule.min_lr"] / words[LR]
    start = words.get("warmup.start", 0.0)
    if words.get(STEPS, 0) and abs(start - ratio) > 1e-9:
        raise Refusal("rises from min_lr")
    return float(ratio)


def _read_end(value: Any, words: Words, given: Given) -> Words:
    """The end is looked at only where the plateau's length is not given."""
    if given.get("num_stable_steps") is not None:
        return {}
    return _END.read(value, words, given)


def _write_end(words: Words) -> Any:
    return None if "schedule.stable" in words else _END.write(words)


def _waves_of_a_cosine(value: Any, words: Words, given: Given) -> Words:
    return {"schedule.half_waves": 2.0 * value} if given["decay_type"] == "cosine" else {}


_STABLE = {
    **_WARMUP,
    "num_decay_steps": says.field("decay"),
    "warmup_type": says.shape("warmup.shape", "linear", FALLS, absent="linear"),
    "decay_type": says.shape("schedule.shape", "cosine", FALLS),
    "num_cycles": Argument(
        words=("schedule.half_waves",),
        default=0.5,
        read=_waves_of_a_cosine,
        write=lambda words: words.get("schedule.half_waves", 1.0) / 2,
    ),
}
_LENGTHS = {
    "num_stable_steps": says.field("stable", None, absent=None),
    "num_training_steps": Argument(
        words=_END.words, default=None, read=_read_end, write=_write_end
    ),
}
_LOWEST = Argument(
    words=("schedule.min_lr", "warmup.start"), default=0, read=_lowest, write=_write_lowest
)
_TIMESCALE = Argument(
    words=("schedule.timescale",),
    default=None,
    read=_timescale,
    write=lambda words: words.get("schedule.timescale"),
)

_CYCLES = {"num_cycles": says.field("cycles", 1)}
_POLYNOMIAL = {"power": says.field("power", 1.0), "lr_end": says.field("end_lr", 1e-7)}
_WSD = ("warmup_stable_decay", "get_wsd_schedule", "warmup_stable_decay")

HF_TYPES: list[tuple[str, Row]] = [
    _type("constant", "get_constant_schedule", "constant"),
    _type(
        "constant_with_warmup",
        "get_constant_schedule_with_warmup",
        "constant",
        _WARMUP,
        drives=True,
    ),
    _type("linear", "get_linear_schedule_with_warmup", "linear", _STEPS, drives=True),
    _type("cosine", "get_cosine_schedule_with_warmup", "cosine", {**_STEPS, **_WAVES}, past=CLIMBS),
    _type(
        "cosine_with_restarts",
        "get_cosine_with_hard_restarts_schedule_with_warmup",
        "cosine_with_restarts",
        {**_STEPS, **_CYCLES},
        drives=True,
    ),
    _type(
        "polynomial",
        "get_polynomial_decay_schedule_with_warmup",
        "polynomial",
        {**_STEPS, **_POLYNOMIAL},
        drives=True,
    ),
    _type(
        "inverse_sqrt",
        "get_inverse_sqrt_schedule",
        "inverse_sqrt",
        {**_WARMUP, "timescale": _TIMESCALE},
        drives=True,
    ),
    _type(
        "reduce_lr_on_plateau",
        "get_reduce_on_plateau_schedule",
        "reduce_on_plateau",
        says.plateau("eps"),
    ),
    *_to_lowest("cosine_with_min_lr", "get_cosine_with_min_lr_schedule_with_warmup", _STEPS),
    *_to_lowest(
        "cosine_warmup_with_min_lr",
        "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
        _LATE,
        ANGLE,
    ),
    _type(
        *_WSD,
        {**_STABLE, **_LENGTHS},
        means={"schedule.min_lr": 0.0},
        fixed=at_default(min_lr_ratio=0),
    ),
    _type(*_WSD, {**_STABLE, "min_lr_ratio": _LOWEST, **_LENGTHS}, equal="rounded", because=RATIO),
]
"""By the Trainer's `lr_scheduler_type`, which is the first argument of `get_scheduler`."""


def _through_kwargs(called: str, row: Row, *, drops: bool) -> Row:
    """`get_scheduler(called, ...)`; `drops`: its `scheduler_specific_kwargs` are not handed on."""
    steps = {k: a for k, a in row.arguments.items() if k in _STEPS}
    own = {k: a for k, a in row.arguments.items() if k not in _STEPS}

    def read(kwargs: Any, words: Words, given: Given) -> Words:
        kwargs = kwargs or {}
        unknown = kwargs.keys() & _STEPS.keys()
        if unknown:
            raise Refusal(f"no word is known for {', '.join(sorted(unknown))}")
        return row.read({**{name: given[name] for name in steps}, **kwargs}, words)

    def write(words: Words) -> dict[str, Any]:
        given = {name: argument.write(words) for name, argument in own.items()}
        return {name: value for name, value in given.items() if value is not None}

    def when(given: Given, around: Words) -> bool:
        return row.holds({**given, **(given.get("scheduler_specific_kwargs") or {})}, around)

    arguments = dict(steps)
    if own and not drops:
        arguments["scheduler_specific_kwargs"] = Argument(
            words=tuple(path for argument in own.values() for path in argument.words),
            default=None,
            read=read,
            write=write,
        )
    free = {*_STEPS, "scheduler_specific_kwargs"} - arguments.keys()
    return dispatched(
        f"{HF.module}.get_scheduler",
        called,
        row,
        arguments=arguments,
        when=when,
        free=tuple(sorted(free)),
    )


TRANSFORMERS_SCHEDULES: list[Row] = [
    *(row for _, row in HF_TYPES),
    *(_through_kwargs(called, row, drops=called == "inverse_sqrt") for called, row in HF_TYPES),
    HF.refused("get_adafactor_schedule", ADAFACTOR),
    HF.refused("AdafactorSchedule", ADAFACTOR),
]
