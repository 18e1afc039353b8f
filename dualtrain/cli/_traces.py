"""The command that needs traces and no framework: diff."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from dualtrain.cli._sizes import count_micro_batches, plan_of
from dualtrain.errors import TraceError
from dualtrain.spec import load_spec

if TYPE_CHECKING:
    from dualtrain.parity import Comparison, Verdict
    from dualtrain.plan import Plan
    from dualtrain.trace import PlanFacts

__all__ = ["STATUS", "diff", "leave"]


def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="A trace file.")],
    b: Annotated[
        Path | None,
        typer.Argument(
            metavar="B", help="The trace file to compare it with; absent, A's own plan or --plan's."
        ),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="SPEC", help="In place of B: what A was meant to do.")
    ] = None,
    micro_batches: Annotated[
        int | None, typer.Option(min=1, help="With --plan: in one epoch, over all processes.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for tables and plots.")] = None,
    floor: Annotated[
        list[Path] | None,
        typer.Option(help="Trace of A's run with its weights moved by 1 ULP; may be repeated."),
    ] = None,
) -> None:
    """Compare two traces, with their weights, or a trace with a plan.

    Status 0: they agree; 1: they differ; 4: no proof, for something cannot be judged.
    """
    from rich.console import Console

    from dualtrain.parity import compare_files, compare_with_plan
    from dualtrain.report import check_plots, print_comparison, write_report
    from dualtrain.trace import read_trace
    from dualtrain.workers import check_report

    _check_together(b, plan, floor, micro_batches)
    if report is not None:
        check_report(report)
        check_plots()
    if b is not None:
        comparison = compare_files(a, b, floors=floor or [])
    else:
        trace = read_trace(a)
        if plan is None and trace.header.plan is None:
            raise TraceError(
                f"{a}: a trace without a plan of its own is compared with another, or with the "
                "spec that --plan names. Received: neither"
            )
        comparison = compare_with_plan(
            trace, None if plan is None else _planned(plan, micro_batches, trace.header.plan)
        )
    print_comparison(comparison, Console())
    if report is not None:
        write_report(report, comparison)
    leave(comparison)


STATUS: Mapping[Verdict, int] = {"agrees": 0, "differs": 1, "no proof": 4}
"""With which a command ends that has come to a verdict."""


def leave(comparison: Comparison) -> NoReturn:
    """End a command with the status of a verdict."""
    raise typer.Exit(STATUS[comparison.verdict])


def _check_together(
    b: Path | None, plan: Path | None, floor: list[Path] | None, micro_batches: int | None
) -> None:
    """Refuse options that would have nothing to do."""
    if b is not None and plan is not None:
        raise typer.BadParameter("takes the place of B. Received: both", param_hint="--plan")
    if b is None and floor:
        raise typer.BadParameter("is for two traces. Received: one", param_hint="--floor")
    if plan is None and micro_batches is not None:
        raise typer.BadParameter(
            "is for the spec that --plan names. Received: no --plan", param_hint="--micro-batches"
        )


def _planned(file: Path, micro_batches: int | None, own: PlanFacts | None) -> Plan:
    """The plan of a spec for the sizes of a run, which its trace tells if it had a plan."""
    spec = load_spec(file)
    if micro_batches is None and own is not None:
        micro_batches = own.micro_batches_per_epoch
    count = count_micro_batches(spec, micro_batches)
    if count is None and spec.batch.accumulate > 1:
        raise typer.BadParameter(
            "is needed: with batch.accumulate the micro-batches of an epoch decide how large its "
            "last group is. Received: nothing",
            param_hint="--micro-batches",
        )
    return plan_of(spec, count, world_size=1 if own is None else own.world_size)
