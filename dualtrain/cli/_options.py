"""The arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dualtrain.spec import Spec

__all__ = ["AsJson", "Backend", "Device", "MicroBatches", "SpecFile", "TaskFile", "on_device"]

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
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def on_device(spec: Spec, device: str | None) -> Spec:
    """The spec with another device, if one is named."""
    if device is None:
        return spec
    fields: dict[str, Any] = spec.model_dump() | {"device": device}
    return Spec(**fields).located(spec.source)
