"""transformers' functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dualtrain.native._call import Argument, Fixed, Refusal, Row, Words, word
from dualtrain.native._schedule_arguments import (
    ANGLE,
    CLIMBS,
    LR,
    NAME,
    RATIO,
    SCOPE,
    STEPS,
    dispatched,
    half_waves,
    horizon,
    plateau,
    shape,
    times_lr,
    warmup,
)

__all__ = ["HF_TYPES", "TRANSFORMERS_SCHEDULES"]

Given = Mapping[str, Any]
MODULE = "transformers.optimization"
ADAFACTOR = "reads the rate that Adafactor computes for itself"
FALLS = {"linear": "linear", "cosine": "cosine", "1-sqrt": "one_minus_sqrt"}

_STEPS: dict[str, Argument] = {"num_warmup_steps": warmup(), "num_training_steps": horizon()}


def _row(name: str, schedule: str | None = None, **more: Any) -> Row:
    means = {NAME: schedule} if schedule is not None else {}
    return Row(
        library="transformers",
        name=f"{MODULE}.{name}",
        scope=SCOPE,
        means=means | more.pop("means", {}),
        free=("last_epoch", *more.pop("free", ())),
        **more,
    )


def _timescale(value: Any, words: Words, given: Given) -> Words:
    """Without warmup and without a word it is 10,000."""
    if value is None:
        return {} if given["num_warmup_steps"] else {"schedule.timescale": 10_000}
    return {"schedule.timescale": value}


def _to_lowest(name: str, steps: Mapping[str, Argument], **more: Any) -> list[Row]:
    """A cosine whose lowest rate is given itself, or as a ratio."""
    waves = {**steps, "num_cycles": half_waves(0.5)}
    unless = more.pop("unless", {"equal": "exact", "because": ""})
    return [
        _row(
            name,
            "cosine_with_min_lr",
            arguments={**waves, "min_lr": word("schedule.min_lr")},
            fixed={"min_lr_rate": Fixed(None, None)},
            **unless,
            **more,
        ),
        _row(
            name,
            "cosine_with_min_lr",
            arguments={**waves, "min_lr_rate": times_lr("schedule.min_lr")},
            fixed={"min_lr": Fixed(None, None)},
            equal="rounded",
            because=unless["because"] or RATIO,
            **more,
        ),
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
    "num_training_steps": horizon(offset=1),
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


def _stable(value: Any, words: Words, given: Given) -> Words:
    return {} if value is None else {"schedule.stable": value}


def _read_end(value: Any, words: Words, given: Given) -> Words:
    """The end is looked at only where the plateau's length is not given."""
    if given.get("num_stable_steps") is not None:
        return {}
    return horizon().read(value, words, given)


def _write_end(words: Words) -> Any:
    return None if "schedule.stable" in words else horizon().write(words)


def _waves_of_a_cosine(value: Any, words: Words, given: Given) -> Words:
    return {"schedule.half_waves": 2.0 * value} if given["decay_type"] == "cosine" else {}


_STABLE: dict[str, Argument] = {
    "num_warmup_steps": warmup(),
    "num_decay_steps": word("schedule.decay"),
    "warmup_type": shape("warmup.shape", "linear", FALLS, absent="linear"),
    "decay_type": shape("schedule.shape", "cosine", FALLS),
    "num_cycles": Argument(
        words=("schedule.half_waves",),
        default=0.5,
        read=_waves_of_a_cosine,
        write=lambda words: words.get("schedule.half_waves", 1.0) / 2,
    ),
}

_LENGTHS: dict[str, Argument] = {
    "num_stable_steps": Argument(
        words=("schedule.stable",),
        default=None,
        read=_stable,
        write=lambda words: words.get("schedule.stable"),
    ),
    "num_training_steps": Argument(
        words=("horizon",), default=None, read=_read_end, write=_write_end
    ),
}

_POLYNOMIAL = {
    **_STEPS,
    "power": word("schedule.power", 1.0),
    "lr_end": word("schedule.end_lr", 1e-7),
}

