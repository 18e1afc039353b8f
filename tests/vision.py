"""Recipes out of YAML that a test writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dualtrain.recipes import Recipe, read_recipe

__all__ = ["codes", "line_of", "said", "says"]


def said(folder: Path, text: str, run: str | None = None, **files: str) -> Recipe:
    """The recipe of a configuration, and of a command.

    `files`: others of the folder, their paths without `.py`, and with `__` for `/`.
    """
    for name, more in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(more, encoding="utf-8")
    path = folder / "recipe.yml"
    path.write_text(text, encoding="utf-8")
    return read_recipe(path, run=run, root=folder)


def says(recipe: Recipe, *names: str) -> dict[str, Any]:
    """The values of fields."""
    return {name: recipe[name].value for name in names}


def codes(recipe: Recipe) -> set[str]:
    """The hazards, but for the one that every such recipe has."""
    return {hazard.code for hazard in recipe.hazards} - {"spread_over_files"}


def line_of(recipe: Recipe, code: str) -> int:
    """The line of a hazard."""
    [place] = [hazard.place for hazard in recipe.hazards if hazard.code == code]
    assert place is not None
    return place.line
