"""Schedules that rise and fall; formulas are in `dualtrain.plan`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dualtrain.fields import Count, Part, Per, Rate

__all__ = ["CosineAnnealingWarmRestarts", "CycledMomentum", "Cyclic", "OneCycle"]

Momentum = Annotated[float, Field(gt=0, lt=1)]


class CycledMomentum(Part):
    """The momentum moves against the rate: `high` where the rate is low, `low` at its peak.

    For the optimizer `momentum` only. torch also cycles Adam's first beta; Paddle cannot, since it
    keeps running products of its betas. Paddle's own schedules do not cycle the momentum at all.
    """

    low: Momentum
    """At the peak of the rate (torch's base_momentum); above 0, since torch's SGD keeps no
    velocity at 0."""
    high: Momentum
    """At the start (torch's max_momentum); must be optimizer.momentum."""

    @model_validator(mode="after")
    def _low_below_high(self) -> CycledMomentum:
        if self.low >= self.high:
            raise ValueError(f"low must be below high. Received: low {self.low}, high {self.high}")
        return self


class OneCycle(Part):
    """From start_lr up to the base rate at t = rise H - 1, down to end_lr at t = H - 1.

    It rises by itself: a warmup beside it is refused. `three_phase`: down to start_lr at
    t = 2 rise H - 2 first, as steeply as it rose, then to end_lr. Between two rates a and b the
    way is b + (a - b) (1 + cos(pi q)) / 2 or a + (b - a) q, q the share of the phase.
    """

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


class Cyclic(Part):
    """Triangles between the base rate and `max_lr`: up in `up` updates, down in `down`.

    rate = lr + (max_lr - lr) x height x scale, height going 0, 1, 0 in each cycle
    c = 1, 2, ...; scale is 1, 1 / 2^(c - 1) or gamma^s, by `mode`. It has no end.
    """

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


class CosineAnnealingWarmRestarts(Part):
    """min_lr + (lr - min_lr) (1 + cos(pi i / n)) / 2, i the updates since the last restart.

    The first cycle has n = `first` updates, each later one `multiplier` times as many as the last.
    It has no end.
    """

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
