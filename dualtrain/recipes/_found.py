"""A value of a program as a field of a recipe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dualtrain.reading import (
    Class,
    DictValue,
    Function,
    Instance,
    Known,
    Library,
    ListValue,
    Made,
    Module,
    Place,
    Unknown,
    Value,
    leaves,
    plain,
)
from dualtrain.recipes._record import Certainty, Found

__all__ = ["described", "found", "implied", "number", "stated"]

DEEP = 6
"""How deep an expression is written out."""


def stated(value: Any, place: Place | None, how: str = "literal", why: str = "") -> Found:
    """What the recipe's text says by itself."""
    return Found(value, "stated", place, how, None, why)


def implied(value: Any, library: str, place: Place | None = None) -> Found:
    """A library's default; library: its name and, where known, its release."""
    return Found(value, "implied", place, f"library default of {library}")


def found(value: Value) -> Found:
    """The field that a value gives: stated where it is known to the last element, or implied
    where a library's default is all that it comes from."""
    try:
        known = plain(value)
    except ValueError:
        place = getattr(getattr(value, "origin", None), "place", None)
        place = place or getattr(value, "place", None)
        why = getattr(value, "why", "") or "cannot be computed from the text"
        return Found(None, "unknown", place, "", _flag(value), f"{described(value)}: {why}")
    source = _source(value)
    if source is None:
        return Found(_listed(known), "stated")
    origin = source.origin
    certainty: Certainty = "implied" if origin.how.startswith("library default") else "stated"
    return Found(_listed(known), certainty, origin.place, origin.how, origin.name or None)


def _listed(known: Any) -> Any:
    return list(known) if isinstance(known, tuple) else known


def _source(value: Value) -> Known | None:
    """The constant that a value comes down to: a flag or key before a literal."""
    known = [one for one in leaves(value) if isinstance(one, Known)]
    if isinstance(value, (ListValue, DictValue)):
        inner = value.values if isinstance(value, ListValue) else list(value.cells.values())
        known = [one for part in inner for one in leaves(part) if isinstance(one, Known)]
    named = [one for one in known if one.origin.name]
    if named:
        return named[0]
    return known[0] if known else None


def _flag(value: Value) -> str | None:
    names = [one.origin.name for one in leaves(value) if isinstance(one, Known)]
    return next((name for name in names if name), None)


def number(value: Value | None) -> float | int | None:
    """The number that a value is; None where it is none, or not known."""
    if isinstance(value, Known) and isinstance(value.value, (int, float)):
        return value.value
    return None


def with_why(given: Found, why: str) -> Found:
    """The same, with a remark."""
    return replace(given, why=why)


def described(value: Value, depth: int = 0) -> str:
    """A value as a person would write it.

    >>> batches = Unknown(op="len", operands=(Library("loader"),))
    >>> described(Unknown(op="*", operands=(batches, Known(3))))
    'len(loader) * 3'
    """
    if depth > DEEP:
        return "..."
    match value:
        case Known(origin=origin) if origin.name and origin.how != "computed":
            return f"{origin.name}={value.value!r}"
        case Known():
            return repr(value.value)
        case Library(path=path):
            return path
        case Made(path=path, place=place):
            return f"{path}(...) of {place}"
        case ListValue():
            inner = ", ".join(described(one, depth + 1) for one in value.values[:5])
            return f"[{inner}{', ...' if value.open or len(value.items) > 5 else ''}]"
        case DictValue():
            return "{...}"
        case Function():
            return value.name
        case Class() | Module():
            return value.name
        case Instance():
            return f"{value.of.name}(...)"
        case Unknown():
            return _tree(value, depth)
    return "?"


def _tree(value: Unknown, depth: int) -> str:
    parts = [described(one, depth + 1) for one in value.operands]
    match value.op:
        case "attr":
            return f"{parts[0]}.{parts[1].strip(chr(39))}"
        case "item":
            return f"{parts[0]}[{parts[1]}]"
        case "if":
            return f"{parts[1]} if {parts[0]} else {parts[2]}"
        case "element" | "carried" | "index":
            return f"{value.op} of {parts[0]}" if parts else value.op
        case "name" | "parameter":
            return parts[0].strip("'")
        case "" | "raise":
            return "a value"
        case op if len(parts) == 2 and not op.isidentifier():
            return f"{parts[0]} {op} {parts[1]}"
        case op if op in ("in", "is", "and", "or", "not in", "is not"):
            return f" {op} ".join(parts)
    return f"{value.op}({', '.join(parts)})"
