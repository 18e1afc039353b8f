"""The one schedule that depends on how training goes; its state machine is in `dualtrain.plan`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dualtrain.fields import LARGEST_COUNT, Part, Per, Rate

__all__ = ["ReduceOnPlateau"]


class ReduceOnPlateau(Part):
    """The rate is multiplied by `factor` when a metric has stopped improving.

    torch's rule: while cooling down, bad readings do not count, but a better one is remembered
    (Paddle forgets it). A metric that is not a number is refused.
    """

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
