"""Warmup as a spec names it; its formula is in `dualtrain.plan`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dualtrain.fields import LARGEST_COUNT, Part, Proportion, RampShape

__all__ = ["Rounding", "Warmup"]

Rounding = Literal["floor", "ceil", "round"]


class Warmup(Part):
    """A rise of the factor from `start` at t = 0 towards 1: start + (1 - start) shape(t / W).

    At t = W the schedule takes over.

    Either `steps` or `proportion`: never one bare number whose type decides (paddlenlp reads 1 as
    one step and 1.0 as the whole run). With `per: epoch` in the schedule, W counts epochs.
    """

    steps: Annotated[int, Field(ge=0, le=LARGEST_COUNT)] | None = None
    """W itself, in updates."""
    proportion: Proportion | None = None
    """W as a share of the horizon, converted once: rounding(proportion x horizon)."""
    rounding: Rounding | None = None
    """How the binary product becomes a whole number; `floor` if absent. paddlenlp's
    `LinearDecayWithWarmup` floors, Hugging Face's trainer takes the ceiling, PaddleOCR rounds
    half to even: 0.29 x 100 is 28 or 29."""
    start: Proportion = 0.0
    """The factor at t = 0: `start_lr` / lr of Paddle's `LinearWarmup`, `start_factor` of
    `LinearLR`, min_lr_ratio of transformers' `get_wsd_schedule`."""
    shape: RampShape = "linear"
    """Of p = t / W: p, (1 - cos(pi p)) / 2 or 1 - sqrt(1 - p)."""
    counted: Literal["inside", "before"] = "inside"
    """inside: the schedule counts from t = 0 and the horizon includes warmup, as in paddlenlp's
    and transformers' schedules; one that falls by count, such as step or exponential, has fallen
    by t = W, and the rate jumps there. before: it counts from t = W, so that it ends at
    W + horizon, as in Paddle's `LinearWarmup` around a schedule."""

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
