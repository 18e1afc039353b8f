"""The command that proposes which tensor of one model is which of the other: twins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dualtrain.aside import write_aside
from dualtrain.cli._model import model_of
from dualtrain.cli._traces import STATUS

__all__ = ["twins"]

_HELP = "MODULE:FUNCTION that makes a model, from the current folder too."


def twins(
    a: Annotated[str, typer.Argument(metavar="A", help=_HELP)],
    b: Annotated[str, typer.Argument(metavar="B", help="The same, of the other model.")],
    output: Annotated[
        Path | None, typer.Option(help="File for the map, .yaml; else it is printed.")
    ] = None,
) -> None:
    """Propose a map of two models: which tensor of A is which of B.

    Its remarks say what is no more than likely. Status 0: every tensor has its twin; 4: some are
    left open.
    """
    from dualtrain.twins import propose

    if output is not None and output.suffix not in (".yaml", ".yml"):
        raise typer.BadParameter(
            f"must end in .yaml or .yml. Received: {output}", param_hint="--output"
        )
    if output is not None and output.exists():
        raise typer.BadParameter(
            f"must be a new file: a map that is there may be edited. Received: {output}",
            param_hint="--output",
        )
    (source, _), (target, _) = model_of(a, "A"), model_of(b, "B")
    proposal = propose(source, target)
    text = proposal.text()
    if output is None:
        print(text, end="")
    else:
        with write_aside(output) as file:
            file.write_text(text, encoding="utf-8")
        print(text.splitlines()[0].removeprefix("# "))
    if not proposal.whole:
        raise typer.Exit(STATUS["no proof"])
