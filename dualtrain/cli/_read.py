"""The command that reads other people's recipes: read."""

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from dualtrain.aside import write_aside
from dualtrain.outputs import check_file
from dualtrain.recipes import Recipe, read_recipe, recipe_json, recipe_yaml

__all__ = ["read"]


class Format(str, Enum):
    """What is written."""

    yaml = "yaml"
    json = "json"


def read(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="The script that trains, or a configuration; beside a script also the shell "
            "files and pages that have its command.",
        ),
    ],
    run: Annotated[
        str | None, typer.Option(help='The command, such as "python train.py --lr 1e-4".')
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="The configuration that the script is given.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="The repository's folder; found if absent.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write it there, not to the terminal.")
    ] = None,
    format: Annotated[Format, typer.Option(help="yaml: a spec; json: all of it.")] = Format.yaml,
) -> None:
    """Read a training recipe into a spec that says where each number comes from.

    Nothing of it is imported or run.
    """
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
    if format is Format.json:
        return json.dumps(recipe_json(recipe), indent=2, ensure_ascii=False) + "\n"
    return recipe_yaml(recipe, f"read from {title}")


def _told(recipe: Recipe) -> str:
    unknown = recipe_json(recipe)["unknown"]
    return f"{len(recipe.hazards)} hazards, {len(unknown)} unknown: {', '.join(unknown) or 'none'}"
