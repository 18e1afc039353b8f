"""Each schedule once more, from the words of the native classes, one update at a time.

Nothing here is shared with `dualtrain.plan`: falls by steps are loops that multiply, and shares
are exact fractions until the last moment. So the two agree only up to rounding.
"""

from __future__ import annotations

from fractions import Fraction
from math import cos, exp, floor, pi, sqrt
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from dualtrain.errors import PlanError
from dualtrain.spec import Spec
from tests.schedules import NAMES, parts

U = 3
"""Updates per epoch."""

Values = dict[str, Any]


def half_wave(share: float | Fraction) -> float:
    return (1 + cos(pi * share)) / 2


def down(shape: str, share: float, half_waves: float = 1) -> float:
    """From 1 to 0."""
    return {
        "linear": 1 - share,
        "cosine": half_wave(half_waves * share),
        "one_minus_sqrt": 1 - sqrt(share),
    }[shape]


def between(a: float, b: float, left: float) -> float:
    """a where all is left, b where nothing is."""
    return b + (a - b) * left


def to_the_horizon(s: Values, lr: float, n: int, warmup: int, horizon: int) -> float:
    """Schedules that fall from W to H."""
    n = min(n, horizon) if not s.get("cycle") else n
    share = Fraction(n - warmup, horizon - warmup)
    match s["name"]:
        case "constant":
            return lr
        case "linear":
            return float(lr * (1 - share))
        case "cosine":
            return lr * half_wave(s["half_waves"] * share)
        case "cosine_with_restarts":
            waves = Fraction(s["cycles"]) * share
            if abs(waves - round(waves)) < 1e-9 and share not in (0, 1):
                reject()  # which side of a restart it is on is a matter of rounding
            return 0.0 if share == 1 else lr * half_wave(waves - floor(waves))
        case "cosine_with_min_lr":
            return between(lr, s["min_lr"], half_wave(s["half_waves"] * share))
        case "linear_annealing":
            return between(lr, s["min_lr"], float(1 - share))
        case "cosine_annealing":
            return between(lr, s["min_lr"], half_wave(share))
        case "polynomial":
            while s["cycle"] and share > 1:
                span = (n - warmup) / share + horizon - warmup  # the way, lengthened
                share = Fraction(n - warmup) / span
            return between(lr, s["end_lr"], float(1 - share) ** s["power"])
        case "warmup_stable_decay":
            stable, decay = s["stable"], s["decay"]
            gone = n - (horizon - decay if stable is None else warmup + stable)
            if gone >= decay:
                return float(s["min_lr"])
            left = down(s["shape"], gone / decay, s.get("half_waves") or 1) if gone > 0 else 1.0
            return between(lr, s["min_lr"], left)
        case other:
            raise AssertionError(other)


def by_count(s: Values, lr: float, n: int) -> float:
    """Schedules that count on."""
    match s["name"]:
        case "step":
            for _ in range(s["every"], n + 1, s["every"]):
                lr *= float(s["gamma"])
            return lr
        case "multistep":
            for milestone in s["milestones"]:
                lr *= float(s["gamma"]) if n >= milestone else 1
            return lr
        case "piecewise":
            for boundary, value in zip(s["boundaries"], s["values"], strict=False):
                if n < boundary:
                    return float(value)
            return float(s["values"][-1])
        case "exponential":
            for _ in range(n):
                lr *= float(s["gamma"])
            return lr
        case "natural_exp":
            return float(lr * exp(-s["gamma"]) ** n)
        case "inverse_time":
            return float(lr / (1 + s["gamma"] * n))
        case "noam":
            width, warmup = s["d_model"], s["warmup_steps"]
            if n <= warmup:
                return float(lr * n / (sqrt(width) * warmup * sqrt(warmup)))
            return lr / sqrt(width * n)
        case "inverse_sqrt":
            return lr * sqrt(float(s["timescale"]) / (n + s["timescale"]))
        case other:
            raise AssertionError(other)


