"""What an update is made of, and how many there are: micro-batches, clipping, EMA, duration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from dualtrain.fields import LARGEST_COUNT, Count, Part, Proportion

__all__ = ["Batch", "BatchNormRule", "Clip", "Duration", "Ema"]

BatchNormRule = Literal["paddle", "torch"]
"""Whose rule the running variance of batch normalisation follows."""


class Batch(Part):
    """How samples become micro-batches, and micro-batches updates."""

    size: Count | None = None
    """Samples per micro-batch, over all processes. Needed with a task."""
    accumulate: Count = 1
    """Micro-batches per update."""
    micro_batches_per_epoch: Count | None = None
    """Micro-batches in one pass over the data, over all processes. A run of which that is not true
    is refused; `dualtrain plan` and its like then need neither data nor `--micro-batches`."""
    normalise: Literal["micro_mean", "token_mean"] = "micro_mean"
    """`micro_mean`: mean of the micro-batches' mean losses. `token_mean`: sum of the losses of
    the whole group over its number of counted targets; a micro-batch without any adds 0."""
    tail: Literal["flush", "drop"] = "flush"
    """An epoch's last, short group: `flush` makes it an update of its own, divided by its real
    size (Hugging Face); `drop` leaves it out. Nothing leaks into the next epoch."""


def _in_float32(threshold: float) -> float:
    """Below float32's range c is 0, and c / max(norm, c) of a zero gradient 0 / 0."""
    if threshold < 1e-30:
        raise ValueError("must be >= 1e-30")
    return threshold


Threshold = Annotated[float, Field(gt=0, le=1e30), AfterValidator(_in_float32)]


class Clip(Part):
    """Clipping of the gradients, after unscaling, before decay and update; one of three kinds.

    It reaches the trainable parameters of the optimizer and no others. A zero gradient stays zero.
    """

    global_norm: Threshold | None = None
    """c: every gradient is multiplied by c / max(norm, c), one norm over all gradients. This is
    Paddle's formula; torch's `clip_grad_norm_` multiplies by min(1, c / (norm + 1e-6))."""
    norm: Threshold | None = None
    """c: every gradient is multiplied by c / max(norm, c), each with its own norm."""
    value: Threshold | None = None
    """c: every element g becomes min(max(g, -c), c)."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Clip:
        if sum(c is not None for c in (self.global_norm, self.norm, self.value)) != 1:
            raise ValueError("give one of global_norm, norm, value")
        return self


class Ema(Part):
    """An exponential moving average of the weights, beside the weights that train.

    After each applied update, the k-th for k = 0, 1, ...: average <- d average + (1 - d) weight,
    with d = `decay`. The averages start as the initial weights (torch's `AveragedModel` starts as
    those after the first update, Paddle's static one at zero, with a correction). They cover the
    parameters that train, a tied one once; running statistics are those of the moment. Evaluation
    takes the averages. paddlenlp's class of 2.8.1 adds d where it should multiply by it, and never
    writes the averages into the model.
    """

    decay: Proportion
    """d."""
    warmup: bool = False
    """`true`: d = min(decay, (1 + k) / (10 + k)), so that a short run does not end near its initial
    weights."""


def _whole_if_it_is(epochs: float) -> float:
    return int(epochs) if float(epochs).is_integer() else epochs


_Epochs = Annotated[float, Field(gt=0, le=LARGEST_COUNT), AfterValidator(_whole_if_it_is)]


class Duration(Part):
    """When training ends: after so many epochs or so many updates."""

    epochs: _Epochs | None = None
    """Passes over the training data. Of a number that is not whole, as 2.5, the last pass ends
    early: T = ceil(epochs x updates per epoch), the binary product, as in Hugging Face's trainer;
    PaddleNLP's takes the floor."""
    updates: Count | None = None
    """Optimizer updates."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Duration:
        if (self.epochs is None) == (self.updates is None):
            raise ValueError("give either epochs or updates")
        return self
