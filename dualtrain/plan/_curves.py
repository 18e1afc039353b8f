"""A schedule as a curve: factor(t), by which the base rate is multiplied at update t.

The rise is in `_warmup.py`; what follows it is the schedule's own formula, in
`dualtrain.schedules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from dualtrain.plan._warmup import rise
from dualtrain.schedules import Bounds, Floats, Schedule, Turn
from dualtrain.spec import RampShape

__all__ = ["Ahead", "Curve"]

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
    shape: RampShape = "linear"
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
        s = np.maximum(0.0, self._counts(t) - self.origin)
        return self.schedule.momenta(s, self.horizon - self.origin)

    def turns(self) -> Iterator[Turn]:
        """Where the schedule turns after its begin, in updates; it may never stop."""
        inside, horizon = self.warmup - self.origin, self.horizon - self.origin
        for turn in self.schedule.turns(warmup=inside, horizon=horizon):
            yield turn._replace(at=(turn.at + self.origin) * self.updates_per_count)

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
        bounds = Bounds(lr=self.lr, warmup=self.warmup, horizon=self.horizon, origin=self.origin)
        return self.schedule.factors(t, bounds)


class Ahead:
    """A function of ascending updates, for callers who ask for one: a block is computed ahead.

    curve: such as `Curve.factors`.
    """

    def __init__(self, curve: Callable[[Floats], Floats | None]) -> None:
        self._curve = curve
        self._block: tuple[int, Floats | None] = (-1, None)

    def at(self, t: int) -> float | None:
        """The value at update t >= 0, past the end too; None where there is none."""
        number, index = divmod(t, _AHEAD)
        if number != self._block[0]:
            begin = number * _AHEAD
            updates = np.arange(begin, begin + _AHEAD, dtype=np.float64)
            self._block = number, self._curve(updates)
        values = self._block[1]
        return None if values is None else float(values[index])


_AHEAD = 2**10
"""Updates of a block."""