def in_cycles(s: Values, lr: float, n: int, horizon: int) -> float:
    """Schedules that rise and fall."""
    match s["name"]:
        case "one_cycle":
            n, rise = min(n, horizon - 1), s["rise"] * horizon - 1
            last = horizon - 1
            if n <= rise:
                return between(s["start_lr"], lr, down(s["shape"], n / rise))
            top = lr
            if s.get("three_phase"):
                if n <= 2 * rise:
                    return between(lr, s["start_lr"], down(s["shape"], (n - rise) / rise))
                rise, top = 2 * rise, s["start_lr"]
            return between(top, s["end_lr"], down(s["shape"], (n - rise) / (last - rise)))
        case "cyclic":
            cycle, since = divmod(n, s["up"] + s["down"])
            height = min(Fraction(since, s["up"]), 1 - Fraction(since - s["up"], s["down"]))
            scale = 1.0
            if s["mode"] == "triangular2":
                scale = 2.0**-cycle
            if s["mode"] == "exp_range":
                scale = s["gamma"] ** (cycle + 1 if s["scale_per"] == "cycle" else n)
            return float(lr + (s["max_lr"] - lr) * float(height) * scale)
        case "cosine_annealing_warm_restarts":
            length = s["first"]
            while n >= length:
                n, length = n - length, length * s["multiplier"]
            return between(lr, s["min_lr"], half_wave(n / length))
        case other:
            raise AssertionError(other)


def after_warmup(s: Values, lr: float, n: int, inside: int, horizon: int) -> float:
    """The schedule at its own count n >= `inside`, what it has of the warmup."""
    if s["name"] == "sequential":
        lengths = [phase.get("updates", horizon) for phase in s["phases"]]
        for phase, length in zip(s["phases"], lengths, strict=True):
            if n < length or phase is s["phases"][-1]:
                length = min(length, horizon)
                return after_warmup(phase["schedule"], lr, n, inside, length)
            n, horizon, inside = n - length, horizon - length, 0
    if s["name"] in ("one_cycle", "cyclic", "cosine_annealing_warm_restarts"):
        return in_cycles(s, lr, n, horizon)
    if s["name"] == "inverse_sqrt":
        return by_count(s, lr, n - inside)
    if s["name"] in ("step", "multistep", "piecewise", "exponential"):
        return by_count(s, lr, n)
    if s["name"] in ("natural_exp", "inverse_time", "noam"):
        return by_count(s, lr, n)
    return to_the_horizon(s, lr, n, inside, horizon)


def rate(values: Values, warmup: int, horizon: int, t: int) -> float:
    """The rate of update t."""
    schedule, lr = values["schedule"], values["optimizer"]["lr"]
    n = t // (U if schedule["per"] == "epoch" else 1)
    form = values["warmup"] or {}
    if n < warmup:
        left = {
            "linear": 1 - n / warmup,
            "cosine": half_wave(n / warmup),
            "one_minus_sqrt": sqrt(1 - n / warmup),
        }[form["shape"]]
        return between(lr * form["start"], lr, left)
    if form.get("counted") == "before":
        return after_warmup(schedule, lr, n - warmup, 0, horizon - warmup)
    return after_warmup(schedule, lr, n, warmup, horizon)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_the_plan_agrees(name: str, data: st.DataObject) -> None:
    values = data.draw(parts((name,)))
    try:
        plan = Spec(**values).plan(micro_batches_per_epoch=U)
    except PlanError:
        reject()
    t = data.draw(st.integers(0, plan.horizon + 50))
    unit = U if values["schedule"]["per"] == "epoch" else 1
    top = float(plan.lr_curve().max())
    expected = rate(values, plan.warmup_updates // unit, plan.horizon // unit, t)

    assert plan.lr_at(t) == pytest.approx(expected, rel=1e-12, abs=1e-13 * top)


def test_the_comparison_objects() -> None:
    """To a boundary that belongs to the other side."""
    schedule = {"name": "step", "every": 3, "gamma": 0.5, "per": "update"}
    optimizer = {"name": "adamw", "lr": 1.0}
    values: Values = {"optimizer": optimizer, "schedule": schedule, "warmup": None}
    values["duration"] = {"updates": 9}
    plan = Spec(**values).plan(micro_batches_per_epoch=U)
    shifted = [rate(values, 0, 9, t - 1) for t in range(1, 9)]

    assert [plan.lr_at(t) for t in range(1, 9)] != pytest.approx(shifted)
