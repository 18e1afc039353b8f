"""What every part of a spec has in common: frozen, keyword-only, nothing unknown or guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dualtrain.errors import SpecError
from dualtrain.fields._problems import problems_of

__all__ = [
    "LARGEST_COUNT",
    "Count",
    "Part",
    "Per",
    "Positive",
    "Proportion",
    "RampShape",
    "Rate",
    "ascending",
    "distinct",
]

_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, controls of the writing direction, half surrogate pairs."""

LARGEST_COUNT = 10**15
"""The largest count: float64, in which schedules are computed, holds it exactly."""

Positive = Annotated[float, Field(gt=0, le=1e300)]
"""A finite number above 0, with room for a formula's factors."""

Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
"""A whole number from 1."""

Proportion = Annotated[float, Field(ge=0, lt=1)]
"""A number from 0 to below 1."""

Rate = Annotated[float, Field(ge=0, le=1e300)]
"""A learning rate itself, not a factor of the base rate."""

Per = Annotated[
    Literal["update", "epoch"],
    Field(
        description="What is counted. With `epoch` the rate is that of epoch t // updates per "
        "epoch, and every count here, in warmup and in horizon is of epochs."
    ),
]
"""What a schedule counts."""

RampShape = Literal["linear", "cosine", "one_minus_sqrt"]
"""Of a rise, or of a fall, between two rates."""


class Part(BaseModel):
    """Base of all spec parts.

    `strict`: a value has the type it is written in; "5" is not 5 and true is not 1 (a whole number
    is a valid float). `allow_inf_nan=False`: a rate that is not a number is a mistake.

    Raises `dualtrain.SpecError` with every broken rule at once.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    cures: ClassVar[Mapping[str, str]] = {}
    """Another library's word for one of its fields -> what to write instead, VALUE for its value;
    beside those that `_cure_table.py` has."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SpecError(tuple(problems_of(error, type(self)))) from None

    # Tells pydantic that this __init__ adds nothing to the validation of parts within parts;
    # else it would call it for each of them, and the first broken rule would hide the others.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @field_validator("*")
    @classmethod
    def _no_hidden_characters(cls, value: Any) -> Any:
        """A terminal obeys control characters, and some turn the direction of what follows."""
        texts = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
        for text in texts:
            if isinstance(text, str) and _HIDDEN.search(text):
                raise ValueError(f"must be text without control characters. Received: {text!a}")
        return value


def distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list that says something twice."""
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"must not repeat {value!r}. Received: {list(values)}")
    return values


def ascending(values: tuple[int, ...]) -> tuple[int, ...]:
    """Refuse counts that are none, unsorted or repeated: torch would sort them or act twice."""
    if not values or any(a >= b for a, b in pairwise(values)):
        raise ValueError(
            f"must be one or more counts, each above the last. Received: {list(values)}"
        )
    return values
