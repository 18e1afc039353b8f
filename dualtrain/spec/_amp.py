"""Automatic mixed precision and loss scaling."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from dualtrain.fields import Count, Part, distinct

__all__ = ["Amp", "Float32Operator", "LossScale"]

Float32Operator = Literal[
    "cross_entropy",
    "exp",
    "gelu",
    "layer_norm",
    "log",
    "log_softmax",
    "matmul",
    "mean",
    "pow",
    "softmax",
    "sum",
]
"""What can be kept in float32, by neutral names."""

Scale = Annotated[float, Field(ge=2.0**-126, le=2.0**126)]
"""A loss scale: a number that float32 holds with its inverse."""


class LossScale(Part):
    """Dynamic loss scaling for float16, the state machine of both frameworks' `GradScaler`.

    After `backoff_interval` updates in a row with non-finite gradients scale = max(floor,
    scale x backoff_factor); after `growth_interval` finite ones in a row scale = min(ceiling,
    scale x growth_factor), rounded to float32. Each change starts both counts anew. The frameworks
    have no floor and no ceiling: their scale can fall to 0, and Paddle's rise to infinity, which it
    never leaves. Floor and ceiling equal to `init` keep the scale as it is.
    """

    init: Scale = 65536.0
    """The first scale."""
    growth_factor: Annotated[float, Field(gt=1)] = 2.0
    """Multiplies the scale after `growth_interval` good updates in a row."""
    backoff_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Multiplies the scale after `backoff_interval` bad updates in a row."""
    growth_interval: Count = 2000
    """Good updates in a row before the scale grows."""
    backoff_interval: Count = 1
    """Bad updates in a row before the scale falls; each is skipped. Paddle's
    `decr_every_n_nan_or_inf`; torch has none, its scale falls at once."""
    floor: Scale = 1.0
    """The scale falls no further: gradients that overflow without any scaling do not become
    finite by a smaller one."""
    ceiling: Scale = 16777216.0
    """The scale rises no further. At 2^24 what float16 rounds to 0 is below 2^-49 unscaled."""

    @model_validator(mode="after")
    def _in_bounds(self) -> LossScale:
        if not self.floor <= self.init <= self.ceiling:
            raise ValueError(
                "init must be from floor to ceiling. "
                f"Received: init {self.init!r}, floor {self.floor!r}, ceiling {self.ceiling!r}"
            )
        return self


class Amp(Part):
    """Automatic mixed precision. Absent means float32 throughout."""

    dtype: Literal["float16", "bfloat16"]
    """The low type of the operators that autocast runs in it."""
    level: Literal["O1", "O2"] = "O1"
    """`O1`: parameters stay float32 and operators are cast one by one. `O2`: parameters are held
    in the low type, those of normalisation layers excepted; the optimizer moves float32 master
    weights, which keep their first values unrounded."""
    float32_operators: Annotated[
        tuple[Float32Operator, ...], Field(strict=False), AfterValidator(distinct)
    ] = ()
    """Operators that compute in float32, whatever autocast would do with them: inputs of a low
    type are cast. `matmul` is every Linear too. Paddle's `custom_black_list`."""
    loss_scale: LossScale | None = None
    """Only for float16, where absent means all defaults; bfloat16 has float32's range."""
    on_skip: Literal["hold", "advance"] = "hold"
    """An update with non-finite float16 gradients is skipped: the clock, and so the rate, holds or
    advances. A schedule `per: epoch` goes by the epochs, as in native loops: its clock always
    advances. With bfloat16, which is not scaled, nothing is skipped."""

    @field_validator("loss_scale")
    @classmethod
    def _only_float16_is_scaled(
        cls, scale: LossScale | None, info: ValidationInfo
    ) -> LossScale | None:
        if scale is not None and info.data.get("dtype") == "bfloat16":
            raise ValueError("is for float16; with bfloat16 leave it out")
        return scale
