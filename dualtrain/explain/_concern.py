"""What an explanation warns of: a rule with a name, and where it fired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dualtrain.plan import Plan

__all__ = ["Concern", "Level", "Rule", "concerns", "note", "warning"]

Level = Literal["warning", "note"]
"""`warning`: probably not meant. `note`: meant by many, known to few."""

Finds = Callable[[Plan], str | None]
"""What holds in a run, in words; None where nothing does."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A pure function of a plan, with the reason why its answer matters.

    `warning` and `note` make one of a function, and its name of the function's.
    """

    name: str
    level: Level
    where: str
    """The field of the spec to look at."""
    reason: str
    """Why, in one sentence: what was measured, or who differs."""
    finds: Finds
    """What holds in this run, in words; None where nothing does."""


def warning(where: str, reason: str) -> Callable[[Finds], Rule]:
    """A rule over what is probably not meant."""
    return lambda finds: _rule("warning", where, reason, finds)


def note(where: str, reason: str) -> Callable[[Finds], Rule]:
    """A rule over what is meant by many and known to few."""
    return lambda finds: _rule("note", where, reason, finds)


def _rule(level: Level, where: str, reason: str, finds: Finds) -> Rule:
    name = finds.__name__.strip("_").replace("_", "-")
    return Rule(name=name, level=level, where=where, reason=reason, finds=finds)


@dataclass(frozen=True, kw_only=True)
class Concern:
    """A rule that fired."""

    rule: str
    level: Level
    where: str
    found: str
    reason: str


def concerns(plan: Plan, rules: tuple[Rule, ...]) -> tuple[Concern, ...]:
    """The rules that fire, warnings first, else in the order given."""
    found = [
        Concern(rule=r.name, level=r.level, where=r.where, found=text, reason=r.reason)
        for r in rules
        if (text := r.finds(plan)) is not None
    ]
    return tuple(sorted(found, key=lambda concern: concern.level != "warning"))
