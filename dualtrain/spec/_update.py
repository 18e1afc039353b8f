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
    normalise: Literal["micro_mean", "token_mean", "sum"] = "micro_mean"
    """`micro_mean`: mean of the micro-batches' mean losses. `token_mean`: sum of the losses of
    the whole group over its number of counted targets; a micro-batch without any adds 0. `sum`:
    sum of the micro-batches' mean losses, as in a loop that does not divide the loss."""
    tail: Literal["flush", "drop", "leak"] = "flush"
    """An epoch's last, short group: `flush` makes it an update of its own, divided by its real
    size (Hugging Face); `drop` leaves it out; `leak` adds it to the next epoch's first update,
    every micro-batch divided by `accumulate` all the same (PaddleNLP, and loops that test
    `(step + 1) % accumulate == 0`). What the last epoch leaves is not used."""

    @model_validator(mode="after")
    def _leaks_means(self) -> Batch:
        if self.tail == "leak" and self.normalise == "token_mean":
            raise ValueError(
                "tail leak excludes normalise token_mean: the targets of the next epoch's first "
                "group are not known when a tail is divided. Write micro_mean or sum, or tail: "
                "flush"
            )
        return self


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
    """c: every gradient is multiplied by c / max(norm, c), one norm over all gradients."""
    norm: Threshold | None = None
    """c: every gradient is multiplied by c / max(norm, c), each with its own norm."""
    value: Threshold | None = None
    """c: every element g becomes min(max(g, -c), c)."""
    rule: Literal["paddle", "torch"] = "paddle"
    """`paddle`: c / max(norm, c). `torch`: min(1, c / (norm + 1e-6)), as in `clip_grad_norm_`."""

    @property
    def added(self) -> float:
        """e in c / max(norm + e, c), which is either rule: 0 or 1e-6."""
        return 1e-6 if self.rule == "torch" else 0.0

    @model_validator(mode="after")
    def _exactly_one(self) -> Clip:
        if sum(c is not None for c in (self.global_norm, self.norm, self.value)) != 1:
            raise ValueError("give one of global_norm, norm, value")
        if self.value is not None and self.rule == "torch":
            raise ValueError("rule is about norms: leave it out beside value")
        return self


class Ema(Part):
    """An exponential moving average of the weights, beside the weights that train.

    After each applied update, the k-th for k = 0, 1, ...: average <- d average + (1 - d) weight,
    with d = `decay`. They cover the parameters that train, a tied one once. Evaluation takes the
    averages. paddlenlp's class of 2.8.1 adds d where it should multiply by it, and never writes
    the averages into the model.
    """

    decay: Proportion
    """d."""
    warmup: bool = False
    """`true`: d = min(decay, (1 + k) / (10 + k)), so that a short run does not end near its initial
    weights."""
    start: Literal["initial", "first", "zero", "debiased"] = "initial"
    """What the averages are at first. `initial`: the initial weights. `first`: the weights after
    the first update, as in torch's `AveragedModel`. `zero`: 0. `debiased`: 0, and they are divided
    by 1 minus the product of all d, 1 - d^k without warmup, as in Paddle's static class and in
    PaddleDetection, which takes the latest d^k with warmup too; until the first update they are
    the initial weights."""
    statistics: bool = False
    """`true`: the running statistics of batch norms are averaged as the weights are, as with
    `use_buffers` in torch and in PaddleDetection. `false`: they are those of the moment."""


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
    time_limit: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """Seconds that the loop may take, evaluations too; a resumed run goes on counting. The run ends
    between two updates, wherever it is then. No two runs end at the same update by it, so a parity
    run leaves it out."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Duration:
        if (self.epochs is None) == (self.updates is None):
            raise ValueError("give either epochs or updates")
        return self
