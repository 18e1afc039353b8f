"""`paddle.optimizer.lr`: what Paddle itself has. None of its schedules cycles the momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualtrain.native._call import Argument, Call, Fixed, Refusal, Row, Words, word
from dualtrain.native._schedule_arguments import (
    ALIKE,
    ANGLE,
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
    WAVES,
    WHOLE_RATE,
    divided,
    down,
    gamma_of_exp_range,
    horizon,
    lr,
    period,
    plateau,
    read_later,
    shape,
    start,
    times_lr,
    warmup,
    write_later,
)
from dualtrain.native._table import Table

__all__ = ["PADDLE_SCHEDULES"]

Given = Mapping[str, Any]


def _row(name: str, schedule: str | None = None, **more: Any) -> Row:
    means = {NAME: schedule} if schedule is not None else {}
    return Row(
        library="paddle",
        name=f"paddle.optimizer.lr.{name}",
        scope=SCOPE,
        means=means | more.pop("means", {}),
        free=("last_epoch", "verbose", *more.pop("free", ())),
        **more,
    )


def _refused(name: str, because: str, **more: Any) -> Row:
    return _row(name, equal="refused", because=because, **more)


def _whole_rate(name: str, schedule: str | None, **more: Any) -> Row:
    return _row(name, schedule, equal="rounded", because=WHOLE_RATE, **more)


def _recursive(name: str, schedule: str, **more: Any) -> Row:
    return _row(name, schedule, equal="rounded", because=RECURSIVE, **more)


def _values(values: Any, words: Words, given: Given) -> Words:
    return {LR: values[0], "schedule.values": values}


def _the_rate_itself(value: Any, words: Words, given: Given) -> Words:
    if value != words[LR]:
        raise Refusal(f"rises to another rate than the one after it: {value}, {words[LR]}")
    return {}


def _inner(inner: Any, words: Words, given: Given) -> Words:
    around = {path: value for path, value in words.items() if path != LR}  # it brings its own
    return read_later(_FLAT, inner, around)


def _around(rise: str, *, past: str = "", because: str = WHOLE_RATE) -> Row:
    """`LinearWarmup` of another schedule: of a cosine, of the metric, or of any other."""
    special = {"CosineAnnealingDecay", "ReduceOnPlateau"}

    def when(given: Given, around: Words) -> bool:
        inner = given.get("learning_rate")
        name = inner.name.rpartition(".")[2] if isinstance(inner, Call) else ""
        return name == rise if rise else bool(name) and name not in special

    if because not in (WHOLE_RATE, ANGLE):
        return _refused("LinearWarmup", because, when=when)
    return _row(
        "LinearWarmup",
        means={"warmup.counted": "before"},
        arguments={
            "warmup_steps": word(STEPS),
            "learning_rate": Argument(
                words=ANYTHING,
                read=_inner,
                write=lambda words: write_later(_FLAT, words, "paddle"),
            ),
            **_RISE,
        },
        when=when,
        equal="rounded",
        because=because,
        past=past,
    )


_RISE = {
    "start_lr": word(
        "warmup.start",
        absent=0.0,
        read=lambda rate, words: rate / words[LR],
        write=lambda start, words: start * words[LR],
    ),
    "end_lr": Argument(words=(), read=_the_rate_itself, write=lambda words: words[LR]),
}

_ROWS = [
    _refused("LRScheduler", BASE),
    _whole_rate(
        "NoamDecay",
        "noam",
        arguments={
            "d_model": word("schedule.d_model"),
            "warmup_steps": word("schedule.warmup_steps"),
            "learning_rate": lr(1.0),
        },
    ),
    _row(
        "PiecewiseDecay",
        "piecewise",
        arguments={
            "boundaries": word("schedule.boundaries"),
            "values": Argument(
                words=("schedule.values",),
                read=_values,
                write=lambda words: words["schedule.values"],
            ),
        },
    ),
    _row(
        "NaturalExpDecay",
        "natural_exp",
        arguments={"learning_rate": lr(), "gamma": word("schedule.gamma")},
    ),
    _whole_rate(
        "InverseTimeDecay",
        "inverse_time",
        arguments={"learning_rate": lr(), "gamma": word("schedule.gamma")},
    ),
    _whole_rate(
        "PolynomialDecay",
        "polynomial",
        arguments={
            "learning_rate": lr(),
            "decay_steps": horizon(),
            "end_lr": word("schedule.end_lr", 1e-4),
            "power": word("schedule.power", 1.0),
            "cycle": word("schedule.cycle", False, absent=False),
        },
    ),
    _whole_rate(
        "LinearWarmup",
        "constant",
        arguments={"learning_rate": lr(), "warmup_steps": warmup(), **_RISE},
        when=lambda given, around: not isinstance(given["learning_rate"], Call),
    ),
    _row(
        "ExponentialDecay",
        "exponential",
        arguments={"learning_rate": lr(), "gamma": word("schedule.gamma")},
    ),
    _row(
        "MultiStepDecay",
        "multistep",
        arguments={
            "learning_rate": lr(),
            "milestones": word("schedule.milestones"),
            "gamma": word("schedule.gamma", 0.1),
        },
    ),
    _row(
        "StepDecay",
        "step",
        arguments={
            "learning_rate": lr(),
            "step_size": word("schedule.every"),
            "gamma": word("schedule.gamma", 0.1),
        },
    ),
    _refused("LambdaDecay", LAMBDA),
    _refused("MultiplicativeDecay", LAMBDA),
    _row(
        "ReduceOnPlateau",
        "reduce_on_plateau",
        means={"schedule.cooldown": 0},
        arguments={
            "learning_rate": lr(),
            **{k: a for k, a in plateau("epsilon").items() if k != "cooldown"},
        },
        fixed={"cooldown": Fixed(0, 0)},
    ),
    _row(
        "ReduceOnPlateau",
        "reduce_on_plateau",
        arguments={"learning_rate": lr(), **plateau("epsilon")},
        equal="different",
        because="while it cools down, Paddle looks at no metric; the spec and torch remember the "
        "best one",
    ),
    _recursive(
        "CosineAnnealingDecay",
        "cosine",
        arguments={"learning_rate": lr(), "T_max": period()},
        fixed={"eta_min": Fixed(0, 0)},
        past=CLIMBS,
    ),
    _recursive(
        "CosineAnnealingDecay",
        "cosine_with_min_lr",
        arguments={
            "learning_rate": lr(),
            "T_max": period(),
            "eta_min": word("schedule.min_lr", 0),
        },
        past=WAVES,
    ),
    _whole_rate(
        "OneCycleLR",
        "one_cycle",
        arguments={
            "max_learning_rate": lr(),
            "total_steps": horizon(),
            "divide_factor": word(
                "schedule.start_lr",
                25.0,
                read=lambda factor, words: words[LR] / factor,
                write=lambda rate, words: divided(words[LR], rate),
            ),
            "end_learning_rate": word("schedule.end_lr", 1e-4),
            "phase_pct": word("schedule.rise", 0.3),
            "anneal_strategy": shape("schedule.shape", "cos", SHAPES),
            "three_phase": word("schedule.three_phase", False, absent=False),
        },
        past=RAISES,
    ),
    _whole_rate(
        "CyclicLR",
        "cyclic",
        arguments={
            "base_learning_rate": lr(),
            "max_learning_rate": word("schedule.max_lr"),
            "step_size_up": word("schedule.up"),
            "step_size_down": down(),
            "mode": word("schedule.mode", "triangular"),
            "exp_gamma": gamma_of_exp_range(1.0),
        },
        fixed={"scale_fn": Fixed(None, None)},
        free=("scale_mode",),  # without scale_fn the mode decides
    ),
    _recursive(
        "LinearLR",
        "constant",
        arguments={"learning_rate": lr(), "total_steps": warmup(), "start_factor": start(1 / 3)},
        fixed={"end_factor": Fixed(1.0, 1.0)},
    ),
    _recursive(
        "LinearLR",
        "polynomial",
        means={"schedule.power": 1.0},
        arguments={
            "learning_rate": lr(),
            "total_steps": horizon(),
            "end_factor": times_lr("schedule.end_lr", 1.0),
        },
        fixed={"start_factor": Fixed(1.0, 1 / 3)},
    ),
    _row(
        "CosineAnnealingWarmRestarts",
        "cosine_annealing_warm_restarts",
        means=ALIKE,
        arguments={"learning_rate": lr(), "T_0": RESTARTS["T_0"]},
        fixed={"T_mult": Fixed(1, 1), "eta_min": Fixed(0, 0)},
    ),
    _whole_rate(
        "CosineAnnealingWarmRestarts",
        "cosine_annealing_warm_restarts",
        arguments={"learning_rate": lr(), **RESTARTS},
    ),
]

_FLAT = Table(_ROWS)

PADDLE_SCHEDULES: list[Row] = [
    *_ROWS,
    _around("CosineAnnealingDecay", because=ANGLE, past=CLIMBS),
    _around(
        "ReduceOnPlateau",
        because="hands the number of the update to ReduceOnPlateau as its metric",
    ),
    _around(""),
]
