"""The command that follows a run led elsewhere: lockstep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dualtrain.cli._options import Backend, Device, TaskFile, on_device
from dualtrain.cli._traces import leave
from dualtrain.spec import load_spec

__all__ = ["lockstep"]


def lockstep(
    spec: TaskFile,
    backend: Backend,
    states: Annotated[
        Path, typer.Option(help="What `train --states` has left, here or elsewhere.")
    ],
    report: Annotated[Path | None, typer.Option(help="Folder for tables and plots.")] = None,
    device: Device = None,
) -> None:
    """Follow a run that was led elsewhere, and judge each of its updates alone.

    Status 0: they agree; 1: they differ; 4: no proof, for something cannot be judged.
    """
    from rich.console import Console

    from dualtrain.report import check_plots, print_comparison, write_report
    from dualtrain.workers import check_report, run_lockstep

    console = Console()
    if report is not None:
        check_report(report, inputs={"the states": states})
        check_plots()
    comparison = run_lockstep(
        on_device(load_spec(spec), device), backend, states=states, console=console
    )
    print_comparison(comparison, console)
    if report is not None:
        write_report(report, comparison)
    leave(comparison)
