"""A schedule as a library has it: what `dualtrain.native` says of its class or function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from dualtrain.native import Row
from dualtrain.native.schedules import left_out
from dualtrain.spec import RampShape

__all__ = ["ENDS", "LibrarySchedule", "Limit", "native_of", "natives_of"]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a library asks of a schedule's field, beyond what the spec asks."""

    rule: str
    """In words that go before "Received:"."""
    holds: Callable[[Any], bool]


@dataclass(frozen=True, kw_only=True)
class LibrarySchedule:
    """A schedule as a library has it; fields are named as in the spec."""

    called: str
    """Its class, function or `lr_scheduler_type`."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Fields that one may leave out, and what they then are."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Fields that the library has no argument for, and what they always are."""
    without_warmup: Mapping[str, Any] = field(default_factory=dict)
    """What fields that are left out are when nothing warms up."""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    """What it asks of fields that it takes."""
    shapes: tuple[RampShape, ...] = ("linear",)
    """The shapes that its warmup can have."""
    rises_from_min_lr: bool = False
    """Whether its warmup starts at min_lr; else at 0."""


ENDS = Limit(rule="cycle must be false: there is no such argument", holds=lambda cycle: not cycle)
"""Of each polynomial that has no cycle."""


def natives_of(rows: Mapping[str, Row], drops: Iterable[str] = ()) -> dict[str, LibrarySchedule]:
    """The schedules of a Trainer, by the spec's names.

    rows: by `lr_scheduler_type`. drops: the types whose arguments are dropped.
    """
    return {
        row.means["schedule.name"]: native_of(
            row,
            called,
            drops=called in drops,
            limits={"cycle": ENDS} if called == "polynomial" else None,
        )
        for called, row in rows.items()
    }


def native_of(
    row: Row,
    called: str | None = None,
    *,
    drops: bool = False,
    limits: Mapping[str, Limit] | None = None,
) -> LibrarySchedule:
    """What the table says of a row.

    called: instead of the native name. drops: what one may leave out is dropped if it is given.
    """
    defaults, cold = left_out(row), left_out(row, warms_up=False)
    special = ", ".join(f"{k}={f.value}" for k, f in row.fixed.items() if f.value != f.default)
    words = [set(argument.words) for argument in row.arguments.values()]
    return LibrarySchedule(
        called=called or row.name.rpartition(".")[2] + (f"({special})" if special else ""),
        defaults={} if drops else defaults,
        fixed=defaults if drops else {},
        without_warmup={name: value for name, value in cold.items() if value != defaults[name]},
        limits=limits or {},
        shapes=get_args(RampShape)
        if any("warmup.shape" in said for said in words)
        else ("linear",),
        rises_from_min_lr=any({"warmup.start", "schedule.min_lr"} <= said for said in words),
    )
