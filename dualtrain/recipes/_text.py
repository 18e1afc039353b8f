"""A recipe as text: a spec in YAML with where each number comes from, or JSON for machines."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from dualtrain.recipes._as_spec import entries
from dualtrain.recipes._effects import effect
from dualtrain.recipes._record import FIELDS, Found, Recipe
from dualtrain.recipes._told import Entry, Told, Untold

__all__ = ["recipe_json", "recipe_yaml"]

WIDTH = 98


def recipe_yaml(recipe: Recipe, title: str = "", *, told: Mapping[str, Any] | None = None) -> str:
    """The spec that a recipe comes to. Beside each field stands where it comes from; what is not
    known is a comment in its place, and every command that needs it asks for it by name.

    told: values of fields by dotted name, which stand instead of what the recipe says.
    """
    lines = [f"# {title}"] if title else []
    for note in recipe.notes:
        lines += _comment(note)
    for hazard in recipe.hazards:
        mends = f" [{hazard.mends}]" if hazard.mends else ""
        at = f" {hazard.place}" if hazard.place else ""
        numbers = effect(recipe, hazard)
        does = f"{hazard.text}. In numbers: {numbers}" if numbers else hazard.text
        lines += _comment(f"hazard {hazard.code},{at}: {does}{mends}")
    fields = _with(entries(recipe), told or {})
    for section in dict.fromkeys(one.path[0] for one in fields):
        lines += _section([one for one in fields if one.path[0] == section], 0)
    return "\n".join(lines) + "\n"


def _with(fields: Sequence[Told], told: Mapping[str, Any]) -> list[Told]:
    """The fields with what the caller tells of them."""
    found = list(fields)
    for name, value in told.items():
        path = tuple(name.split("."))
        new = Entry(path, value, Found(value, "stated", None, "told"))
        near = [
            one
            for one in found
            if one.path == path or (isinstance(one, Untold) and path[: len(one.path)] == one.path)
        ]
        at = found.index(near[0]) if near else len(found)
        found = [one for one in found if one not in near]
        found.insert(at, new)
    return found


def _comment(text: str, indent: int = 0) -> list[str]:
    lead = " " * indent + "# "
    flat = " ".join(text.split())
    return textwrap.wrap(
        flat, WIDTH, initial_indent=lead, subsequent_indent=lead + "  ", break_long_words=False
    )


def _section(told: Sequence[Told], depth: int) -> list[str]:
    """Fields of one path's beginning."""
    name, pad = told[0].path[depth], "  " * depth
    known = [one for one in told if isinstance(one, Entry)]
    if len(told) == 1 and len(told[0].path) == depth + 1:
        return _leaf(told[0], depth)
    lines = [f"{pad}{name}:"] if known else [*_comment(f"{name}:", 2 * depth)]
    for inner in dict.fromkeys(one.path[depth + 1 :][:1] for one in told):
        part = [one for one in told if one.path[depth + 1 :][:1] == inner]
        lines += _section(part, depth + 1) if inner else _leaf(part[0], depth)
    return lines


def _leaf(one: Told, depth: int) -> list[str]:
    name = one.path[-1]
    if isinstance(one, Untold):
        at = f" (look at {one.found.place})" if one.found and one.found.place else ""
        return _comment(f"{name}: unknown. {one.why}{at}", 2 * depth)
    line = f"{'  ' * depth}{name}: {json.dumps(one.value, ensure_ascii=False)}"
    return [f"{line}  # {_source(one.found)}" if one.found is not None else line]


def _source(found: Found) -> str:
    parts = [str(found.place)] if found.place else []
    parts += [found.how] if found.how and found.how != "literal" else []
    parts += [found.flag] if found.flag else []
    if found.why:
        parts.append(" ".join(found.why.split()))
    return ", ".join(parts) or found.certainty


def recipe_json(recipe: Recipe) -> dict[str, Any]:
    """All that was read, for machines: each field, the hazards, and the spec with what it lacks."""
    told = entries(recipe)
    return {
        "framework": recipe.framework,
        "fields": {name: _field(recipe[name]) for name in FIELDS},
        "hazards": [
            {
                "code": one.code,
                "place": str(one.place) if one.place else None,
                "text": one.text,
                "mends": one.mends,
                "effect": effect(recipe, one),
            }
            for one in recipe.hazards
        ],
        "notes": list(recipe.notes),
        "spec": _nested([one for one in told if isinstance(one, Entry)]),
        "unknown": {".".join(one.path): one.why for one in told if isinstance(one, Untold)},
    }


def _field(found: Found) -> dict[str, Any]:
    return {
        "value": found.value,
        "certainty": found.certainty,
        "file": found.place.file if found.place else None,
        "line": found.place.line if found.place else None,
        "how": found.how or None,
        "flag": found.flag,
        "why": found.why or None,
    }


def _nested(told: Sequence[Entry]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for one in told:
        node = tree
        for name in one.path[:-1]:
            node = node.setdefault(name, {})
        node[one.path[-1]] = one.value
    return tree
