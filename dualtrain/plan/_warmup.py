"""The rise: factor(t) for t < W is start + (1 - start) shape(t / W)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dualtrain.schedules import Floats, cos
from dualtrain.spec import Counted, RampShape

__all__ = ["Rise"]


@dataclass(frozen=True, kw_only=True)
class Rise:
    """Warmup in whole updates."""

    updates: int
    """W."""
    start: float = 0.0
    """The factor at t = 0."""
    shape: RampShape = "linear"
    counted: Counted = "inside"
    """How it and the schedule go together."""
    unit: int = 1
    """Updates for which the rate holds; W is a multiple."""

    @property
    def plain(self) -> bool:
        """Whether it goes in a line from 0 to where the schedule begins, or is not there."""
        straight = self.start == 0.0 and self.shape == "linear"
        return not self.updates or (straight and self.counted in ("inside", "before"))

    def factors(self, t: Floats) -> Floats:
        """At whole updates 0 <= t < W, in the order of transformers' `get_wsd_schedule`; Paddle's
        `LinearWarmup` rounds otherwise.

        >>> Rise(updates=4, start=0.5).factors(np.arange(4.0)).tolist()
        [0.5, 0.625, 0.75, 0.875]
        """
        share = np.floor(t / self.unit) / (self.updates // self.unit)
        match self.shape:
            case "linear":
                risen = share
            case "cosine":
                risen = 0.5 * (1.0 - cos(math.pi * share))
            case "one_minus_sqrt":
                risen = 1.0 - np.sqrt(1.0 - share)
        return risen * (1.0 - self.start) + self.start
