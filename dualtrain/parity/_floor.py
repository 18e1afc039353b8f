"""The chaos floor: how far a run parts from itself when one weight matrix is moved by 1 ULP.

Training magnifies rounding, some runs a thousand times more than others (a high rate, many
updates). A difference between two frameworks that is no larger than a few times what one framework
shows against itself is no evidence of a mistake. So where the floor was measured, no bound of
training is below a multiple of it: `FLOOR_UPDATES`, up to the same update, for losses and norms,
and for the evaluation's loss and metrics; `FLOOR_CORRECT` for its correct answers; `FLOOR_WEIGHTS`,
for the same tensor, for the final weights. Exact stages stay exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import TraceError
from dualtrain.parity._finding import Measure
from dualtrain.parity._tolerances import FLOOR_UPDATES, believed
from dualtrain.parity._weights import WeightSet
from dualtrain.trace import Trace

__all__ = ["check_floor", "widened"]


def check_floor(
    path: Path, floor: Trace, again: WeightSet, *, of: Trace, weights: WeightSet
) -> None:
    """Refuse as chaos floor what is not the same run again with one tensor moved by 1 ULP.

    path: the floor's trace file, for the message; `again` are its weights. of, weights: side a.

    Raises `TraceError`: any other run would excuse a difference by its own distance.
    """
    apart = [*_differing(floor.header, of.header, but=_NUDGED)]
    plans = floor.header.plan, of.header.plan
    apart += _differing(*plans) if all(plans) else [] if plans[0] == plans[1] else ["plan"]
    apart += [what for what, told in _DONE.items() if told(floor) != told(of)]
    if _steady(floor) and _steady(of):
        apart += [
            what
            for what, name in _SET.items()
            if [getattr(u, name) for u in floor.updates] != [getattr(u, name) for u in of.updates]
        ]
    if apart:
        raise _no_floor(path, f"one with another {', '.join(apart)}")
    begun, first = again.initial, weights.initial
    if begun.keys() != first.keys():
        raise _no_floor(path, f"{len(begun)} tensors against {len(first)}")
    moved = [name for name in first if not np.array_equal(begun[name], first[name])]
    if len(moved) != 1:
        raise _no_floor(path, f"{len(moved)} tensors that begin otherwise")
    (name,) = moved
    if not _within_one_ulp(begun[name], first[name]):
        raise _no_floor(path, f"{name!r} moved farther than that")


_NUDGED = ("initial_digest", "probe", "notes", "plan")
"""The fields of a header that the nudge changes, and the plan, which is looked into."""


def _steady(trace: Trace) -> bool:
    """Whether nothing that happens in training moves what is set: no metric, no skip."""
    spec = trace.header.spec
    by_metric = spec is not None and spec.schedule.needs_metric
    return not by_metric and not any(update.skipped for update in trace.updates)


_SET = {"rates": "lr", "momentum": "momentum", "loss scale": "loss_scale"}
"""What a plan sets at each update -> the field of an update."""

_DONE: Mapping[str, Callable[[Trace], Any]] = {
    "batches": lambda trace: [update.batches for update in trace.updates],
    "evaluations": lambda trace: [(e.t, e.examples) for e in trace.evaluations],
    "end": lambda trace: trace.outcome,
}
"""What the run did, and its nudged copy does again."""


def _differing(a: Any, b: Any, *, but: Sequence[str] = ()) -> list[str]:
    """The fields in which two records of one class differ."""
    return [
        field.name
        for field in fields(a)
        if field.name not in but and getattr(a, field.name) != getattr(b, field.name)
    ]


def _within_one_ulp(a: NDArray[Any], b: NDArray[Any]) -> bool:
    if a.shape != b.shape:
        return False
    low, high = np.nextafter(b, np.float32(-np.inf)), np.nextafter(b, np.float32(np.inf))
    return bool(((low <= a) & (a <= high)).all())


def _no_floor(path: Path, received: str) -> TraceError:
    return TraceError(
        f"{path}: a chaos floor is the run of side a again, with one tensor moved by 1 ULP of "
        f"float32 before training. Received: {received}"
    )


def widened(
    measures: Sequence[Measure], own: Sequence[Measure], others: Sequence[Measure]
) -> list[Measure]:
    """The measures of a stage, each with its tolerance raised to what the nudged run shows.

    own, others: the same measures of side a and of side b against the nudged run; all in the order
    of time.
    """
    near, far = _reached(own), _reached(others)
    floors = {update: believed(near[update], far[update]) for update in near.keys() & far.keys()}
    return [m.widened(floors.get(m.update, 0.0), FLOOR_UPDATES) for m in measures]


def _reached(floor: Sequence[Measure]) -> dict[int | None, float]:
    """Update -> the largest difference up to it."""
    reached, highest = {}, 0.0
    for measure in floor:
        if math.isfinite(measure.value):
            highest = max(highest, measure.value)
        reached[measure.update] = highest
    return reached
