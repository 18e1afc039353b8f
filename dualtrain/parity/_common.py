"""What two traces have in common: a trace without a plan records what could be seen, and no more.

A recorded script has no digests of batches, say, and a run of dualtrain has: that is no difference
between the runs. Two runs of dualtrain record the same things, so there it is one; but for a loop
of one's own (`dualtrain.start`), which never shows its data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dualtrain.trace import Trace

__all__ = ["in_common"]

_OF_THE_HEADER: Mapping[str, Any] = {
    "parameters": (),
    "initial_digest": {},
    "probe": None,
    "data_digest": None,
}
_OF_AN_UPDATE: Mapping[str, Any] = {
    "momentum": None,
    "micro_losses": (),
    "grad_norm": None,
    "clipped_norm": None,
    "batches": (),
}
"""Field -> its value where nothing is recorded."""


_OF_DATA = ("probe", "data_digest", "batches", "micro_losses")
"""What only a run that was given its data records; and evaluations."""


def in_common(a: Trace, b: Trace) -> tuple[Trace, Trace]:
    """Both traces, without the facts of which one records nothing.

    With two plans as they are, but for what comes of the data, if one of them saw none.
    """
    optional = {*_OF_THE_HEADER, *_OF_AN_UPDATE}
    if a.header.plan is not None and b.header.plan is not None:
        if _saw_data(a) == _saw_data(b):
            return a, b
        optional.intersection_update(_OF_DATA)
    header = {
        name: nothing
        for name, nothing in _OF_THE_HEADER.items()
        if name in optional and any(getattr(trace.header, name) == nothing for trace in (a, b))
    }
    update = {
        name: nothing
        for name, nothing in _OF_AN_UPDATE.items()
        if name in optional
        and any(all(getattr(u, name) == nothing for u in trace.updates) for trace in (a, b))
    }
    evaluations = a.evaluations and b.evaluations
    x, y = (
        replace(
            trace,
            header=replace(trace.header, **header),
            updates=tuple(replace(u, **update) for u in trace.updates),
            evaluations=trace.evaluations if evaluations else (),
        )
        for trace in (a, b)
    )
    return x, y


def _saw_data(trace: Trace) -> bool:
    header = trace.header
    known = header.probe is not None or header.data_digest is not None
    return known or any(update.batches for update in trace.updates)
