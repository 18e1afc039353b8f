"""paddlenlp's classes, and the functions that its Trainer takes by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualtrain.native import _schedule_arguments as says
from dualtrain.native._call import Argument, Fixed, Refusal, Row, Words, at_default, word
from dualtrain.native._schedule_arguments import STEPS
from dualtrain.native._schedule_rows import CLIMBS, Rows, dispatched

__all__ = ["PADDLENLP_SCHEDULES", "PADDLENLP_TYPES"]

Given = Mapping[str, Any]
CLASSES = Rows("paddlenlp", "paddlenlp.transformers.optimization")
FUNCTIONS = Rows("paddlenlp", "paddlenlp.trainer.trainer_utils")
MORE = Rows("paddlenlp", "paddlenlp.ops.optimizer.lr")
SHARE = "warmup.proportion"


def _read_warmup(value: Any, words: Words, given: Given) -> Words:
    return {STEPS if isinstance(value, int) else SHARE: value}


def _write_warmup(words: Words) -> Any:
    if SHARE in words:
        return float(words[SHARE])
    return int(words.get(STEPS, 0))


_WARMUP = Argument(words=(STEPS, SHARE), read=_read_warmup, write=_write_warmup)
"""The type decides: an int is steps, any other number a proportion, rounded down."""

_END = says.horizon()
_END_OF_A_SHARE = Argument(
    words=_END.words,
    default=None,
    read=lambda value, words, given: _END.read(value, words, given) if SHARE in words else {},
    write=lambda words: _END.write(words) if SHARE in words else None,
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


_LR = {"learning_rate": says.lr()}
_RUN = {**_LR, "total_steps": _END, "warmup": _WARMUP}
_ANNEALING = {
    "max_lr": says.lr(),
    "min_lr": says.field("min_lr"),
    "warmup_step": says.warmup(),
    "decay_step": _END,
}
_POLYNOMIAL = {"power": says.field("power", 1.0), "lr_end": says.field("end_lr", 1e-7)}
_STEPS = {**_LR, "num_warmup_steps": says.warmup(), "num_training_steps": _END}
_CYCLES = Argument(words=("schedule.half_waves",), default=None, read=_waves, write=_write_waves)
_HALF_CYCLES = says.field(
    "cycles",
    None,
    read=lambda cycles, _: 0.5 if cycles is None else cycles,
    write=lambda cycles, _: float(cycles),
)

PADDLENLP_TYPES = {
    "constant": FUNCTIONS.exact("get_constant_schedule", "constant", _LR),
    "constant_with_warmup": FUNCTIONS.exact(
        "get_constant_schedule_with_warmup", "constant", {**_LR, "num_warmup_steps": says.warmup()}
    ),
    "linear": FUNCTIONS.exact("get_linear_schedule_with_warmup", "linear", _STEPS),
    "cosine": FUNCTIONS.exact(
        "get_cosine_schedule_with_warmup",
        "cosine",
        {**_STEPS, "num_cycles": says.half_waves(0.5)},
        past=CLIMBS,
    ),
    "polynomial": FUNCTIONS.exact(
        "get_polynomial_decay_schedule_with_warmup", "polynomial", {**_STEPS, **_POLYNOMIAL}
    ),
}
"""By the Trainer's `lr_scheduler_type`."""

_PASSED = ("num_warmup_steps", "num_training_steps", "num_cycles", "lr_end", "power")
"""What `get_scheduler` takes for each of them, and hands on to those that have it."""

PADDLENLP_SCHEDULES: list[Row] = [
    CLASSES.exact(
        "ConstScheduleWithWarmup",
        "constant",
        {**_LR, "warmup": _WARMUP, "total_steps": _END_OF_A_SHARE},
        drives=True,
    ),
    CLASSES.exact("LinearDecayWithWarmup", "linear", _RUN, drives=True),
    CLASSES.exact(
        "CosineDecayWithWarmup",
        "cosine",
        {**_RUN, "num_cycles": _CYCLES},
        fixed=at_default(with_hard_restarts=False),
        past=CLIMBS,
    ),
    CLASSES.exact(
        "CosineDecayWithWarmup",
        "cosine_with_restarts",
        {**_RUN, "num_cycles": _HALF_CYCLES},
        fixed={"with_hard_restarts": Fixed(True, False)},
        drives=True,
    ),
    CLASSES.exact("PolyDecayWithWarmup", "polynomial", {**_RUN, **_POLYNOMIAL}, drives=True),
    CLASSES.whole_rate("CosineAnnealingWithWarmupDecay", "cosine_annealing", _ANNEALING),
    CLASSES.whole_rate("LinearAnnealingWithWarmupDecay", "linear_annealing", _ANNEALING),
    MORE.whole_rate(
        "InverseSquareRootSchedule",
        "inverse_sqrt",
        {"warmup_steps": word(STEPS), "learning_rate": says.lr(1.0)},
    ),
    *PADDLENLP_TYPES.values(),
    *(
        dispatched(
            f"{FUNCTIONS.module}.get_scheduler",
            called,
            row,
            free=tuple(name for name in _PASSED if name not in row.arguments),
        )
        for called, row in PADDLENLP_TYPES.items()
    ),
]
