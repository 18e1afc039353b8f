"""What a judge says of one quantity, and of a whole run in lockstep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["Excuse", "Half", "Judged", "Lockstep", "Outcome", "Reading"]

Excuse = Literal["", "kink", "kernel"]
"""kink: rounding has put a unit on the other side of one, which a nudged pass shows. kernel: the
float64 passes agree, and one side's float32 pass is that far from its own."""

Half = Literal["gradients", "rule"]

Outcome = Literal["agrees", "told", "no proof", "differs"]
"""told: agrees, but a person should know. no proof: nobody can say here."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One quantity of one update, held against its bar."""

    half: Half
    what: str
    """What was judged: `gradient`, `loss`, `statistic`; `norm`, `clip`, `weight`, `decay`, a state
    by its neutral name such as `second_moment`, `average`, `loss scale`."""
    side: str
    """Whose: `a`, `b`, or `both`."""
    tensor: str
    """The canonical name; empty where it is none's."""
    value: float
    bar: float
    """What is allowed, in the unit of `value`."""
    outcome: Outcome
    detail: str = ""
    """In a few words, where there is more to say."""
    knob: str = ""
    """The fields of the spec to look at."""
    excuse: Excuse = ""
    """Why a value beyond its bar is told, not different: in a few updates, not in many."""

    @property
    def times(self) -> float:
        """value / bar; a value that is not a number is beyond any bar."""
        if math.isnan(self.value):
            return math.inf
        return self.value / self.bar if self.bar else math.inf if self.value else 0.0


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One update, judged: what differs, is no proof or is excused, and of the rest the gravest."""

    attempt: int
    t: int
    readings: tuple[Reading, ...]


@dataclass(frozen=True, kw_only=True)
class Lockstep:
    """The judged updates of a run, in order; the first and the last are among them."""

    updates: tuple[Judged, ...]
    total: int
    """Updates that the run made or skipped."""
