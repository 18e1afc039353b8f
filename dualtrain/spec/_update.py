"""What an update is made of, and how many there are: micro-batches, clipping, duration."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from dualtrain.spec._base import Count, Part, Positive

__all__ = ["Batch", "Clip", "Duration"]


class Batch(Part):
    """How samples become micro-batches, and micro-batches updates."""

    size: Count | None = None
    """Samples per micro-batch, over all processes. Needed with a task."""
    accumulate: Count = 1
    """Micro-batches per update."""
    normalise: Literal["micro_mean", "token_mean"] = "micro_mean"
    """`micro_mean`: mean of the micro-batches' mean losses. `token_mean`: sum of the losses of
    the whole group over its number of counted targets."""
    tail: Literal["flush", "drop"] = "flush"
    """An epoch's last, short group: `flush` makes it an update of its own, divided by its real
    size (Hugging Face); `drop` leaves it out. Nothing leaks into the next epoch."""


class Clip(Part):
    """Clipping of the gradients by their joint norm, after unscaling, before decay and update."""

    global_norm: Positive
    """c: every gradient is multiplied by c / max(norm, c), one norm over all trainable
    parameters of the optimizer. This is Paddle's formula; torch's `clip_grad_norm_` multiplies
    by c / (norm + 1e-6) instead."""


class Duration(Part):
    """When training ends: after so many epochs or so many updates."""

    epochs: Count | None = None
    """Passes over the training data."""
    updates: Count | None = None
    """Optimizer updates."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Duration:
        if (self.epochs is None) == (self.updates is None):
            raise ValueError("give either epochs or updates")
        return self
