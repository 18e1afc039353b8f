"""A schedule as a curve: factor(t), by which the base rate is multiplied at update t.

Every formula stands once: the rise in `_warmup.py`, then `_decays.py` (down to the horizon),
`_steps.py` (count on), `_cycles.py` (rise again) or `_sequence.py` (one after the other). The
arithmetic is the libraries' own, operation by operation in float64, so that equal means equal to
the last bit; the closed form is the definition, where their classes multiply rate by rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dualtrain.plan import _cycles, _decays, _steps
from dualtrain.plan._floats import Floats
from dualtrain.plan._sequence import stretches
from dualtrain.plan._warmup import rise
from dualtrain.spec import (
    CosineAnnealingWarmRestarts,
    Cyclic,
    Exponential,
    InverseSqrt,
    InverseTime,
    MultiStep,
    NaturalExp,
    Noam,
    OneCycle,
    Piecewise,
    ReduceOnPlateau,
    Schedule,
    Sequential,
    Shape,
    Step,
)

__all__ = ["Curve"]

_BLOCK = 2**15
"""Updates computed at a time: the steps of a formula then stay in the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A schedule with its whole numbers. It counts updates, or epochs of `updates_per_count`."""

    schedule: Schedule
    lr: float
    """The base rate."""
    warmup: int
    """W, the count at which the schedule takes over from the rise."""
    horizon: int
    """H, the count at which the schedule ends, if it does."""
    start: float = 0.0
    """The factor at t = 0, if there is a rise."""
    shape: Shape = "linear"
    """Of the rise."""
    origin: int = 0
    """The count from which the schedule counts: 0, or W with warmup counted `before`."""
    updates_per_count: int = 1
    """Updates for which the rate holds."""

    @property
    def plain(self) -> bool:
        """Whether it rises in a line from 0 and counts updates, as the libraries' classes do."""
        risen = not self.warmup or (self.start == 0.0 and self.shape == "linear")
        return risen and self.updates_per_count == 1

    def factors(self, t: Floats) -> Floats:
        """factor(t) for ascending whole updates t >= 0: float64, shape (n,) in and out.

        >>> curve = Curve(schedule=Linear(name="linear"), lr=0.1, warmup=2, horizon=4)
        >>> curve.factors(np.arange(6.0)).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
        """
        out = np.empty_like(t)
        for start in range(0, len(t), _BLOCK):
            block = slice(start, start + _BLOCK)
            out[block] = self._block(self._counts(t[block]))
        return out

    def factor_at(self, t: int) -> float:
        """factor(t) of one update."""
        return float(self.factors(np.array([t], dtype=np.float64))[0])

    def momenta(self, t: Floats) -> Floats | None:
        """The momentum at ascending whole updates t >= 0; None when it is not cycled."""
        if not isinstance(self.schedule, OneCycle | Cyclic):
            return None
        s = np.maximum(0.0, self._counts(t) - self.origin)
        return _cycles.momenta(self.schedule, s, horizon=self.horizon - self.origin)

    def _counts(self, t: Floats) -> Floats:
        """Updates or epochs before update t."""
        return t if self.updates_per_count == 1 else np.floor(t / self.updates_per_count)

    def _block(self, t: Floats) -> Floats:
        peak = int(np.searchsorted(t, self.warmup))  # index of the first count past the rise
        if peak == 0:
            return self._past_the_rise(t)
        risen = rise(t[:peak], self.warmup, self.start, self.shape)
        if peak == len(t):
            return risen
        return np.concatenate([risen, self._past_the_rise(t[peak:])])

    def _past_the_rise(self, t: Floats) -> Floats:
        """factor(t) from t = W on."""
        lr, warmup, horizon, origin = self.lr, self.warmup, self.horizon, self.origin
        match self.schedule:
            case Sequential():
                return self._phases(t - origin)
            case OneCycle() | Cyclic() | CosineAnnealingWarmRestarts() as cycle:
                return _cycles.factors(cycle, t - origin, lr=lr, horizon=horizon - origin)
            case (
                Step()
                | MultiStep()
                | Piecewise()
                | Exponential()
                | NaturalExp()
                | InverseTime()
                | Noam()
                | InverseSqrt()
            ) as counted:
                return _steps.factors(counted, t, lr=lr, warmup=warmup, origin=origin)
            case ReduceOnPlateau():
                return np.ones_like(t)  # until a metric says otherwise
            case decay:
                return _decays.factors(decay, t, lr=lr, warmup=warmup, horizon=horizon)

    def _phases(self, s: Floats) -> Floats:
        """Each stretch of a sequence by its own curve."""
        ends = np.searchsorted(s, [begin for begin, _ in self._parts[1:]])
        parts = np.split(s, ends)
        factors = [
            curve._past_the_rise(part - begin)
            for (begin, curve), part in zip(self._parts, parts, strict=True)
            if len(part)
        ]
        return np.concatenate(factors)

    @cached_property
    def _parts(self) -> list[tuple[int, Curve]]:
        """Where each phase of a sequence begins, and its curve."""
        assert isinstance(self.schedule, Sequential)
        inside, length = self.warmup - self.origin, self.horizon - self.origin
        return [
            (
                part.begin,
                Curve(
                    schedule=part.schedule,
                    lr=self.lr,
                    warmup=part.warmup,
                    horizon=part.length,
                ),
            )
            for part in stretches(self.schedule, warmup=inside, horizon=length)
        ]
