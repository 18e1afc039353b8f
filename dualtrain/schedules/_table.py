"""Factors that are written down: any function of the clock, a lambda's too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator, model_validator

from dualtrain.fields import LARGEST_COUNT, Per
from dualtrain.schedules._floats import Floats
from dualtrain.schedules._record import LARGEST_FACTOR, Bounds, ScheduleRecord, Turn
from dualtrain.schedules._table_file import read_table

__all__ = ["Table"]

_Factor = Annotated[float, Field(ge=0, le=LARGEST_FACTOR)]
LARGEST_RATE = 1e300
_At = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]


class Table(ScheduleRecord):
    """lr multipliers[k], k the last point with at[k] <= s; or on lines between the points.

    Past the last point its multiplier stays. With optimizer.lr 1 they are the rates themselves.
    """

    awaited: ClassVar[Literal["no", "first", "all"]] = "all"

    name: Literal["table"]
    """What a `LambdaLR`'s or a `LambdaDecay`'s function gives, written down."""
    multipliers: Annotated[tuple[_Factor, ...], Field(strict=False, min_length=1)]
    """By what the base rate is multiplied."""
    at: Annotated[tuple[_At, ...], Field(strict=False)] | None = None
    """The update of each, from 0 on; absent means 0, 1, 2, ..."""
    between: Literal["hold", "linear"] = "hold"
    """At updates that `at` leaves out: the multiplier of the point before, or that on the line to
    the next."""
    file: str | None = None
    """In place of multipliers and at, and in a spec file only: a JSON file that has these two, or a
    CSV file with a header and the columns `multiplier` and, if wanted, `at`. Relative to the spec
    file. A spec that was read holds the numbers, not the name."""
    per: Per = "update"

    @model_validator(mode="before")
    @classmethod
    def _from_a_file(cls, given: Any, info: ValidationInfo) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("file"), str):
            return given
        if info.context is None:
            raise ValueError("file must be absent: only load_spec reads one; give multipliers")
        if given.keys() & {"multipliers", "at"}:
            raise ValueError("file must be absent beside multipliers and at, which it gives")
        rest = {key: value for key, value in given.items() if key != "file"}
        return rest | read_table(info.context["folder"] / given["file"], given["file"])

    @field_validator("at")
    @classmethod
    def _each_after_the_last(cls, at: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if at is not None and (at[:1] != (0,) or (np.diff(at) <= 0).any()):
            raise ValueError("must begin with 0, and each be above the last")
        return at

    @model_validator(mode="after")
    def _a_point_each(self) -> Table:
        if self.at is not None and len(self.at) != len(self.multipliers):
            raise ValueError(
                "at must be as long as multipliers. "
                f"Received: {len(self.at)} points, {len(self.multipliers)} multipliers"
            )
        return self

    def check_rates(self, lr: float, where: str = "") -> None:
        """Float64 holds the rates."""
        if max(self.multipliers) * lr > LARGEST_RATE:
            raise ValueError(
                f"{where}multipliers must leave rates of at most {LARGEST_RATE:.0e}. "
                f"Received: {max(self.multipliers)!r}, lr {lr!r}"
            )

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """multipliers[k], or m[k] + (m[k + 1] - m[k]) / (at[k + 1] - at[k]) (t - at[k])."""
        values = np.array(self.multipliers, np.float64)
        at = np.arange(len(values)) if self.at is None else np.array(self.at)
        if self.between == "linear":
            return np.interp(t, at, values)
        return values[np.searchsorted(at, t, side="right") - 1]

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """Each point but the first, where they are named."""
        return (Turn(at, f"past point {at}") for at in (self.at or ())[1:])
