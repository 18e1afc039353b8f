"""A schedule as a curve: factor(t), by which the base rate is multiplied at update t.

The rise is in `_warmup.py`; what follows it is the schedule's own formula, in
`dualtrain.schedules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from dualtrain.plan._warmup import Rise
from dualtrain.schedules import Bounds, Floats, Schedule, Turn

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
    """What the schedule has of the warmup, in counts: W counted `inside`, else 0."""
    horizon: int
    """The count at which the schedule ends, if it does; with warmup counted `before`, from W on."""
    rise: Rise
    """The warmup, in updates."""
    updates_per_count: int = 1
    """Updates for which the rate holds."""
    shift: int = 0
    """Updates by which the clock of rise and schedule is ahead."""

    @property
    def plain(self) -> bool:
        """Whether it rises in a line from 0 and counts updates, as the libraries' classes do."""
        return self.rise.plain and self.updates_per_count == 1 and not self.shift

    @property
    def begin(self) -> int:
        """The update at which the schedule takes over from the rise."""
        return max(0, self.rise.updates - self.shift)

    @property
    def end(self) -> int:
        """The update at which the schedule ends, if it does."""
        return max(0, self._origin + self.horizon * self.updates_per_count - self.shift)

    def factors(self, t: Floats) -> Floats:
        """factor(t) for ascending whole updates t >= 0: float64, shape (n,) in and out.

        >>> rise = Rise(updates=2)
        >>> curve = Curve(schedule=Linear(name="linear"), lr=0.1, warmup=2, horizon=4, rise=rise)
        >>> curve.factors(np.arange(6.0)).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
        """
        out = np.empty_like(t)
        for start in range(0, len(t), _BLOCK):
            block = slice(start, start + _BLOCK)
            out[block] = self._block(np.maximum(0.0, t[block] + self.shift))
        return out

    def factor_at(self, t: int) -> float:
        """factor(t) of one update."""
        return float(self.factors(np.array([t], dtype=np.float64))[0])

    def momenta(self, t: Floats) -> Floats | None:
        """The momentum at ascending whole updates t >= 0; None when it is not cycled."""
        return self.schedule.momenta(self._counts(t + self.shift), self.horizon)

    def turns(self) -> Iterator[Turn]:
        """Where the schedule turns after its begin, in updates; it may never stop."""
        for turn in self.schedule.turns(warmup=self.warmup, horizon=self.horizon):
            at = self._origin + turn.at * self.updates_per_count - self.shift
            yield turn._replace(at=max(0, at))

    @property
    def _origin(self) -> int:
        """The update from which the schedule counts."""
        return self.rise.updates if self.rise.counted == "before" else 0

    def _counts(self, t: Floats) -> Floats:
        """Updates or epochs of the schedule before update t."""
        since = np.maximum(0.0, t - self._origin)
        return since if self.updates_per_count == 1 else np.floor(since / self.updates_per_count)

    def _block(self, t: Floats) -> Floats:
        peak = int(np.searchsorted(t, self.rise.updates))  # index of the first past the rise
        parts = []
        if peak:
            risen = self.rise.factors(t[:peak])
            below = self.rise.counted == "times"
            parts.append(risen * self._of_the_schedule(t[:peak]) if below else risen)
        if peak < len(t):
            parts.append(self._of_the_schedule(t[peak:]))
        return np.concatenate(parts)

    def _of_the_schedule(self, t: Floats) -> Floats:
        """What the schedule's own formula gives."""
        bounds = Bounds(lr=self.lr, warmup=self.warmup, horizon=self.horizon)
        return self.schedule.factors(self._counts(t), bounds)


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
