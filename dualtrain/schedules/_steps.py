"""Schedules that count on without a horizon; s is t, or t - W with warmup counted `before`.

Each formula is the rate. lr x factor equals that of Paddle's class to the last bit for step,
multistep, exponential and natural_exp. piecewise and inverse_time (lr / (1 + gamma s) there) may
be 1 ULP apart, noam ((lr d_model^-1/2) min(...) there) 2 ULP: a factor is rounded before it
multiplies.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from dualtrain.fields import Count, Per, Rate, ascending
from dualtrain.schedules._floats import Floats, exp, power, powers
from dualtrain.schedules._record import Bounds, Misfit, ScheduleRecord, Turn, Window, check_size

__all__ = [
    "Exponential",
    "InverseSqrt",
    "InverseTime",
    "MultiStep",
    "NaturalExp",
    "Noam",
    "Piecewise",
    "Step",
]

Fall = Annotated[float, Field(gt=0, lt=1)]
"""A factor by which a rate falls: Paddle refuses 1 and more, torch runs with it."""

Slope = Annotated[float, Field(gt=0, le=1e100)]
"""A number above 0, with room for its product with a count."""

Counts = Annotated[tuple[Count, ...], Field(strict=False), AfterValidator(ascending)]


class Step(ScheduleRecord):
    """lr gamma^floor(s / every): at s = every the rate is the lower one already."""

    awaited: ClassVar[Literal["no", "first", "all"]] = "first"

    name: Literal["step"]
    """`StepDecay`, `StepLR`."""
    every: Count
    """Updates from one fall to the next: step_size."""
    gamma: Fall
    """What each fall multiplies the rate by; below 1."""
    per: Per = "update"

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """gamma^floor(s / every)."""
        return powers(self.gamma, np.floor(t / self.every))

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """Each fall."""
        return (Turn(k * self.every, f"step {k}") for k in count(1))


class MultiStep(ScheduleRecord):
    """lr gamma^k, k the number of milestones m <= s."""

    awaited: ClassVar[Literal["no", "first", "all"]] = "all"

    name: Literal["multistep"]
    """`MultiStepDecay`, `MultiStepLR`."""
    milestones: Counts
    """Updates at which the rate falls, each above the last: torch would sort them, and act twice on
    one that is repeated."""
    gamma: Fall
    """What each fall multiplies the rate by; below 1."""
    per: Per = "update"

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """gamma^k, k milestones m <= s."""
        past = np.searchsorted(self.milestones, t, side="right")
        return powers(self.gamma, past.astype(np.float64))

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """Each milestone."""
        return (Turn(at, f"past milestone {at}") for at in self.milestones)


class Piecewise(ScheduleRecord):
    """values[k], k the number of boundaries b <= s."""

    awaited: ClassVar[Literal["no", "first", "all"]] = "all"

    name: Literal["piecewise"]
    """Paddle's `PiecewiseDecay`; torch has none."""
    boundaries: Counts
    """Updates at which the next rate begins; each above the last."""
    values: Annotated[tuple[Rate, ...], Field(strict=False)]
    """Rates, one more than boundaries; the first is the base rate, optimizer.lr."""
    per: Per = "update"

    @model_validator(mode="after")
    def _one_more(self) -> Piecewise:
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                "values must be one more than boundaries. "
                f"Received: {len(self.values)} values, {len(self.boundaries)} boundaries"
            )
        return self

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """values[k] / lr, k boundaries b <= s."""
        past = np.searchsorted(self.boundaries, t, side="right")
        return np.array(self.values, np.float64)[past] / bounds.lr

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """Each boundary."""
        return (Turn(at, f"past boundary {at}") for at in self.boundaries)

    def check_rates(self, lr: float, where: str = "") -> None:
        """Not too large; and not in a phase, the first is the base rate."""
        check_size(self.values, lr, where)
        if not where and self.values[0] != lr:
            raise ValueError(
                "values must begin with optimizer.lr. "
                f"Received: values[0] {self.values[0]!r}, lr {lr!r}"
            )


class Exponential(ScheduleRecord):
    """lr gamma^s."""

    name: Literal["exponential"]
    """`ExponentialDecay`, `ExponentialLR`."""
    gamma: Fall
    """What each update multiplies the rate by; below 1."""
    per: Per = "update"

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """gamma^s."""
        return powers(self.gamma, t)


class NaturalExp(ScheduleRecord):
    """lr exp(-gamma s)."""

    name: Literal["natural_exp"]
    """Paddle's `NaturalExpDecay`; torch has none."""
    gamma: Slope
    """The rate falls to 1 / e in 1 / gamma updates."""
    per: Per = "update"

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """exp(-gamma s)."""
        return exp(-1 * self.gamma * t)


class InverseTime(ScheduleRecord):
    """lr / (1 + gamma s)."""

    name: Literal["inverse_time"]
    """Paddle's `InverseTimeDecay`; torch has none."""
    gamma: Slope
    """The rate is half the base rate after 1 / gamma updates."""
    per: Per = "update"

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """1 / (1 + gamma s)."""
        return 1 / (1 + self.gamma * t)


class Noam(ScheduleRecord):
    """lr d_model^-1/2 min(s^-1/2, s warmup_steps^-3/2): 0 at s = 0.

    It rises by itself: a warmup beside it is refused. The base rate is a mere factor, usually 1.
    """

    rises: ClassVar[bool] = True
    begins: ClassVar[str] = "rise"
    awaited: ClassVar[Literal["no", "first", "all"]] = "all"

    name: Literal["noam"]
    """Paddle's `NoamDecay`; torch has none."""
    d_model: Count
    """The model's width."""
    warmup_steps: Count
    """Where the rate is highest: lr / sqrt(d_model warmup_steps)."""
    per: Per = "update"

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """d_model^-1/2 min(max(1, s)^-1/2, warmup_steps^-3/2 s)."""
        fall, climb = power(np.maximum(1.0, t), -0.5), math.pow(self.warmup_steps, -1.5) * t
        return math.pow(self.d_model, -0.5) * np.minimum(fall, climb)

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """Its peak."""
        yield Turn(self.warmup_steps, "fall")


class InverseSqrt(ScheduleRecord):
    """lr sqrt(timescale / (t - W + timescale)) after warmup; it has no end."""

    name: Literal["inverse_sqrt"]
    """transformers' `get_inverse_sqrt_schedule`."""
    timescale: Count | None = None
    """In updates; absent means W. Needed without warmup (Hugging Face would take 10,000)."""
    per: Per = "update"

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """1 / sqrt((t - W + timescale) / timescale)."""
        scale = bounds.warmup if self.timescale is None else self.timescale
        return 1.0 / np.sqrt((t + (scale - bounds.warmup)) / scale)

    def misfit(self, window: Window, where: tuple[str | int, ...] = ("schedule",)) -> Misfit | None:
        """It has neither a timescale nor the warmup that gives one."""
        if self.timescale is not None or window.warmup:
            return None
        rounded = f": {window.share} x {window.horizon} is rounded to 0" if window.share else ""
        return Misfit(
            where=(*where, "timescale"),
            rule=f"is needed when the schedule has no warmup {window.per}s",
            cure="write one; Hugging Face takes 10000 updates",
            received=f"neither{rounded}",
        )
