"""The rise: factor(t) for t < W is start + (1 - start) shape(t / W)."""

from __future__ import annotations

import math

import numpy as np

from dualtrain.schedules import Floats, cos
from dualtrain.spec import RampShape

__all__ = ["rise"]


def rise(t: Floats, warmup: int, start: float, shape: RampShape) -> Floats:
    """In the order of transformers' `get_wsd_schedule`; Paddle's `LinearWarmup` rounds otherwise.

    >>> rise(np.arange(4.0), 4, 0.5, "linear").tolist()
    [0.5, 0.625, 0.75, 0.875]
    """
    share = t / warmup
    match shape:
        case "linear":
            risen = share
        case "cosine":
            risen = 0.5 * (1.0 - cos(math.pi * share))
        case "one_minus_sqrt":
            risen = 1.0 - np.sqrt(1.0 - share)
    return risen * (1.0 - start) + start
