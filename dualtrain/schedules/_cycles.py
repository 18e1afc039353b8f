"""Schedules that rise and fall for ever, in the arithmetic of the frameworks' own classes, over lr.

The height of a triangle at x = 1 + s / n - c, with n = up + down and c = 1 + floor(s / n), is x / u
or (1 - x) / (1 - u), u = up / n. A restart's i is s less the counts of the cycles before.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, count
from math import pi
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator, model_validator

from dualtrain.fields import Count, Per, Rate
from dualtrain.schedules._floats import Floats, cos, powers
from dualtrain.schedules._momentum import CycledMomentum
from dualtrain.schedules._record import Bounds, ScheduleRecord, Turn, check_size

__all__ = ["CosineAnnealingWarmRestarts", "Cyclic"]


class Cyclic(ScheduleRecord):
    """Triangles between the base rate and `max_lr`: up in `up` updates, down in `down`.

    rate = lr + (max_lr - lr) x height x scale, height going 0, 1, 0 in each cycle
    c = 1, 2, ...; scale is 1, 1 / 2^(c - 1) or gamma^s, by `mode`. It has no end.
    """

    awaited: ClassVar[Literal["no", "first", "all"]] = "first"
    begins: ClassVar[str] = "up 1"
    with_momentum: ClassVar[bool] = True

    name: Literal["cyclic"]
    """`CyclicLR` of both frameworks. optimizer.lr is the low end, their base_lr."""
    max_lr: Rate
    """The peak; above the base rate."""
    up: Count
    """Updates of a rise: step_size_up."""
    down: Count
    """Updates of a fall: step_size_down."""
    mode: Literal["triangular", "triangular2", "exp_range"]
    """All peaks alike; each peak half as high as the last; peaks that fall with each update."""
    gamma: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Of exp_range, and only there."""
    scale_per: Literal["cycle", "update"] | None = None
    """Of exp_range, and only there: gamma^c or gamma^s; absent means update, as in both
    frameworks."""
    momentum: CycledMomentum | None = None
    """Absent means that the momentum stays (torch would cycle it unless told not to)."""
    per: Per = "update"

    @field_validator("gamma", "scale_per")
    @classmethod
    def _only_of_exp_range(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and info.data.get("mode") not in (None, "exp_range"):
            raise ValueError("goes with mode 'exp_range'; leave it out")
        return value

    @model_validator(mode="after")
    def _needed_by_exp_range(self) -> Cyclic:
        if self.mode == "exp_range" and self.gamma is None:
            raise ValueError("mode 'exp_range' needs gamma. Received: none")
        return self

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """(lr + (max_lr - lr) height scale) / lr."""
        lr = bounds.lr
        return (lr + (self.max_lr - lr) * self._height(t) * self._scale(t)) / lr

    def momenta(self, s: Floats, horizon: int) -> Floats | None:
        """The mirror of the rate: high - (high - low) height scale."""
        if self.momentum is None:
            return None
        low, high = self.momentum.low, self.momentum.high
        return high - (high - low) * self._height(s) * self._scale(s)

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """Each peak and each valley."""
        for k in count():
            yield Turn(k * (self.up + self.down) + self.up, f"down {k + 1}")
            yield Turn((k + 1) * (self.up + self.down), f"up {k + 2}")

    def check_rates(self, lr: float, where: str = "") -> None:
        """The peak lies above the base rate, and not too far."""
        check_size((self.max_lr,), lr, where)
        if self.max_lr <= lr:
            raise ValueError(
                f"{where}max_lr must be above optimizer.lr. "
                f"Received: max_lr {self.max_lr!r}, lr {lr!r}"
            )

    def _height(self, s: Floats) -> Floats:
        """From 0 at the ends of a cycle to 1 at its peak."""
        size = self.up + self.down
        peak = self.up / size
        x = 1.0 + s / size - self._number(s)
        return np.where(x <= peak, x / peak, (1 - x) / (1 - peak))

    def _number(self, s: Floats) -> Floats:
        """Of the cycle that s is in: 1, 2, ..."""
        return 1 + np.floor(s / (self.up + self.down))

    def _scale(self, s: Floats) -> Floats | float:
        """How high the peak is that s rises to or falls from, as a share of the first."""
        match self.mode:
            case "triangular":
                return 1.0
            case "triangular2":
                return powers(0.5, self._number(s) - 1)
            case "exp_range":
                assert self.gamma is not None, "the spec asks for it"
                return powers(self.gamma, self._number(s) if self.scale_per == "cycle" else s)


class CosineAnnealingWarmRestarts(ScheduleRecord):
    """min_lr + (lr - min_lr) (1 + cos(pi i / n)) / 2, i the updates since the last restart.

    The first cycle has n = `first` updates, each later one `multiplier` times as many as the last.
    It has no end.
    """

    below: ClassVar[tuple[str, ...]] = ("min_lr",)
    restarts: ClassVar[bool] = True

    name: Literal["cosine_annealing_warm_restarts"]
    """`CosineAnnealingWarmRestarts` of both frameworks."""
    first: Count
    """Updates of the first cycle: T_0."""
    multiplier: Count
    """How many times as long each cycle is as the last: T_mult."""
    min_lr: Rate
    """The rate that each cycle nears; below the base rate. The restart comes before it is
    reached."""
    per: Per = "update"

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """(min_lr + (lr - min_lr) (1 + cos(pi i / n)) / 2) / lr."""
        lr, low = bounds.lr, self.min_lr
        since, length = self._cycles(t)
        return (low + (lr - low) * (1 + cos(pi * since / length)) / 2) / lr

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """Each restart."""
        lengths = (self.first * self.multiplier**k for k in count())
        return (Turn(at, f"restart {k}") for k, at in enumerate(accumulate(lengths), 1))

    def _cycles(self, s: Floats) -> tuple[Floats, Floats]:
        """Counts since the last restart, and the length of the cycle, at each s."""
        first, multiplier = self.first, self.multiplier
        if multiplier == 1:
            return s - first * np.floor(s / first), np.full_like(s, first)
        lengths, begins = [first], [0]
        while begins[-1] + lengths[-1] <= s[-1]:
            begins.append(begins[-1] + lengths[-1])
            lengths.append(lengths[-1] * multiplier)
        cycle = np.searchsorted(begins, s, side="right") - 1
        return s - np.array(begins, np.float64)[cycle], np.array(lengths, np.float64)[cycle]
