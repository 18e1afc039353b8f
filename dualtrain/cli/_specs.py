"""Commands that need a spec and no framework: check, schema, plan, plot."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dualtrain.cli._options import MicroBatches, SpecFile
from dualtrain.cli._sizes import check_plan, count_micro_batches, plan_of
from dualtrain.errors import DataError, PlanError, SpecError
from dualtrain.explain import whole_numbers
from dualtrain.plan import Plan, decay_note, warmup_note
from dualtrain.printable import refusal
from dualtrain.spec import load_spec, spec_schema

__all__ = ["check", "plan", "plot", "schema"]

SpecFiles = Annotated[list[Path], typer.Argument(metavar="SPEC", help="YAML, TOML or JSON.")]


def check(specs: SpecFiles, micro_batches: MicroBatches = None) -> None:
    """Check specs and, where the sizes of the run are known, their plans."""
    broken = False
    for path in specs:
        try:
            unknown = check_plan(load_spec(path), micro_batches)
            print(f"{path}: ok{_not_planned(unknown)}")
        except (SpecError, PlanError, DataError) as error:
            print(refusal(str(error)), file=sys.stderr)
            broken = True
    if broken:
        raise typer.Exit(2)


def _not_planned(unknown: str | None) -> str:
    return "" if unknown is None else f", but not planned: {unknown}; give --micro-batches"


def schema() -> None:
    """Print the JSON Schema of a spec."""
    print(json.dumps(spec_schema(), indent=2))


def plan(
    spec: SpecFile,
    micro_batches: MicroBatches = None,
    world_size: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="With the whole curve.")] = False,
) -> None:
    """Resolve a spec into whole numbers and a curve."""
    loaded = load_spec(spec)
    count = count_micro_batches(loaded, micro_batches)
    resolved = plan_of(loaded, count, world_size=world_size)
    facts = whole_numbers(resolved, counted=count is not None)
    for note in filter(None, (warmup_note(resolved), decay_note(resolved))):
        print(f"note: {note}", file=sys.stderr)
    if as_json:
        momentum = resolved.momentum_curve()
        cycled = {} if momentum is None else {"momentum": momentum.tolist()}
        print(json.dumps({**facts, "lr": _curve(resolved), **cycled}))
        return
    width = max(map(len, facts))
    for name, value in {**facts, **_rates(resolved)}.items():
        print(f"{name.replace('_', ' '):<{width}}  {'any' if value is None else value}")


def _curve(plan: Plan) -> list[float] | None:
    """lr_at(t) for t = 0 ... T - 1; None where metrics decide."""
    return None if plan.spec.schedule.needs_metric else plan.lr_curve().tolist()


def _rates(plan: Plan) -> dict[str, Any]:
    if plan.spec.schedule.needs_metric:
        return {"lr": "depends on the metrics that training reports"}
    lr, momentum = plan.lr_curve(), plan.momentum_curve()
    rates = {"first lr": float(lr[0]), "peak lr": float(lr.max()), "last lr": float(lr[-1])}
    if momentum is None:
        return rates
    return {
        **rates,
        "first momentum": float(momentum[0]),
        "lowest momentum": float(momentum.min()),
        "last momentum": float(momentum[-1]),
    }


def plot(
    specs: SpecFiles,
    micro_batches: MicroBatches = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help=".png or .svg; else drawn as text.")
    ] = None,
) -> None:
    """Draw the learning-rate curves of specs."""
    if output is not None and output.suffix not in (".png", ".svg"):
        raise typer.BadParameter(
            f"must end in .png or .svg. Received: {output}", param_hint="--output"
        )
    plans = {str(path): _drawable(path, micro_batches) for path in specs}
    if output is None:
        _draw(plans)
        return
    from dualtrain.report import plot_lr

    plot_lr(plans, output)


def _drawable(path: Path, micro_batches: int | None) -> Plan:
    """The plan of one spec of several; an error says of which."""
    spec = load_spec(path)
    plan = plan_of(spec, count_micro_batches(spec, micro_batches))
    plan.lr_curve()  # refused here, by file and line, where metrics decide
    return plan


def _draw(plans: dict[str, Plan]) -> None:
    """One chart below the other, all with the same axes."""
    from dualtrain.report import chart

    curves = {name: plan.lr_curve() for name, plan in plans.items()}  # all, or nothing is drawn
    peak = max(float(curve.max()) for curve in curves.values())
    top = peak or max(plan.spec.optimizer.lr for plan in plans.values())
    length = max(plan.total_updates for plan in plans.values())
    for name, plan in plans.items():
        sizes = f"T = {plan.total_updates}, W = {plan.warmup_updates}, H = {plan.horizon}"
        print(f"{name}: {sizes}")
        try:
            print(chart(curves[name], top=top, length=length))
        except UnicodeEncodeError as error:
            raise typer.BadParameter(
                f"is needed: a chart is drawn in Unicode. Received: a terminal of {error.encoding}",
                param_hint="--output",
            ) from None