_CONSTANT = _row("get_constant_schedule", "constant")
_PLATEAU = _row("get_reduce_on_plateau_schedule", "reduce_on_plateau", arguments=plateau("eps"))
_CONSTANT_WITH_WARMUP = _row(
    "get_constant_schedule_with_warmup",
    "constant",
    arguments={"num_warmup_steps": warmup()},
    drives=True,
)
_LINEAR = _row("get_linear_schedule_with_warmup", "linear", arguments=_STEPS, drives=True)
_COSINE = _row(
    "get_cosine_schedule_with_warmup",
    "cosine",
    arguments={**_STEPS, "num_cycles": half_waves(0.5)},
    past=CLIMBS,
)
_RESTARTS = _row(
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "cosine_with_restarts",
    arguments={**_STEPS, "num_cycles": word("schedule.cycles", 1)},
    drives=True,
)
_POLY = _row(
    "get_polynomial_decay_schedule_with_warmup",
    "polynomial",
    arguments=_POLYNOMIAL,
    drives=True,
)
_INVERSE_SQRT = _row(
    "get_inverse_sqrt_schedule",
    "inverse_sqrt",
    arguments={
        "num_warmup_steps": warmup(),
        "timescale": Argument(
            words=("schedule.timescale",),
            default=None,
            read=_timescale,
            write=lambda words: words.get("schedule.timescale"),
        ),
    },
    drives=True,
)
_MIN_LR = _to_lowest("get_cosine_with_min_lr_schedule_with_warmup", _STEPS, past=CLIMBS)
_MIN_LR_LATE = _to_lowest(
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    _LATE,
    past=CLIMBS,
    unless={"equal": "rounded", "because": ANGLE},
)
_WSD = [
    _row(
        "get_wsd_schedule",
        "warmup_stable_decay",
        means={"schedule.min_lr": 0.0},
        arguments={**_STABLE, **_LENGTHS},
        fixed={"min_lr_ratio": Fixed(0, 0)},
    ),
    _row(
        "get_wsd_schedule",
        "warmup_stable_decay",
        arguments={
            **_STABLE,
            "min_lr_ratio": Argument(
                words=("schedule.min_lr", "warmup.start"),
                default=0,
                read=_lowest,
                write=_write_lowest,
            ),
            **_LENGTHS,
        },
        equal="rounded",
        because=RATIO,
    ),
]

HF_TYPES: list[tuple[str, Row]] = [
    ("constant", _CONSTANT),
    ("constant_with_warmup", _CONSTANT_WITH_WARMUP),
    ("linear", _LINEAR),
    ("cosine", _COSINE),
    ("cosine_with_restarts", _RESTARTS),
    ("polynomial", _POLY),
    ("inverse_sqrt", _INVERSE_SQRT),
    ("reduce_lr_on_plateau", _PLATEAU),
    *(("cosine_with_min_lr", row) for row in _MIN_LR),
    *(("cosine_warmup_with_min_lr", row) for row in _MIN_LR_LATE),
    *(("warmup_stable_decay", row) for row in _WSD),
]
"""By the Trainer's `lr_scheduler_type`, which is the first argument of `get_scheduler`."""


def _through_kwargs(called: str, row: Row, *, drops: bool) -> Row:
    """`get_scheduler(called, ...)`; `drops`: its `scheduler_specific_kwargs` are not handed on."""
    steps = {k: a for k, a in row.arguments.items() if k in _STEPS}
    own = {k: a for k, a in row.arguments.items() if k not in _STEPS}

    def all_of(kwargs: Any) -> dict[str, Any]:
        return {**replace(row, arguments=own).defaults(), **(kwargs or {})}

    def read(kwargs: Any, words: Words, given: Given) -> Words:
        everything = {**given, **all_of(kwargs)}
        unknown = all_of(kwargs).keys() - {*own, *row.fixed, *row.free}
        if unknown:
            raise Refusal(f"no word is known for {', '.join(sorted(unknown))}")
        said: dict[str, Any] = {}
        for name, argument in own.items():
            if name not in everything:
                raise Refusal(f"needs {name}")
            said |= argument.read(everything[name], {**words, **said}, everything)
        return said

    def write(words: Words) -> dict[str, Any]:
        given = {name: argument.write(words) for name, argument in own.items()}
        return {name: value for name, value in given.items() if value is not None}

    def when(given: Given, around: Words) -> bool:
        return row.holds({**given, **all_of(given.get("scheduler_specific_kwargs"))}, around)

    arguments = dict(steps)
    if own and not drops:
        arguments["scheduler_specific_kwargs"] = Argument(
            words=tuple(path for argument in own.values() for path in argument.words),
            default=None,
            read=read,
            write=write,
        )
    free = {"num_warmup_steps", "num_training_steps", "scheduler_specific_kwargs"}
    return dispatched(
        f"{MODULE}.get_scheduler",
        called,
        replace(row, when=when),
        arguments,
        free=tuple(sorted(free - arguments.keys())),
    )


TRANSFORMERS_SCHEDULES: list[Row] = [
    _CONSTANT,
    _PLATEAU,
    _CONSTANT_WITH_WARMUP,
    _LINEAR,
    _COSINE,
    _RESTARTS,
    _POLY,
    _INVERSE_SQRT,
    *_MIN_LR,
    *_MIN_LR_LATE,
    *_WSD,
    *(_through_kwargs(called, row, drops=called == "inverse_sqrt") for called, row in HF_TYPES),
    _row("get_adafactor_schedule", equal="refused", because=ADAFACTOR),
    _row("AdafactorSchedule", equal="refused", because=ADAFACTOR),
]
