"""A field of a spec as a recipe tells it, or leaves it open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dualtrain.recipes._record import Found

__all__ = ["Entry", "Told", "Untold", "remarked", "told"]


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


def told(path: tuple[str, ...], found: Found, value: Any = None) -> Told:
    """A field, or that it is not known; value: what it has, where that is not what was found."""
    if found.certainty == "unknown":
        return Untold(path, found.why or "cannot be told", found)
    if found.certainty == "absent" and value is None:
        return Untold(path, "the recipe does not say it", found)
    return Entry(path, found.value if value is None else value, found)


def remarked(found: Found, why: str) -> Found:
    """The same, stated, with a remark."""
    return Found(found.value, "stated", found.place, found.how, found.flag, why)
