"""Schedules that fall from t = W to the horizon: with p = (t - W) / max(1, H - W), factor(t) is

    constant              1
    linear                (H - t) / max(1, H - W)
    cosine                (1 + cos(pi h p)) / 2, h half-waves
    cosine_with_restarts  (1 + cos(pi ((c p) mod 1))) / 2, and 0 from p = 1
    cosine_with_min_lr    (1 + cos(pi h p)) / 2 (1 - m) + m, m = min / lr
    linear_annealing      (min + (1 - p) (lr - min)) / lr
    cosine_annealing      (min + (1 + cos(pi p)) / 2 (lr - min)) / lr
    polynomial            ((lr - end) (1 - p)^power + end) / lr; with cycle p / max(1, ceil(p))
    warmup_stable_decay   1, then c(q) (1 - m) + m, q = (t - W - stable) / decay

and that of t = H past the horizon, where transformers' cosines climb again; only a polynomial with
cycle goes on. The arithmetic is that of paddlenlp 2.8.1 and transformers, operation by operation.
"""

from __future__ import annotations

import math

import numpy as np

from dualtrain.plan._floats import Floats, cos, power
from dualtrain.spec import (
    Constant,
    Cosine,
    CosineAnnealing,
    CosineWithMinLr,
    CosineWithRestarts,
    Linear,
    LinearAnnealing,
    Polynomial,
    WarmupStableDecay,
)

__all__ = ["Decay", "factors"]

Decay = (
    Constant
    | Linear
    | Cosine
    | CosineWithRestarts
    | CosineWithMinLr
    | LinearAnnealing
    | CosineAnnealing
    | Polynomial
    | WarmupStableDecay
)


def factors(schedule: Decay, t: Floats, *, lr: float, warmup: int, horizon: int) -> Floats:
    """factor(t) for ascending whole t >= W."""
    span = max(1, horizon - warmup)
    if isinstance(schedule, Polynomial) and schedule.cycle:
        progress = (t - warmup) / (span * np.maximum(1.0, np.ceil((t - warmup) / span)))
        return _polynomial(schedule, progress, lr)
    if t[-1] > horizon:
        t = np.minimum(t, horizon)
    progress = (t - warmup) / span
    match schedule:
        case Constant():
            return np.ones_like(t)
        case Linear():
            return (horizon - t) / span
        case Cosine(half_waves=half_waves):
            return _wave(half_waves, progress)
        case CosineWithRestarts(cycles=cycles):
            phase = cycles * progress
            wave = _wave(1.0, phase - np.floor(phase))  # mod 1, exactly
            return np.where(progress >= 1.0, 0.0, wave)
        case CosineWithMinLr(half_waves=half_waves, min_lr=min_lr):
            least = min_lr / lr
            return _wave(half_waves, progress) * (1.0 - least) + least
        case LinearAnnealing(min_lr=min_lr):
            return (min_lr + (1.0 - progress) * (lr - min_lr)) / lr
        case CosineAnnealing(min_lr=min_lr):
            return (min_lr + _wave(1.0, progress) * (lr - min_lr)) / lr
        case Polynomial():
            return _polynomial(schedule, progress, lr)
        case WarmupStableDecay():
            return _after_a_plateau(schedule, t, lr, warmup, horizon)


def _wave(half_waves: float, progress: Floats) -> Floats:
    """From 1 at progress 0 to 0 after one half-wave, and on."""
    return 0.5 * (1.0 + cos(math.pi * half_waves * progress))


def _polynomial(schedule: Polynomial, progress: Floats, lr: float) -> Floats:
    end_lr = schedule.end_lr
    return ((lr - end_lr) * power(1 - progress, schedule.power) + end_lr) / lr


def _after_a_plateau(
    schedule: WarmupStableDecay, t: Floats, lr: float, warmup: int, horizon: int
) -> Floats:
    stable, decay = schedule.stable, schedule.decay
    begin = horizon - decay if stable is None else warmup + stable
    progress = (np.clip(t, begin, begin + decay) - begin) / decay
    match schedule.shape:
        case "linear":
            left = 1.0 - progress
        case "cosine":
            left = _wave(schedule.half_waves or 1.0, progress)
        case "one_minus_sqrt":
            left = 1.0 - np.sqrt(progress)
    least = schedule.min_lr / lr
    falling = np.where(progress >= 1.0, least, left * (1.0 - least) + least)
    return np.where(t < begin, 1.0, falling)
