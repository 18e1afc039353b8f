"""The learning-rate schedules as a spec names them; their formulas are in `dualtrain.plan`.

Nothing whose default differs between the frameworks has a default here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dualtrain.spec._base import LARGEST_COUNT, Count, Part, Positive, Proportion

__all__ = [
    "Constant",
    "Cosine",
    "CosineWithRestarts",
    "InverseSqrt",
    "Linear",
    "Polynomial",
    "Rounding",
    "Schedule",
    "Warmup",
]

Rounding = Literal["floor", "ceil", "round"]


class Warmup(Part):
    """A linear rise from exactly 0 at t = 0 to the base rate at t = W.

    Either `steps` or `proportion`: never one bare number whose type decides (paddlenlp reads 1 as
    one step and 1.0 as the whole run).
    """

    steps: Annotated[int, Field(ge=0, le=LARGEST_COUNT)] | None = None
    """W itself, in updates."""
    proportion: Proportion | None = None
    """W as a share of the horizon, converted once: rounding(proportion x horizon)."""
    rounding: Rounding | None = None
    """How the binary product becomes a whole number; `floor` if absent. paddlenlp's
    `LinearDecayWithWarmup` floors, Hugging Face's trainer takes the ceiling, PaddleOCR rounds
    half to even: 0.29 x 100 is 28 or 29."""

    @field_validator("rounding")
    @classmethod
    def _only_a_proportion_is_rounded(
        cls, rounding: Rounding | None, info: ValidationInfo
    ) -> Rounding | None:
        if rounding is not None and info.data.get("steps") is not None:
            raise ValueError("goes with proportion; with steps leave it out")
        return rounding

    @model_validator(mode="after")
    def _exactly_one(self) -> Warmup:
        if (self.steps is None) == (self.proportion is None):
            raise ValueError("give either steps or proportion")
        return self


class Constant(Part):
    """The base rate after warmup, to the end."""

    name: Literal["constant"]
    """Constant."""


class Linear(Part):
    """A straight line from the base rate at t = W to 0 at the horizon."""

    name: Literal["linear"]
    """paddlenlp's `LinearDecayWithWarmup`, transformers' `get_linear_schedule_with_warmup`."""


class Cosine(Part):
    """A cosine from the base rate at t = W; `half_waves` says where it is at the horizon."""

    name: Literal["cosine"]
    """paddlenlp's `CosineDecayWithWarmup`, transformers' `get_cosine_schedule_with_warmup`."""
    half_waves: Positive
    """1: one descent to zero (Hugging Face's default, num_cycles 0.5). 2: down and up again
    (paddlenlp's default, num_cycles 1)."""


class CosineWithRestarts(Part):
    """A cosine descent to 0 that starts again from the base rate `cycles` times."""

    name: Literal["cosine_with_restarts"]
    """`get_cosine_with_hard_restarts_schedule_with_warmup`."""
    cycles: Positive
    """Descents between warmup and horizon (default 1 in Hugging Face, 0.5 in paddlenlp)."""


class Polynomial(Part):
    """(lr - end_lr) (1 - progress)^power + end_lr, and end_lr past the horizon."""

    name: Literal["polynomial"]
    """`PolyDecayWithWarmup`, `get_polynomial_decay_schedule_with_warmup`."""
    power: Positive
    """1 is a straight line."""
    end_lr: Annotated[float, Field(ge=0)]
    """The rate at the horizon; below the base rate."""


class InverseSqrt(Part):
    """sqrt(timescale / (t - W + timescale)) after warmup; it has no end."""

    name: Literal["inverse_sqrt"]
    """transformers' `get_inverse_sqrt_schedule`."""
    timescale: Count | None = None
    """In updates; absent means W. Needed without warmup (Hugging Face would take 10,000)."""


Schedule = Annotated[
    Constant | Linear | Cosine | CosineWithRestarts | Polynomial | InverseSqrt,
    Field(discriminator="name"),
]
