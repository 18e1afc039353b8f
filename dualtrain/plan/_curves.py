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
from dataclasses import dataclass
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
    Schedule,
)

__all__ = ["Curve", "Floats"]

Floats = NDArray[np.float64]

_BLOCK = 2**15
"""Updates computed at a time: the steps of a formula then stay in the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A schedule with its whole numbers: W warmup updates, horizon H, base rate lr."""

    schedule: Schedule
    lr: float
    warmup_updates: int
    horizon: int

    def factors(self, t: Floats) -> Floats:
        """factor(t) for ascending whole updates t >= 0: float64, shape (n,) in and out.

        >>> curve = Curve(schedule=Linear(name="linear"), lr=0.1, warmup_updates=2, horizon=4)
        >>> curve.factors(np.arange(6.0)).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
        """
        out = np.empty_like(t)
        for start in range(0, len(t), _BLOCK):
            block = slice(start, start + _BLOCK)
            out[block] = self._block(t[block])
        return out

    def factor_at(self, t: int) -> float:
        """factor(t) of one update."""
        return float(self.factors(np.array([t], dtype=np.float64))[0])

    def _block(self, t: Floats) -> Floats:
        end = max(self.horizon, self.warmup_updates)
        if not isinstance(self.schedule, InverseSqrt) and t[-1] > end:
            t = np.minimum(t, end)
        peak = np.searchsorted(t, self.warmup_updates)  # index of the first update past warmup
        rise = t[:peak] / max(1, self.warmup_updates)
        return np.concatenate([rise, self._decay(t[peak:])]) if peak else self._decay(t)

    def _decay(self, t: Floats) -> Floats:
        """factor(t) from t = W on."""
        warmup, horizon = self.warmup_updates, self.horizon
        span = max(1, horizon - warmup)
        match self.schedule:
            case Constant():
                return np.ones_like(t)
            case Linear():
                return np.maximum(0.0, (horizon - t) / span)
            case Cosine(half_waves=half_waves):
                angle = math.pi * (half_waves / 2) * 2.0 * ((t - warmup) / span)
                return np.maximum(0.0, 0.5 * (1.0 + _libm(math.cos, angle)))
            case CosineWithRestarts(cycles=cycles):
                progress = (t - warmup) / span
                phase = cycles * progress
                wave = _libm(math.cos, math.pi * (phase - np.floor(phase)))  # mod 1, exactly
                return np.where(progress >= 1.0, 0.0, np.maximum(0.0, 0.5 * (1.0 + wave)))
            case Polynomial(power=power, end_lr=end_lr):
                remaining = 1 - (t - warmup) / span
                return ((self.lr - end_lr) * _power(remaining, power) + end_lr) / self.lr
            case InverseSqrt(timescale=timescale):
                scale = timescale if timescale is not None else warmup
                return 1.0 / np.sqrt((t + (scale - warmup)) / scale)


def _power(base: Floats, exponent: float) -> Floats:
    return base if exponent == 1.0 else _libm(math.pow, base, repeat(exponent))


def _libm(function: Callable[..., float], x: Floats, *more: repeat[float]) -> Floats:
    """`function` of each element by the C library, as the frameworks' own Python code computes it.

    numpy's vector forms may differ in the last bit (seen: `power` on AVX-512, numpy 2.4).
    """
    values = memoryview(np.ascontiguousarray(x))  # type: ignore[arg-type]  # numpy 2.4: no Buffer
    return np.fromiter(map(function, values, *more), np.float64, len(x))
