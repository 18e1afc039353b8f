"""A run of a model whose twin has other names, told in the parts that both models share.

What holds query, key and value in one tensor is three on both sides then, so that each is judged
by itself. The roles of a parameter, which its name and its shape say, are left out: the names are
the user's own, and what they decided is compared.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar, overload

from dualtrain.parity._weight_set import WeightSet
from dualtrain.trace import Decision, ParameterFacts, PlanFacts, Trace, weight_digest
from dualtrain.twins import Side, Twins

__all__ = ["told_apart"]

Row = TypeVar("Row", ParameterFacts, Decision)


@overload
def told_apart(
    trace: Trace, weights: WeightSet, twins: Twins, side: Side
) -> tuple[Trace, WeightSet]: ...


@overload
def told_apart(
    trace: Trace, weights: WeightSet | None, twins: Twins, side: Side
) -> tuple[Trace, WeightSet | None]: ...


def told_apart(
    trace: Trace, weights: WeightSet | None, twins: Twins, side: Side
) -> tuple[Trace, WeightSet | None]:
    """The trace and the weights of one of two twins, under the names and in the layout of both.

    side: which of the two models trained. Without weights no initial digest is left.
    """
    header, shapes = trace.header, twins.shapes_apart
    parts = None
    if weights is not None:
        parts = WeightSet(
            twins.apart(weights.initial, side),
            twins.apart(weights.final, side),
            None if weights.averages is None else twins.apart(weights.averages, side),
        )
    parameters = tuple(
        replace(row, shape=shapes[row.name]) for row in _rows(header.parameters, twins, side)
    )
    digests = {} if parts is None else {n: weight_digest(a) for n, a in parts.initial.items()}
    plan = header.plan and _plan(header.plan, twins, side)
    told = replace(header, parameters=parameters, initial_digest=digests, plan=plan)
    return replace(trace, header=told), parts


def _plan(plan: PlanFacts, twins: Twins, side: Side) -> PlanFacts:
    rows = _rows(plan.decisions, twins, side)
    return replace(plan, decisions=tuple(replace(row, roles=()) for row in rows))


def _rows(rows: tuple[Row, ...], twins: Twins, side: Side) -> list[Row]:
    """Each row under the names of its parts."""
    named = twins.values_apart({row.name: row for row in rows}, side)
    return [replace(row, name=name) for name, row in named.items()]
