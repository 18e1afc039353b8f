"""The one schedule that depends on how training goes; `dualtrain.plan.Plateau` counts for it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from dualtrain.fields import LARGEST_COUNT, Per, Rate
from dualtrain.schedules._floats import Floats
from dualtrain.schedules._record import Bounds, ScheduleRecord

__all__ = ["ReduceOnPlateau"]


class ReduceOnPlateau(ScheduleRecord):
    """The rate is multiplied by `factor` when a metric has stopped improving.

    torch's rule: while cooling down, bad readings do not count, but a better one is remembered
    (Paddle forgets it). A metric that is not a number is refused.
    """

    needs_metric: ClassVar[bool] = True
    below: ClassVar[tuple[str, ...]] = ("min_lr",)

    name: Literal["reduce_on_plateau"]
    """`ReduceOnPlateau`, `ReduceLROnPlateau`."""
    mode: Literal["min", "max"]
    """Whether lower or higher is better."""
    factor: Annotated[float, Field(gt=0, lt=1)]
    """Below 1."""
    patience: Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
    """Bad readings that are borne; the next one cuts the rate."""
    threshold: Annotated[float, Field(ge=0)]
    """How much better is better."""
    threshold_mode: Literal["rel", "abs"]
    """Whether `threshold` is a share of the best reading or a difference from it. `rel` is for
    readings above 0: of two below 0 the worse one can pass for better, in both frameworks too."""
    cooldown: Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
    """Readings after a cut that do not count as bad."""
    min_lr: Rate
    """The rate does not fall below; below the base rate."""
    eps: Annotated[float, Field(ge=0)]
    """A cut by no more than this is not made."""
    per: Per = "update"

    @model_validator(mode="after")
    def _something_is_better(self) -> ReduceOnPlateau:
        if (self.mode, self.threshold_mode) == ("min", "rel") and self.threshold >= 1:
            raise ValueError(
                "threshold must be below 1 with mode 'min' and threshold_mode 'rel': nothing is "
                f"better by all of itself. Received: {self.threshold}"
            )
        return self

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """1, until a metric says otherwise."""
        return np.ones_like(t)

    def check_held_out(self, *, has_eval: bool) -> None:
        """There is a held-out loss, and less of it is better."""
        if not has_eval:
            raise ValueError(
                "the schedule 'reduce_on_plateau' judges by the held-out loss: needs eval. "
                "Received: nothing"
            )
        if self.mode != "min":
            raise ValueError(
                "the schedule 'reduce_on_plateau' judges by the held-out loss: its mode must be "
                f"'min'. Received: {self.mode!r}"
            )

    def better(self, metric: float, best: float) -> bool:
        """Whether a reading is better than the best so far: min, rel: m < best (1 - threshold)."""
        match self.mode, self.threshold_mode:
            case "min", "rel":
                return metric < best * (1.0 - self.threshold)
            case "min", _:
                return metric < best - self.threshold
            case _, "rel":
                return metric > best * (self.threshold + 1.0)
            case _:
                return metric > best + self.threshold

    def cut(self, rate: float) -> float:
        """max(rate factor, min_lr), or the rate itself where that takes no more than eps."""
        new = max(rate * self.factor, self.min_lr)
        return new if rate - new > self.eps else rate
