"""What an explanation warns of: a rule with a name, and where it fired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dualtrain.plan import Plan

__all__ = ["AdviceRule", "AdviceRules", "Concern", "Level", "concerns"]

Level = Literal["warning", "note"]
"""`warning`: probably not meant. `note`: meant by many, known to few."""

Finds = Callable[[Plan], str | None]
"""What holds in a run, in words; None where nothing does."""


@dataclass(frozen=True, kw_only=True)
class AdviceRule:
    """A pure function of a plan, with the reason why its answer matters."""

    name: str
    level: Level
    where: str
    """The field of the spec to look at."""
    reason: str
    """Why, in one sentence: what was measured, or who differs."""
    finds: Finds
    """What holds in this run, in words; None where nothing does."""


class AdviceRules(list[AdviceRule]):
    """AdviceRules in the order in which they are told: functions of a plan, which are decorated.

    The rule has the name of the function, its words joined by hyphens.
    """

    def warning(self, where: str, reason: str) -> Callable[[Finds], Finds]:
        """Add a rule over what is probably not meant."""
        return self._add("warning", where, reason)

    def note(self, where: str, reason: str) -> Callable[[Finds], Finds]:
        """Add a rule over what is meant by many and known to few."""
        return self._add("note", where, reason)

    def _add(self, level: Level, where: str, reason: str) -> Callable[[Finds], Finds]:
        def add(finds: Finds) -> Finds:
            name = finds.__name__.strip("_").replace("_", "-")
            self.append(AdviceRule(name=name, level=level, where=where, reason=reason, finds=finds))
            return finds

        return add


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
