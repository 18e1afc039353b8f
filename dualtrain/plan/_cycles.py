"""Schedules that rise and fall, in the arithmetic of the frameworks' own classes, over lr.

    one_cycle  between two rates a and b, q the share of the phase: b + (a - b) / 2 (cos(pi q) + 1)
               or (b - a) q + a; phases end at rise H - 1, with three_phase 2 rise H - 2, and H - 1
    cyclic     lr + (max - lr) height scale, x = 1 + s / n - c with n = up + down and the cycle
               c = 1 + floor(s / n); height = x / u or (1 - x) / (1 - u), u = up / n
    cosine_annealing_warm_restarts
               min + (lr - min) (1 + cos(pi i / n)) / 2, i counts since the last restart

s is t, or t - W with warmup counted `before`. one_cycle stays at its end, the others have none.
The momentum mirrors the rate: the same formula from high to low.
"""

from __future__ import annotations

import math

import numpy as np

from dualtrain.plan._floats import Floats, cos, powers
from dualtrain.spec import CosineAnnealingWarmRestarts, Cyclic, OneCycle

__all__ = ["Cycle", "factors", "momenta"]

Cycle = OneCycle | Cyclic | CosineAnnealingWarmRestarts


def factors(schedule: Cycle, s: Floats, *, lr: float, horizon: int) -> Floats:
    """factor at ascending whole s >= 0."""
    match schedule:
        case OneCycle(start_lr=start, end_lr=end):
            return _one_cycle(schedule, s, horizon, start, lr, end) / lr
        case Cyclic(max_lr=max_lr):
            return (lr + (max_lr - lr) * _height(schedule, s) * _scale(schedule, s)) / lr
        case CosineAnnealingWarmRestarts(min_lr=min_lr):
            since, length = _restarts(schedule, s)
            return (min_lr + (lr - min_lr) * (1 + cos(math.pi * since / length)) / 2) / lr


def momenta(schedule: OneCycle | Cyclic, s: Floats, *, horizon: int) -> Floats | None:
    """The momentum at ascending whole s >= 0; None when it is not cycled."""
    if schedule.momentum is None:
        return None
    low, high = schedule.momentum.low, schedule.momentum.high
    if isinstance(schedule, OneCycle):
        return _one_cycle(schedule, s, horizon, high, low, high)
    return high - (high - low) * _height(schedule, s) * _scale(schedule, s)


def _one_cycle(
    schedule: OneCycle, s: Floats, horizon: int, start: float, peak: float, end: float
) -> Floats:
    ends = [0.0, schedule.rise * horizon - 1, horizon - 1.0]
    values = [start, peak, end]
    if schedule.three_phase:
        ends.insert(2, 2 * schedule.rise * horizon - 2)
        values.insert(2, start)
    s = np.minimum(s, horizon - 1)
    phase = np.searchsorted(ends[1:-1], s)  # an end belongs to the phase before it
    begins, lengths = np.array(ends[:-1]), np.diff(ends)
    share: Floats = (s - begins[phase]) / lengths[phase]
    a: Floats = np.array(values[:-1])[phase]
    b: Floats = np.array(values[1:])[phase]
    if schedule.shape == "linear":
        return (b - a) * share + a
    return b + (a - b) / 2.0 * (cos(math.pi * share) + 1)


def _height(schedule: Cyclic, s: Floats) -> Floats:
    """From 0 at the ends of a cycle to 1 at its peak."""
    size = schedule.up + schedule.down
    peak = schedule.up / size
    x = 1.0 + s / size - _number(schedule, s)
    return np.where(x <= peak, x / peak, (1 - x) / (1 - peak))


def _number(schedule: Cyclic, s: Floats) -> Floats:
    """Of the cycle that s is in: 1, 2, ..."""
    return 1 + np.floor(s / (schedule.up + schedule.down))


def _scale(schedule: Cyclic, s: Floats) -> Floats | float:
    """How high the peak is that s rises to or falls from, as a share of the first."""
    match schedule.mode:
        case "triangular":
            return 1.0
        case "triangular2":
            return powers(0.5, _number(schedule, s) - 1)
        case "exp_range":
            assert schedule.gamma is not None, "the spec asks for it"
            exponent = _number(schedule, s) if schedule.scale_per == "cycle" else s
            return powers(schedule.gamma, exponent)


def _restarts(schedule: CosineAnnealingWarmRestarts, s: Floats) -> tuple[Floats, Floats]:
    """Counts since the last restart, and the length of the cycle, at each s."""
    first, multiplier = schedule.first, schedule.multiplier
    if multiplier == 1:
        return s - first * np.floor(s / first), np.full_like(s, first)
    lengths, begins = [first], [0]
    while begins[-1] + lengths[-1] <= s[-1]:
        begins.append(begins[-1] + lengths[-1])
        lengths.append(lengths[-1] * multiplier)
    cycle = np.searchsorted(begins, s, side="right") - 1
    return s - np.array(begins, np.float64)[cycle], np.array(lengths, np.float64)[cycle]
