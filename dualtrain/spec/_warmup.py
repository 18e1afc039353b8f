"""Warmup as a spec names it; its formula is in `dualtrain.plan`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dualtrain.fields import LARGEST_COUNT, Part, Proportion, RampShape

__all__ = ["Counted", "Rounding", "Warmup"]

Rounding = Literal["floor", "ceil", "round"]

Counted = Literal["inside", "before", "over", "times"]

LENGTHS = ("steps", "proportion", "updates", "epochs")
"""The fields that say how long a warmup is."""

_Length = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]


class Warmup(Part):
    """A rise of the factor from `start` at t = 0 towards 1: start + (1 - start) shape(t / W).

    At t = W the schedule takes over.

    One of `steps`, `proportion`, `updates` and `epochs`: never one bare number whose type decides
    (paddlenlp reads 1 as one step and 1.0 as the whole run).
    """

    steps: _Length | None = None
    """W itself, in what the schedule counts: updates, or with `per: epoch` epochs, each of which
    holds its rate."""
    proportion: Proportion | None = None
    """W as a share of the horizon, converted once: rounding(proportion x horizon)."""
    updates: _Length | None = None
    """W in updates, whatever the schedule counts; the rate rises at every one. Detection recipes
    warm up for 500 updates and fall at epochs."""
    epochs: _Length | None = None
    """W in whole epochs, whatever the schedule counts; the rate rises at every update of them."""
    rounding: Rounding | None = None
    """How the binary product becomes a whole number; `floor` if absent. paddlenlp's
    `LinearDecayWithWarmup` floors, Hugging Face's trainer takes the ceiling, PaddleOCR rounds
    half to even: 0.29 x 100 is 28 or 29."""
    start: Proportion = 0.0
    """The factor at t = 0: `start_lr` / lr of Paddle's `LinearWarmup`, `start_factor` of
    `LinearLR`, min_lr_ratio of transformers' `get_wsd_schedule`."""
    shape: RampShape = "linear"
    """Of p = t / W: p, (1 - cos(pi p)) / 2 or 1 - sqrt(1 - p)."""
    counted: Counted = "inside"
    """inside: the schedule counts from t = 0 and the horizon includes warmup, as in paddlenlp's
    and transformers' schedules; one that falls by count, such as step or exponential, has fallen
    by t = W, and the rate jumps there. before: it counts from t = W, so that it ends at
    W + horizon, as in Paddle's `LinearWarmup` around a schedule. over: the schedule runs from t = 0
    as if nothing warmed up, p = t / H, and the rise takes the place of its first W updates: the
    rate jumps at W. times: the same, and the rise multiplies them."""

    @field_validator("rounding")
    @classmethod
    def _only_a_proportion_is_rounded(
        cls, rounding: Rounding | None, info: ValidationInfo
    ) -> Rounding | None:
        for length in ("steps", "updates", "epochs"):
            if rounding is not None and info.data.get(length) is not None:
                raise ValueError(f"goes with proportion; with {length} leave it out")
        return rounding

    @model_validator(mode="after")
    def _exactly_one(self) -> Warmup:
        if sum(getattr(self, name) is not None for name in LENGTHS) != 1:
            raise ValueError(f"give one of {', '.join(LENGTHS)}")
        return self

    @property
    def length(self) -> str:
        """The field that says how long it is."""
        return next(name for name in LENGTHS if getattr(self, name) is not None)

    @property
    def moves_by_update(self) -> bool:
        """Whether the rate rises at every update, whatever the schedule counts."""
        return self.length in ("updates", "epochs")
