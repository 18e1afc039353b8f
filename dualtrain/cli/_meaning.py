"""Commands that say what a spec means and need no framework: explain, compare."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from dualtrain.cli._options import AsJson, MicroBatches, SpecFile
from dualtrain.cli._sizes import count_micro_batches, plan_of
from dualtrain.printable import escaped
from dualtrain.spec import load_spec

__all__ = ["compare", "explain"]


def explain(spec: SpecFile, micro_batches: MicroBatches = None, as_json: AsJson = False) -> None:
    """Say what a spec will do, and what in it is probably not meant."""
    from dualtrain.explain import explain
    from dualtrain.report import explanation_as_dict, explanation_lines

    loaded = load_spec(spec)
    count = count_micro_batches(loaded, micro_batches)
    explanation = explain(plan_of(loaded, count), counted=count is not None)
    if as_json:
        print(json.dumps(explanation_as_dict(explanation)))
        return
    for line in list(explanation_lines(explanation)):  # all of it, or nothing is said
        print(escaped(line))


def compare(
    spec: SpecFile,
    dialects: Annotated[
        str | None, typer.Option(help="Separated by commas; all of them if absent.")
    ] = None,
    micro_batches: MicroBatches = None,
    as_json: AsJson = False,
) -> None:
    """Show what a spec's numbers mean in each library: T, W, tail, rates."""
    from dualtrain.dialects import DIALECTS, contrast
    from dualtrain.report import dialect_lines, dialects_as_dict

    names = list(DIALECTS) if dialects is None else dialects.split(",")
    unknown = [name for name in names if name not in DIALECTS]
    if unknown:
        raise typer.BadParameter(
            f"must be of {', '.join(DIALECTS)}. Received: {', '.join(map(repr, unknown))}",
            param_hint="--dialects",
        )
    loaded = load_spec(spec)
    count = count_micro_batches(loaded, micro_batches)
    plan = plan_of(loaded, count)
    contrasts = contrast(plan, [DIALECTS[name] for name in names])
    counted = count is not None
    if as_json:
        print(json.dumps(dialects_as_dict(plan, contrasts, counted=counted)))
        return
    for line in dialect_lines(plan, contrasts, counted=counted):
        print(escaped(line))
