"""Schedules that count on without a horizon; s is t, or t - W with warmup counted `before`.

    step          gamma^floor(s / every)
    multistep     gamma^k, k milestones m <= s
    piecewise     values[k] / lr, k boundaries b <= s
    exponential   gamma^s
    natural_exp   exp(-gamma s)
    inverse_time  1 / (1 + gamma s)
    noam          d_model^-1/2 min(max(1, s)^-1/2, warmup_steps^-3/2 s)
    inverse_sqrt  1 / sqrt((t - W + timescale) / timescale)

The rate, lr x factor, equals that of Paddle's class to the last bit for step, multistep,
exponential and natural_exp. piecewise and inverse_time (lr / (1 + gamma s) there) may be 1 ULP
apart, noam ((lr d_model^-1/2) min(...) there) 2 ULP: a factor is rounded before it multiplies.
"""

from __future__ import annotations

import math

import numpy as np

from dualtrain.plan._floats import Floats, exp, power, powers
from dualtrain.spec import (
    Exponential,
    InverseSqrt,
    InverseTime,
    MultiStep,
    NaturalExp,
    Noam,
    Piecewise,
    Step,
)

__all__ = ["Counted", "factors"]

Counted = Step | MultiStep | Piecewise | Exponential | NaturalExp | InverseTime | Noam | InverseSqrt


def factors(schedule: Counted, t: Floats, *, lr: float, warmup: int, origin: int) -> Floats:
    """factor(t) for ascending whole t >= W; s is t - origin."""
    s = t - origin
    match schedule:
        case Step(every=every, gamma=gamma):
            return powers(gamma, np.floor(s / every))
        case MultiStep(milestones=milestones, gamma=gamma):
            return powers(gamma, np.searchsorted(milestones, s, side="right").astype(np.float64))
        case Piecewise(boundaries=boundaries, values=values):
            k = np.searchsorted(boundaries, s, side="right")
            return np.array(values, np.float64)[k] / lr
        case Exponential(gamma=gamma):
            return powers(gamma, s)
        case NaturalExp(gamma=gamma):
            return exp(-1 * gamma * s)
        case InverseTime(gamma=gamma):
            return 1 / (1 + gamma * s)
        case Noam(d_model=d_model, warmup_steps=warmup_steps):
            fall, climb = power(np.maximum(1.0, s), -0.5), math.pow(warmup_steps, -1.5) * s
            return math.pow(d_model, -0.5) * np.minimum(fall, climb)
        case InverseSqrt(timescale=timescale):
            scale = warmup if timescale is None else timescale
            return 1.0 / np.sqrt((t + (scale - warmup)) / scale)
