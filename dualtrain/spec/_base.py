"""What every part of a spec has in common: frozen, keyword-only, nothing unknown, nothing guessed."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Count", "Part", "Positive", "Proportion"]

Positive = Annotated[float, Field(gt=0)]
"""A finite number above 0."""

Count = Annotated[int, Field(ge=1)]
"""A whole number from 1."""

Proportion = Annotated[float, Field(ge=0, lt=1)]
"""A number from 0 to below 1."""


class Part(BaseModel):
    """Base of all spec parts.

    `strict`: a value has the type it is written in; "5" is not 5 and true is not 1 (a whole number
    is a valid float). `allow_inf_nan=False`: a rate that is not a number is a mistake.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )
