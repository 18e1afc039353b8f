"""A field of a spec as a recipe tells it, or leaves it open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dualtrain.recipes._record import Found

__all__ = ["Entry", "Told", "Untold"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A field of the spec."""

    path: tuple[str, ...]
    value: Any
    found: Found | None = None
    """Where it comes from; None of what follows from others."""


@dataclass(frozen=True, slots=True)
class Untold:
    """A field of the spec that the recipe decides and that cannot be told from its text."""

    path: tuple[str, ...]
    why: str
    found: Found | None = None


Told = Entry | Untold
