"""Changes to a made trace, each of one thing: what makes two runs differ there and only there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dualtrain.trace import Trace
from tests.traces import with_decision, with_parameter, with_update


def header(**changes: Any) -> Callable[[Trace], Trace]:
    return lambda trace: replace(trace, header=replace(trace.header, **changes))


def plan(**changes: Any) -> Callable[[Trace], Trace]:
    def change(trace: Trace) -> Trace:
        assert trace.header.plan is not None
        return header(plan=replace(trace.header.plan, **changes))(trace)

    return change


def evaluation(**changes: Any) -> Callable[[Trace], Trace]:
    """Change the only evaluation."""

    def change(trace: Trace) -> Trace:
        (only,) = trace.evaluations
        return replace(trace, evaluations=(replace(only, **changes),))

    return change


def update(t: int, **changes: Any) -> Callable[[Trace], Trace]:
    return lambda trace: with_update(trace, t, **changes)


def decided(**changes: Any) -> Callable[[Trace], Trace]:
    """Change what the core decided for dense.weight."""
    return lambda trace: with_decision(trace, "dense.weight", **changes)


def in_effect(**changes: Any) -> Callable[[Trace], Trace]:
    """Change what the live optimizer holds of dense.weight."""
    return lambda trace: with_parameter(trace, "dense.weight", **changes)


def both(*changes: Callable[[Trace], Trace]) -> Callable[[Trace], Trace]:
    def change(trace: Trace) -> Trace:
        for each in changes:
            trace = each(trace)
        return trace

    return change


def same(trace: Trace) -> Trace:
    return trace
