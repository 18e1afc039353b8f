"""The arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AsJson", "MicroBatches", "SpecFile"]

SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="YAML, TOML or JSON.")]
MicroBatches = Annotated[
    int | None,
    typer.Option(min=1, help="In one epoch, over all processes; else from the data or the spec."),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
