"""The types of a record's fields: exact ones, so that nothing is taken for what it is not."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer

from dualtrain.spec import LARGEST_COUNT

__all__ = ["EXACTLY", "Number", "Position", "Size"]

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _from_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError('must be finite, or one of "nan", "inf", "-inf"')
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value


def _to_json(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


Number = Annotated[float, BeforeValidator(_from_json), PlainSerializer(_to_json, when_used="json")]
"""A float64; JSON has no word for the non-finite ones, so they are the strings nan, inf, -inf."""

Size = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
"""A whole number of updates, micro-batches, examples or processes: at least one."""

Position = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
"""A count from 0."""

EXACTLY = ConfigDict(strict=True, extra="forbid")
"""No value is taken for one of another type, and no field is passed over."""
