"""The arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dualtrain.spec import Spec

__all__ = [
    "AsJson",
    "Backend",
    "Config",
    "Device",
    "MicroBatches",
    "RecipeFiles",
    "Root",
    "RunAs",
    "SpecFile",
    "TaskFile",
    "on_device",
]

SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="YAML, TOML or JSON.")]
TaskFile = Annotated[Path, typer.Argument(metavar="SPEC", help="YAML, TOML or JSON, with a task.")]
Backend = Annotated[
    str, typer.Option(envvar="DUALTRAIN_BACKEND", help="torch or paddle.", show_default=False)
]
Device = Annotated[str | None, typer.Option(help="cpu, cuda or cuda:1, instead of the spec's.")]
MicroBatches = Annotated[
    int | None,
    typer.Option(min=1, help="In one epoch, over all processes; else from the data or the spec."),
]
RecipeFiles = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...",
        help="The script or notebook that trains, its folder, or a configuration; beside a script "
        "also the shell files and pages that have its command.",
    ),
]
RunAs = Annotated[
    str | None, typer.Option("--run", help='The command, such as "python train.py --lr 1e-4".')
]
Config = Annotated[Path | None, typer.Option(help="The configuration that the script is given.")]
Root = Annotated[Path | None, typer.Option(help="The repository's folder; found if absent.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def on_device(spec: Spec, device: str | None) -> Spec:
    """The spec with another device, if one is named."""
    if device is None:
        return spec
    fields: dict[str, Any] = spec.model_dump() | {"device": device}
    return Spec(**fields).located(spec.source)
