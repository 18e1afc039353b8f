"""The phases of a sequence, each with a clock that starts at 0 and a horizon that is its length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dualtrain.spec import PhaseSchedule, Sequential

__all__ = ["Stretch", "stretches"]


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A phase in whole numbers, counted from where the sequence starts."""

    schedule: PhaseSchedule
    begin: int
    length: int
    warmup: int
    """Of the warmup, what lies inside: it belongs to the first phase."""


def stretches(schedule: Sequential, *, warmup: int, horizon: int) -> Iterator[Stretch]:
    """Each phase; the last has what the others leave of the horizon, at least 1 in a plan."""
    begin = 0
    for phase in schedule.phases:
        length = horizon - begin if phase.updates is None else phase.updates
        inside = warmup if begin == 0 else 0
        yield Stretch(schedule=phase.schedule, begin=begin, length=length, warmup=inside)
        begin += length
