"""One rise and one fall, in the arithmetic of the frameworks' own classes, over lr."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, pi
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from dualtrain.fields import Per, Rate
from dualtrain.schedules._floats import Floats, cos
from dualtrain.schedules._momentum import CycledMomentum
from dualtrain.schedules._record import Bounds, Misfit, ScheduleRecord, Turn, Window

__all__ = ["OneCycle"]


class OneCycle(ScheduleRecord):
    """From start_lr up to the base rate at t = rise H - 1, down to end_lr at t = H - 1.

    It rises by itself: a warmup beside it is refused. `three_phase`: down to start_lr at
    t = 2 rise H - 2 first, as steeply as it rose, then to end_lr. Between two rates a and b the
    way is b + (a - b) (1 + cos(pi q)) / 2 or a + (b - a) q, q the share of the phase.
    """

    rises: ClassVar[bool] = True
    begins: ClassVar[str] = "rise"
    below: ClassVar[tuple[str, ...]] = ("start_lr", "end_lr")
    with_momentum: ClassVar[bool] = True

    name: Literal["one_cycle"]
    """`OneCycleLR` of both frameworks, which raise from t = H + 1 on; here end_lr stays."""
    start_lr: Rate
    """max_lr / div_factor; below the base rate."""
    end_lr: Rate
    """Below the base rate. If you leave it to them Paddle ends at 1e-4, whatever the peak, and
    torch at start_lr / 10^4."""
    rise: Annotated[float, Field(gt=0, lt=1)]
    """Share of the horizon that the rise takes (pct_start, phase_pct); rise x H must be above 1,
    and below a half with three_phase."""
    shape: Literal["cosine", "linear"]
    """anneal_strategy."""
    three_phase: bool = False
    """Fall to start_lr before the fall to end_lr."""
    momentum: CycledMomentum | None = None
    """Absent means that the momentum stays (torch would cycle it unless told not to)."""
    per: Per = "update"

    @field_validator("three_phase")
    @classmethod
    def _the_fall_fits(cls, three_phase: bool, info: ValidationInfo) -> bool:
        if three_phase and info.data.get("rise", 0.0) >= 0.5:
            raise ValueError(f"needs rise below 0.5. Received: rise {info.data['rise']}")
        return three_phase

    @property
    def ends(self) -> bool:
        """Always."""
        return True

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """Between start_lr, lr and end_lr, over lr."""
        lr = bounds.lr
        return self._between(t, bounds.horizon, self.start_lr, lr, self.end_lr) / lr

    def momenta(self, s: Floats, horizon: int) -> Floats | None:
        """The mirror of the rate: from high to low and back."""
        if self.momentum is None:
            return None
        low, high = self.momentum.low, self.momentum.high
        return self._between(s, horizon, high, low, high)

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """Its peak, and the second fall of three phases."""
        yield Turn(ceil(self.rise * horizon - 1), "fall")
        if self.three_phase:
            yield Turn(ceil(2 * self.rise * horizon - 2), "last fall")

    def misfit(self, window: Window, where: tuple[str | int, ...] = ("schedule",)) -> Misfit | None:
        """Its rise takes no more than one count."""
        horizon = window.horizon
        if self.rise * horizon > 1.0:
            return None
        return Misfit(
            where=(*where, "rise"),
            rule=f"must be longer than one {window.per}: rise x horizon > 1",
            cure=f"write more than {1 / horizon:.6g}" if horizon > 1 else f"write {window.longer}",
            received=f"rise {self.rise}, horizon {horizon}",
        )

    def _between(self, s: Floats, horizon: int, start: float, peak: float, end: float) -> Floats:
        """The way between the values that its phases begin and end with."""
        ends = [0.0, self.rise * horizon - 1, horizon - 1.0]
        values = [start, peak, end]
        if self.three_phase:
            ends.insert(2, 2 * self.rise * horizon - 2)
            values.insert(2, start)
        s = np.minimum(s, horizon - 1)
        phase = np.searchsorted(ends[1:-1], s)  # an end belongs to the phase before it
        begins, lengths = np.array(ends[:-1]), np.diff(ends)
        share: Floats = (s - begins[phase]) / lengths[phase]
        a: Floats = np.array(values[:-1])[phase]
        b: Floats = np.array(values[1:])[phase]
        if self.shape == "linear":
            return (b - a) * share + a
        return b + (a - b) / 2.0 * (cos(pi * share) + 1)
