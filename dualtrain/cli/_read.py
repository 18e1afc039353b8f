"""The command that reads other people's recipes: read."""

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dualtrain.aside import write_aside
from dualtrain.cli._options import Config, RecipeFiles, Root, RunAs
from dualtrain.outputs import check_file

if TYPE_CHECKING:
    from dualtrain.recipes import Recipe

__all__ = ["read"]


class Format(str, Enum):
    """What is written."""

    yaml = "yaml"
    json = "json"


def read(
    paths: RecipeFiles,
    run: RunAs = None,
    config: Config = None,
    root: Root = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write it there, not to the terminal.")
    ] = None,
    format: Annotated[Format, typer.Option(help="yaml: a spec; json: all of it.")] = Format.yaml,
) -> None:
    """Read a training recipe into a spec that says where each number comes from.

    Nothing of it is imported or run.
    """
    from dualtrain.recipes import read_recipe

    if output is not None:
        check_file(output, "the spec")
    recipe = read_recipe(list(paths), run=run, config=config, root=root)
    text = _text(recipe, format, ", ".join(map(str, paths)))
    if output is None:
        print(text, end="")
    else:
        with write_aside(output) as file:
            file.write_text(text, encoding="utf-8")
        print(_told(recipe), file=sys.stderr)


def _text(recipe: Recipe, format: Format, title: str) -> str:
    from dualtrain.recipes import recipe_json, recipe_yaml

    if format is Format.json:
        return json.dumps(recipe_json(recipe), indent=2, ensure_ascii=False) + "\n"
    return recipe_yaml(recipe, f"read from {title}")


def _told(recipe: Recipe) -> str:
    from dualtrain.recipes import recipe_json

    unknown = recipe_json(recipe)["unknown"]
    return f"{len(recipe.hazards)} hazards, {len(unknown)} unknown: {', '.join(unknown) or 'none'}"
