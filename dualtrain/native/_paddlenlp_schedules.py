"""paddlenlp's classes, and the functions that its Trainer takes by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualtrain.native._call import Argument, Fixed, Refusal, Row, Words, word
from dualtrain.native._schedule_arguments import (
    CLIMBS,
    NAME,
    SCOPE,
    STEPS,
    WHOLE_RATE,
    dispatched,
    half_waves,
    horizon,
    lr,
    warmup,
)

__all__ = ["PADDLENLP_SCHEDULES", "PADDLENLP_TYPES"]

Given = Mapping[str, Any]
CLASSES = "paddlenlp.transformers.optimization"
FUNCTIONS = "paddlenlp.trainer.trainer_utils"
SHARE = "warmup.proportion"


def _row(name: str, schedule: str, module: str = CLASSES, **more: Any) -> Row:
    return Row(
        library="paddlenlp",
        name=f"{module}.{name}",
        scope=SCOPE,
        means={NAME: schedule} | more.pop("means", {}),
        free=("last_epoch", "verbose"),
        **more,
    )


def _read_warmup(value: Any, words: Words, given: Given) -> Words:
    return {STEPS if isinstance(value, int) else SHARE: value}


def _write_warmup(words: Words) -> Any:
    if SHARE in words:
        return float(words[SHARE])
    return int(words.get(STEPS, 0))


_WARMUP = Argument(words=(STEPS, SHARE), read=_read_warmup, write=_write_warmup)
"""The type decides: an int is steps, any other number a proportion, rounded down."""

_ONLY_OF_A_SHARE = Argument(
    words=("horizon",),
    default=None,
    read=lambda value, words, given: horizon().read(value, words, given) if SHARE in words else {},
    write=lambda words: horizon().write(words) if SHARE in words else None,
)
"""What a constant schedule takes the proportion of."""


def _waves(cycles: Any, words: Words, given: Given) -> Words:
    whole = 1 if cycles is None else cycles
    if not isinstance(whole, int):
        raise Refusal("num_cycles must be an int, or the class raises AssertionError")
    return {"schedule.half_waves": 2.0 * whole}


def _write_waves(words: Words) -> int:
    if words["schedule.half_waves"] % 2:
        raise Refusal("num_cycles must be an int: half_waves must be even")
    return int(words["schedule.half_waves"] / 2)


_RUN = {"learning_rate": lr(), "total_steps": horizon(), "warmup": _WARMUP}
_ANNEALING = {
    "max_lr": lr(),
    "min_lr": word("schedule.min_lr"),
    "warmup_step": warmup(),
    "decay_step": horizon(),
}
_POLYNOMIAL = {
    "power": word("schedule.power", 1.0),
    "lr_end": word("schedule.end_lr", 1e-7),
}
_STEPS: dict[str, Argument] = {"num_warmup_steps": warmup(), "num_training_steps": horizon()}

PADDLENLP_TYPES = {
    called: _row(
        name, schedule, FUNCTIONS, arguments={"learning_rate": lr(), **arguments}, past=past
    )
    for called, name, schedule, arguments, past in (
        ("constant", "get_constant_schedule", "constant", {}, ""),
        (
            "constant_with_warmup",
            "get_constant_schedule_with_warmup",
            "constant",
            {"num_warmup_steps": warmup()},
            "",
        ),
        ("linear", "get_linear_schedule_with_warmup", "linear", _STEPS, ""),
        (
            "cosine",
            "get_cosine_schedule_with_warmup",
            "cosine",
            {**_STEPS, "num_cycles": half_waves(0.5)},
            CLIMBS,
        ),
        (
            "polynomial",
            "get_polynomial_decay_schedule_with_warmup",
            "polynomial",
            {**_STEPS, **_POLYNOMIAL},
            "",
        ),
    )
}
"""By the Trainer's `lr_scheduler_type`."""

_OWN = ("num_cycles", "lr_end", "power")

PADDLENLP_SCHEDULES: list[Row] = [
    _row(
        "ConstScheduleWithWarmup",
        "constant",
        arguments={"learning_rate": lr(), "warmup": _WARMUP, "total_steps": _ONLY_OF_A_SHARE},
        drives=True,
    ),
    _row("LinearDecayWithWarmup", "linear", arguments=_RUN, drives=True),
    _row(
        "CosineDecayWithWarmup",
        "cosine",
        arguments={
            **_RUN,
            "num_cycles": Argument(
                words=("schedule.half_waves",), default=None, read=_waves, write=_write_waves
            ),
        },
        fixed={"with_hard_restarts": Fixed(False, False)},
        past=CLIMBS,
    ),
    _row(
        "CosineDecayWithWarmup",
        "cosine_with_restarts",
        arguments={
            **_RUN,
            "num_cycles": word(
                "schedule.cycles",
                None,
                read=lambda cycles, _: 0.5 if cycles is None else cycles,
                write=lambda cycles, _: float(cycles),
            ),
        },
        fixed={"with_hard_restarts": Fixed(True, False)},
        drives=True,
    ),
    _row("PolyDecayWithWarmup", "polynomial", arguments={**_RUN, **_POLYNOMIAL}, drives=True),
    _row(
        "CosineAnnealingWithWarmupDecay",
        "cosine_annealing",
        arguments=_ANNEALING,
        equal="rounded",
        because=WHOLE_RATE,
    ),
    _row(
        "LinearAnnealingWithWarmupDecay",
        "linear_annealing",
        arguments=_ANNEALING,
        equal="rounded",
        because=WHOLE_RATE,
    ),
    _row(
        "InverseSquareRootSchedule",
        "inverse_sqrt",
        "paddlenlp.ops.optimizer.lr",
        arguments={"warmup_steps": word(STEPS), "learning_rate": lr(1.0)},
        equal="rounded",
        because=WHOLE_RATE,
    ),
    *PADDLENLP_TYPES.values(),
    *(
        dispatched(
            f"{FUNCTIONS}.get_scheduler",
            called,
            row,
            row.arguments,
            free=tuple(
                name
                for name in ("num_warmup_steps", "num_training_steps", *_OWN)
                if name not in row.arguments
            ),
        )
        for called, row in PADDLENLP_TYPES.items()
    ),
]
