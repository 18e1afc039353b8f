"""The words of a training run's dynamics, but for the schedule: optimizer, decay, clip, AMP ..."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from dualtrain.spec._base import Count, Part, Positive, distinct

__all__ = [
    "Amp",
    "Batch",
    "Clip",
    "Duration",
    "LossScale",
    "Optimizer",
    "Role",
    "WeightDecay",
]

Beta = Annotated[float, Field(ge=0, lt=1)]
Role = Literal["bias", "norm", "embedding", "one_dimensional"]
Pattern = Annotated[str, Field(min_length=1)]
Patterns = Annotated[tuple[Pattern, ...], Field(strict=False), AfterValidator(distinct)]


class Optimizer(Part):
    """AdamW, as `torch.optim.AdamW` and `paddle.optimizer.AdamW` both compute it.

    m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, and with k = t + 1 (updates so far):
    w = w (1 - lr wd) - lr (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps).
    """

    name: Literal["adamw"]
    """The update rule."""
    lr: Positive
    """Base learning rate: what the schedule's factor multiplies."""
    betas: Annotated[tuple[Beta, Beta], Field(strict=False)] = (0.9, 0.999)
    """Decay rates of the first and the second moment, each from 0 to below 1."""
    eps: Positive = 1e-8
    """Added outside the root, after bias correction, in both frameworks."""

    @field_validator("betas", mode="before")
    @classmethod
    def _two(cls, betas: object) -> object:
        if isinstance(betas, (list, tuple)) and len(betas) != 2:
            raise ValueError("must be two numbers")
        return betas


class WeightDecay(Part):
    """How much the weights shrink at each update, and which parameters do not.

    A parameter decays unless one of the exclusions names it; the ledger shows which one did. An
    exclusion that names no parameter of the model is an error.
    """

    value: Annotated[float, Field(ge=0)]
    """Decoupled decay: each update multiplies a decaying weight by 1 - lr x value."""
    kind: Literal["decoupled"] = "decoupled"
    """`decoupled`: AdamW's own; never added to the gradient."""
    exclude: Annotated[tuple[Role, ...], Field(strict=False), AfterValidator(distinct)] = ()
    """Roles that do not decay, found from the module that owns the parameter."""
    exclude_patterns: Patterns = ()
    """Globs (`*`, `?`, `[...]`, case-sensitive) over canonical names, e.g. `*.pooler.*`."""
    exclude_substrings: Patterns = ()
    """The rule of old recipes, `any(s in name for s in [...])`: case-sensitive, over the
    framework's own structured names. On Hugging Face names "norm" misses every `LayerNorm`."""


class Clip(Part):
    """Clipping of the gradients by their joint norm, after unscaling, before decay and update."""

    global_norm: Positive
    """c: every gradient is multiplied by c / max(norm, c), one norm over all trainable
    parameters of the optimizer. This is Paddle's formula; torch's `clip_grad_norm_` multiplies
    by c / (norm + 1e-6) instead."""


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


class LossScale(Part):
    """Dynamic loss scaling for float16, the state machine of both frameworks' `GradScaler`."""

    init: Positive = 65536.0
    """The first scale."""
    growth_factor: Annotated[float, Field(gt=1)] = 2.0
    """Multiplies the scale after `growth_interval` good updates in a row."""
    backoff_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Multiplies the scale after each update with non-finite gradients."""
    growth_interval: Count = 2000
    """Good updates in a row before the scale grows."""


class Amp(Part):
    """Automatic mixed precision. Absent means float32 throughout."""

    dtype: Literal["float16", "bfloat16"]
    """The low type of the operators that autocast runs in it."""
    level: Literal["O1"] = "O1"
    """`O1`: parameters stay float32 and operators are cast one by one."""
    loss_scale: LossScale | None = None
    """Only for float16, where absent means all four defaults; bfloat16 has float32's range."""
    on_skip: Literal["hold", "advance"] = "hold"
    """An update with non-finite gradients is skipped: the clock, and so the rate, holds or
    advances."""

    @field_validator("loss_scale")
    @classmethod
    def _only_float16_is_scaled(
        cls, scale: LossScale | None, info: ValidationInfo
    ) -> LossScale | None:
        if scale is not None and info.data.get("dtype") == "bfloat16":
            raise ValueError("is for float16; with bfloat16 leave it out")
        return scale


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
