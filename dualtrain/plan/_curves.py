"""Every schedule's formula, once: factor(t), by which the base rate is multiplied at update t.

The arithmetic is that of paddlenlp 2.8.1 and transformers, operation by operation in float64, so
that equal means equal to the last bit. With W warmup updates and horizon H:

    t < W    t / max(1, W)                                    every schedule
    t >= W   constant              1
             linear                max(0, (H - t) / max(1, H - W))
             cosine                max(0, (1 + cos(pi h p)) / 2), h half-waves, p as below
             cosine_with_restarts  max(0, (1 + cos(pi ((c p) mod 1))) / 2), and 0 from p = 1
             polynomial            ((lr - end) (1 - p)^power + end) / lr
             inverse_sqrt          1 / sqrt((t - W + timescale) / timescale)
    p = (t - W) / max(1, H - W)

Past the horizon the factor is that of t = H (transformers' cosine climbs again there);
inverse_sqrt has no horizon and goes on falling.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from dualtrain.spec import (
    Constant,
    Cosine,
    CosineWithRestarts,
    InverseSqrt,
    Linear,
    Polynomial,
    Spec,
)

__all__ = ["Floats", "factors"]

Floats = NDArray[np.float64]


def factors(t: Floats, *, spec: Spec, warmup_updates: int, horizon: int) -> Floats:
    """factor(t) for whole updates `t` >= 0 (float64, shape (n,)); the module text has the formula.

    >>> # linear, W = 2, H = 4: 0.0, 0.5, 1.0, 0.5, 0.0, 0.0 at t = 0 ... 5
    """
    if not isinstance(spec.schedule, InverseSqrt):
        t = np.minimum(t, horizon)
    rising = t < warmup_updates
    out = np.empty_like(t)
    out[rising] = t[rising] / max(1, warmup_updates)
    out[~rising] = _decay(t[~rising], spec, warmup_updates, horizon)
    return out


def _decay(t: Floats, spec: Spec, warmup: int, horizon: int) -> Floats:
    """factor(t) from t = W on."""
    span = max(1, horizon - warmup)
    match spec.schedule:
        case Constant():
            return np.ones_like(t)
        case Linear():
            return np.maximum(0.0, (horizon - t) / span)
        case Cosine(half_waves=half_waves):
            angle = math.pi * (half_waves / 2) * 2.0 * ((t - warmup) / span)
            return np.maximum(0.0, 0.5 * (1.0 + _libm(math.cos, angle)))
        case CosineWithRestarts(cycles=cycles):
            progress = (t - warmup) / span
            wave = _libm(math.cos, math.pi * ((cycles * progress) % 1.0))
            return np.where(progress >= 1.0, 0.0, np.maximum(0.0, 0.5 * (1.0 + wave)))
        case Polynomial(power=power, end_lr=end_lr):
            lr = spec.optimizer.lr
            remaining = 1 - (t - warmup) / span
            return ((lr - end_lr) * _power(remaining, power) + end_lr) / lr
        case InverseSqrt(timescale=timescale):
            scale = timescale if timescale is not None else warmup
            return 1.0 / np.sqrt((t + (scale - warmup)) / scale)


def _power(base: Floats, exponent: float) -> Floats:
    return base if exponent == 1.0 else _libm(math.pow, base, repeat(exponent))


def _libm(function: Callable[..., float], x: Floats, *more: repeat[float]) -> Floats:
    """`function` of each element by the C library, as the frameworks' own Python code computes it.

    numpy's vector forms may differ in the last bit (seen: `power` on AVX-512, numpy 2.4).
    """
    return np.fromiter(map(function, memoryview(np.ascontiguousarray(x)), *more), float, len(x))
