"""`paddle.optimizer.lr`: what Paddle itself has. None of its schedules cycles the momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualtrain.native import _schedule_arguments as says
from dualtrain.native._call import REQUIRED, Argument, Call, Refusal, Row, Words, at_default, word
from dualtrain.native._schedule_arguments import LR
from dualtrain.native._schedule_rows import ANGLE, BASE, CLIMBS, LAMBDA, RAISES, WHOLE_RATE, Rows
from dualtrain.native._table import Table

__all__ = ["PADDLE_SCHEDULES"]

Given = Mapping[str, Any]
PADDLE = Rows("paddle", "paddle.optimizer.lr")


def _values(values: Any, words: Words, given: Given) -> Words:
    return {LR: values[0], "schedule.values": values}


def _the_rate_itself(value: Any, words: Words, given: Given) -> Words:
    if value != words[LR]:
        raise Refusal(f"rises to another rate than the one after it: {value}, {words[LR]}")
    return {}


def _inner(inner: Any, words: Words, given: Given) -> Words:
    around = {path: value for path, value in words.items() if path != LR}  # it brings its own
    return says.read_later(_FLAT, inner, around)


def _around(rise: str, *, past: str = "", because: str = WHOLE_RATE) -> Row:
    """`LinearWarmup` of another schedule: of a cosine, of the metric, or of any other."""
    special = {"CosineAnnealingDecay", "ReduceOnPlateau"}

    def when(given: Given, around: Words) -> bool:
        inner = given.get("learning_rate")
        name = inner.short_name if isinstance(inner, Call) else ""
        return name == rise if rise else bool(name) and name not in special

    if because not in (WHOLE_RATE, ANGLE):
        return PADDLE.refused("LinearWarmup", because, when=when)
    inner = Argument(
        words=says.ANYTHING,
        read=_inner,
        write=lambda words: says.write_later(_FLAT, words, "paddle"),
    )
    return PADDLE.exact(
        "LinearWarmup",
        arguments={"warmup_steps": word(says.STEPS), "learning_rate": inner, **_RISE},
        means={"warmup.counted": "before"},
        when=when,
        equal="rounded",
        because=because,
        past=past,
    )


_BASE = {"learning_rate": says.lr()}
_GAMMA = {"gamma": says.field("gamma")}
_TENTH = {"gamma": says.field("gamma", 0.1)}
_PLATEAU = {**_BASE, **says.plateau("epsilon")}
_RISE = {
    "start_lr": word(
        "warmup.start",
        absent=0.0,
        read=lambda rate, words: rate / words[LR],
        write=lambda start, words: start * words[LR],
    ),
    "end_lr": Argument(words=(), read=_the_rate_itself, write=lambda words: words[LR]),
}
_POLYNOMIAL = {
    **_BASE,
    "decay_steps": says.horizon(),
    "end_lr": says.field("end_lr", 1e-4),
    "power": says.field("power", 1.0),
    "cycle": says.field("cycle", False, absent=False),
}
_ONE_CYCLE = {
    "max_learning_rate": says.lr(),
    "total_steps": says.horizon(),
    "divide_factor": says.start_lr(),
    "end_learning_rate": says.field("end_lr", 1e-4),
    "phase_pct": says.field("rise", 0.3),
    "anneal_strategy": says.shape("schedule.shape", "cos", says.SHAPES),
    "three_phase": says.field("three_phase", False, absent=False),
}
_CYCLIC = {
    "base_learning_rate": says.lr(),
    "max_learning_rate": says.field("max_lr"),
    "step_size_up": says.field("up"),
    "step_size_down": says.down(),
    "mode": says.field("mode", "triangular"),
    "exp_gamma": says.gamma_of_exp_range(1.0),
}
_NOAM = {
    "d_model": says.field("d_model"),
    "warmup_steps": says.field("warmup_steps"),
    "learning_rate": says.lr(1.0),
}
_PIECEWISE = {
    "boundaries": says.field("boundaries"),
    "values": Argument(
        words=("schedule.values",), read=_values, write=lambda words: words["schedule.values"]
    ),
}

_ROWS = [
    PADDLE.refused("LRScheduler", BASE),
    PADDLE.whole_rate("NoamDecay", "noam", _NOAM),
    PADDLE.exact("PiecewiseDecay", "piecewise", _PIECEWISE),
    PADDLE.exact("NaturalExpDecay", "natural_exp", {**_BASE, **_GAMMA}),
    PADDLE.whole_rate("InverseTimeDecay", "inverse_time", {**_BASE, **_GAMMA}),
    PADDLE.whole_rate("PolynomialDecay", "polynomial", _POLYNOMIAL),
    PADDLE.whole_rate(
        "LinearWarmup",
        "constant",
        {**_BASE, "warmup_steps": says.warmup(), **_RISE},
        when=lambda given, around: not isinstance(given["learning_rate"], Call),
    ),
    PADDLE.exact("ExponentialDecay", "exponential", {**_BASE, **_GAMMA}),
    PADDLE.exact(
        "MultiStepDecay", "multistep", {**_BASE, "milestones": says.field("milestones"), **_TENTH}
    ),
    PADDLE.exact("StepDecay", "step", {**_BASE, "step_size": says.field("every"), **_TENTH}),
    PADDLE.refused("LambdaDecay", LAMBDA),
    PADDLE.refused("MultiplicativeDecay", LAMBDA),
    PADDLE.exact(
        "ReduceOnPlateau",
        "reduce_on_plateau",
        {name: argument for name, argument in _PLATEAU.items() if name != "cooldown"},
        means={"schedule.cooldown": 0},
        fixed=at_default(cooldown=0),
    ),
    PADDLE.exact(
        "ReduceOnPlateau",
        "reduce_on_plateau",
        _PLATEAU,
        equal="different",
        because="while it cools down, Paddle looks at no metric; the spec and torch remember the "
        "best one",
    ),
    *PADDLE.cosine_annealing(_BASE, "CosineAnnealingDecay"),
    PADDLE.whole_rate("OneCycleLR", "one_cycle", _ONE_CYCLE, past=RAISES),
    PADDLE.whole_rate(
        "CyclicLR",
        "cyclic",
        _CYCLIC,
        fixed=at_default(scale_fn=None),
        free=("scale_mode",),  # without scale_fn the mode decides
    ),
    *PADDLE.linear_lr(_BASE, "total_steps", REQUIRED),
    *PADDLE.warm_restarts(_BASE),
]

_FLAT = Table(_ROWS)

PADDLE_SCHEDULES: list[Row] = [
    *_ROWS,
    _around("CosineAnnealingDecay", because=ANGLE, past=CLIMBS),
    _around(
        "ReduceOnPlateau", because="hands the number of the update to ReduceOnPlateau as its metric"
    ),
    _around(""),
]
