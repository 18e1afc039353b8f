"""The command that writes scripts; it needs a spec and no framework."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dualtrain.cli._options import Backend, SpecFile
from dualtrain.errors import OutputError
from dualtrain.outputs import check_file
from dualtrain.printable import escaped
from dualtrain.spec import load_spec

__all__ = ["write"]


def write(
    spec: SpecFile,
    backend: Backend,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The script; printed if absent.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE",
            help="Import build_model and batches from there, rather than leave a place for them.",
        ),
    ] = None,
) -> None:
    """Write a spec as a stand-alone training script, which needs the framework and no dualtrain."""
    from dualtrain.scripts import write_script

    loaded = load_spec(spec)
    if output is not None and output.exists():
        raise OutputError(
            f"{output}: a script is written where none is, for what stands there may have been "
            "edited: name another file, or remove it. Received: a path that exists"
        )
    text = write_script(loaded, backend, model=model)
    if output is None:
        print(text, end="")
        return
    check_file(output, "a script")
    output.write_text(text, encoding="utf-8")
    print(f"wrote {escaped(str(output))}")
