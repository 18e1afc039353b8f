"""What an explanation warns of: a rule with a name, and where it fired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dualtrain.plan import Plan

__all__ = ["AdviceRule", "Concern", "Level", "concerns"]

Level = Literal["warning", "note"]
"""`warning`: probably not meant. `note`: meant by many, known to few."""


@dataclass(frozen=True, kw_only=True)
class AdviceRule:
    """A pure function of a plan, with the reason why its answer matters."""

    name: str
    level: Level
    where: str
    """The field of the spec to look at."""
    reason: str
    """Why, in one sentence: what was measured, or who differs."""
    finds: Callable[[Plan], str | None]
    """What holds in this run, in words; None where nothing does."""


@dataclass(frozen=True, kw_only=True)
class Concern:
    """A rule that fired."""

    rule: str
    level: Level
    where: str
    found: str
    reason: str


def concerns(plan: Plan, rules: tuple[AdviceRule, ...]) -> tuple[Concern, ...]:
    """The rules that fire, warnings first, else in the order given."""
    found = [
        Concern(rule=r.name, level=r.level, where=r.where, found=text, reason=r.reason)
        for r in rules
        if (text := r.finds(plan)) is not None
    ]
    return tuple(sorted(found, key=lambda concern: concern.level != "warning"))
