"""The command that ports other people's recipes: port."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dualtrain.cli._options import Config, RecipeFiles, Root, RunAs
from dualtrain.errors import DualtrainError
from dualtrain.files import parse_json
from dualtrain.printable import escaped

__all__ = ["port"]


def port(
    paths: RecipeFiles,
    to: Annotated[str, typer.Option(metavar="torch|paddle", help="The framework to port to.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for spec, script, report and picture.")
    ],
    run: RunAs = None,
    config: Config = None,
    root: Root = None,
    told: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="A field of the spec; repeatable."),
    ] = None,
    micro_batches: Annotated[
        int, typer.Option(min=1, help="In an epoch, for which the rates are compared.")
    ] = 100,
) -> None:
    """Port a training recipe to the other framework: read it, write it, prove its rates."""
    from dualtrain.porting import port as ported_of

    if to not in ("torch", "paddle"):
        raise typer.BadParameter(f"must be torch or paddle. Received: {to}", param_hint="--to")
    fields = dict(_field(one) for one in told or ())
    ported = ported_of(
        list(paths),
        to,  # type: ignore[arg-type]
        output,
        run=run,
        config=config,
        root=root,
        told=fields,
        micro_batches=micro_batches,
    )
    print(f"wrote {escaped(str(output))}: {len(ported.entries)} fields ported, "
          f"{len(ported.untold)} not, {len(ported.recipe.hazards)} hazards")  # fmt: skip
    if ported.missing:
        raise DualtrainError(ported.missing)
    if ported.largest is None:
        print(f"rates: no proof here: {ported.no_proof}")
        raise typer.Exit(4)
    print(f"rates: {len(ported.written)} updates, largest difference {ported.largest:g} ULP")
    if ported.largest:
        raise typer.Exit(1)


def _field(text: str) -> tuple[str, Any]:
    """A field's name and value: JSON where it is, else text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"must be FIELD=VALUE. Received: {text}", param_hint="--set")
    try:
        return name, parse_json(value)
    except ValueError:
        return name, value
