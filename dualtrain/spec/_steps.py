"""Schedules that count updates and know no horizon; formulas are in `dualtrain.plan`.

s is t, or t - W when warmup is counted `before`; each formula is the rate.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from dualtrain.fields import Count, Part, Per, Rate, ascending

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


class Step(Part):
    """lr gamma^floor(s / every): at s = every the rate is the lower one already."""

    name: Literal["step"]
    """`StepDecay`, `StepLR`."""
    every: Count
    """Updates from one fall to the next: step_size."""
    gamma: Fall
    """What each fall multiplies the rate by; below 1."""
    per: Per = "update"


class MultiStep(Part):
    """lr gamma^k, k the number of milestones m <= s."""

    name: Literal["multistep"]
    """`MultiStepDecay`, `MultiStepLR`."""
    milestones: Counts
    """Updates at which the rate falls, each above the last: torch would sort them, and act twice on
    one that is repeated."""
    gamma: Fall
    """What each fall multiplies the rate by; below 1."""
    per: Per = "update"


class Piecewise(Part):
    """values[k], k the number of boundaries b <= s."""

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


class Exponential(Part):
    """lr gamma^s."""

    name: Literal["exponential"]
    """`ExponentialDecay`, `ExponentialLR`."""
    gamma: Fall
    """What each update multiplies the rate by; below 1."""
    per: Per = "update"


class NaturalExp(Part):
    """lr exp(-gamma s)."""

    name: Literal["natural_exp"]
    """Paddle's `NaturalExpDecay`; torch has none."""
    gamma: Slope
    """The rate falls to 1 / e in 1 / gamma updates."""
    per: Per = "update"


class InverseTime(Part):
    """lr / (1 + gamma s)."""

    name: Literal["inverse_time"]
    """Paddle's `InverseTimeDecay`; torch has none."""
    gamma: Slope
    """The rate is half the base rate after 1 / gamma updates."""
    per: Per = "update"


class Noam(Part):
    """lr d_model^-1/2 min(s^-1/2, s warmup_steps^-3/2): 0 at s = 0.

    It rises by itself: a warmup beside it is refused. The base rate is a mere factor, usually 1.
    """

    name: Literal["noam"]
    """Paddle's `NoamDecay`; torch has none."""
    d_model: Count
    """The model's width."""
    warmup_steps: Count
    """Where the rate is highest: lr / sqrt(d_model warmup_steps)."""
    per: Per = "update"


class InverseSqrt(Part):
    """lr sqrt(timescale / (t - W + timescale)) after warmup; it has no end."""

    name: Literal["inverse_sqrt"]
    """transformers' `get_inverse_sqrt_schedule`."""
    timescale: Count | None = None
    """In updates; absent means W. Needed without warmup (Hugging Face would take 10,000)."""
    per: Per = "update"
