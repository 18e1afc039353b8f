"""The command that needs traces and no framework: diff."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["diff"]


def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="A trace file.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The trace file to compare it with.")],
    report: Annotated[Path | None, typer.Option(help="Folder for tables and plots.")] = None,
    floor: Annotated[
        Path | None, typer.Option(help="Trace of A's run with one weight moved by 1 ULP.")
    ] = None,
) -> None:
    """Compare two traces, with their weights; status 1: they differ."""
    from rich.console import Console

    from dualtrain.parity import compare_files
    from dualtrain.report import check_plots, print_comparison, write_report

    if report is not None:
        check_plots()
    comparison = compare_files(a, b, floor)
    print_comparison(comparison, Console())
    if report is not None:
        write_report(report, comparison)
    if not comparison.agrees:
        raise typer.Exit(1)
