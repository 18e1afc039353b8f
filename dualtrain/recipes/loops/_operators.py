"""What a recipe tells autocast of single operators."""

from __future__ import annotations

from collections.abc import Mapping

from dualtrain.native.operators import OPERATORS
from dualtrain.reading import Event, Known, Value, plain
from dualtrain.recipes._configured import configured
from dualtrain.recipes._found import described, stated
from dualtrain.recipes._record import Found

__all__ = ["operators_of"]


def operators_of(event: Event, words: Mapping[str, Value]) -> Found | None:
    """`float32_operators`, by neutral names; None where autocast's own lists stand.

    Unknown where the recipe sends operators to the low type, or keeps in float32 what no neutral
    names add up to.
    """
    lower = _names(words.get("custom_white_list"))
    if lower is None or lower:
        told = described(words["custom_white_list"]) if lower is None else _joined(lower)
        return _unknown(event, f"custom_white_list: {told} in the low type; no word says it")
    kept = _names(words.get("custom_black_list"))
    if kept is None:
        told = described(words["custom_black_list"])
        return _unknown(event, f"custom_black_list: {told} cannot be told")
    if not kept:
        return None
    neutral = [name for name, own in OPERATORS["paddle"].items() if kept >= {*own}]
    rest = kept - {one for name in neutral for one in OPERATORS["paddle"][name]}
    if rest:
        return _unknown(event, f"custom_black_list: {_joined(rest)} is less than any neutral word")
    return stated(neutral, event.place)


def _names(given: Value | None) -> set[str] | None:
    """A list's texts; None where they cannot be told."""
    value = Known(None) if given is None else configured(given)
    try:
        names = plain(value)
    except ValueError:
        return None
    if names is None:
        return set()
    texts = isinstance(names, (list, tuple, set, frozenset))
    return set(names) if texts and all(isinstance(one, str) for one in names) else None


def _joined(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _unknown(event: Event, why: str) -> Found:
    return Found(None, "unknown", event.place, why=why)
