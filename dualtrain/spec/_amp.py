"""Automatic mixed precision and loss scaling."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from dualtrain.spec._base import Count, Part, Positive

__all__ = ["Amp", "LossScale"]


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
