"""A momentum that moves against the rate."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from dualtrain.fields import Part

__all__ = ["CycledMomentum"]

MomentumValue = Annotated[float, Field(gt=0, lt=1)]


class CycledMomentum(Part):
    """The momentum moves against the rate: `high` where the rate is low, `low` at its peak.

    For the optimizer `momentum` only. torch also cycles Adam's first beta; Paddle cannot, since it
    keeps running products of its betas. Paddle's own schedules do not cycle the momentum at all.
    """

    low: MomentumValue
    """At the peak of the rate (torch's base_momentum); above 0, since torch's SGD keeps no
    velocity at 0."""
    high: MomentumValue
    """At the start (torch's max_momentum); must be optimizer.momentum."""

    @model_validator(mode="after")
    def _low_below_high(self) -> CycledMomentum:
        if self.low >= self.high:
            raise ValueError(f"low must be below high. Received: low {self.low}, high {self.high}")
        return self
