"""The command that predicts with what a run has left."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dualtrain.aside import write_aside
from dualtrain.cli._options import Device
from dualtrain.outputs import check_apart, check_file
from dualtrain.world import check_alone

__all__ = ["predict"]

PREDICTIONS = "a file of predictions"


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The --output folder of a run.")],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="The inputs, in a file as the task reads.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File for the predictions: .csv or .jsonl.")
    ],
    backend: Annotated[
        str | None,
        typer.Option(envvar="DUALTRAIN_BACKEND", help="torch or paddle; absent, the run's own."),
    ] = None,
    weights: Annotated[
        Literal["final", "best", "averages"], typer.Option(help="Which of the run's.")
    ] = "final",
    device: Device = None,
) -> None:
    """Predict with the model of a finished run, a row for each row of the data."""
    from dualtrain import training

    check_alone("predict", os.environ)
    if output.suffix.lower() not in (".csv", ".jsonl"):
        raise typer.BadParameter(
            f"must end in .csv or .jsonl. Received: {str(output)!r}", param_hint="--output"
        )
    check_apart(output, PREDICTIONS, {"the data": data})
    check_file(output, PREDICTIONS)
    rows = training.predict(run, data, backend=backend, weights=weights, device=device or "cpu")
    _write(output, rows)
    print(f"{output}: {len(rows)} predictions")


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with write_aside(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        if path.suffix.lower() == ".jsonl":
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            return
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
