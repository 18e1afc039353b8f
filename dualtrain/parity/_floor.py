"""The chaos floor: how far a run parts from itself when every weight is moved by 1 ULP.

Training magnifies rounding, some runs a thousand times more than others (a high rate, many
updates). A difference between two frameworks that is no larger than a few times what one framework
shows against itself is no evidence of a mistake. So where the floor was measured, no bound of
training is below a multiple of it (`floor_factor`): of the largest up to the same update, for
losses and norms, and for the evaluation's numbers; for the initial output, of its own; for the
final weights, of the same tensor or of all together. A loss or norm that is no farther off than the
run shows only later is no proof. Several floors are several draws: the largest of them counts, and
less of a multiple is needed. Exact stages stay exact.

Each weight goes up or down by chance, in the type in which the run computes: rounding is
everywhere, and one matrix alone may lie where it hardly tells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import TraceError
from dualtrain.lockstep import PLACES, ulp
from dualtrain.parity._finding import Measure
from dualtrain.parity._tolerances import believed, floor_factor
from dualtrain.parity._weight_set import WeightSet
from dualtrain.trace import Trace

__all__ = ["check_floor", "widened"]


def check_floor(
    path: Path, floor: Trace, again: WeightSet, *, of: Trace, weights: WeightSet
) -> None:
    """Refuse as chaos floor what is not the same run again with its weights moved by 1 ULP.

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
    dtype = of.header.computation.dtype
    if dtype not in PLACES:  # a model in float64: its weights are recorded in float32
        dtype = "float32"
    if apart:
        raise _no_floor(path, dtype, f"one with another {', '.join(apart)}")
    begun, first = again.initial, weights.initial
    if begun.keys() != first.keys():
        raise _no_floor(path, dtype, f"{len(begun)} tensors against {len(first)}")
    moved = [name for name in first if not np.array_equal(begun[name], first[name])]
    if not moved:
        raise _no_floor(path, dtype, "one with the same initial weights")
    for name in moved:
        if not _within_one_ulp(begun[name], first[name], dtype):
            raise _no_floor(path, dtype, f"{name!r} moved farther than that")


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


def _within_one_ulp(a: NDArray[Any], b: NDArray[Any], dtype: str) -> bool:
    return a.shape == b.shape and bool((np.abs(a - b) <= ulp(b, dtype)).all())


def _no_floor(path: Path, dtype: str, received: str) -> TraceError:
    return TraceError(
        f"{path}: a chaos floor is the run of side a again, with weights moved by 1 ULP of {dtype} "
        f"before training. Received: {received}"
    )


def widened(
    measures: Sequence[Measure],
    measure: Callable[[Trace, Trace], Sequence[Measure]],
    a: Trace,
    b: Trace,
    floors: Sequence[Trace],
) -> list[Measure]:
    """The measures of a stage, each with its tolerance raised to what the nudged runs show.

    measure: measures the stage of two runs, in the order of time.
    """
    factor = floor_factor(len(floors))
    highest: dict[int | None, float] = {}
    for nudged in floors:
        near, far = (_reached(measure(side, nudged)) for side in (a, b))
        for update in near.keys() & far.keys():
            floor = believed(near[update], far[update])
            highest[update] = max(highest.get(update, 0.0), floor)
    whole = factor * max(highest.values(), default=0.0)
    return [_judged(m.widened(highest.get(m.update, 0.0), factor), whole) for m in measures]


def _judged(measure: Measure, whole: float) -> Measure:
    """A difference that the nudged runs show too, but later, proves nothing.

    Where an activation has a kink, one of two runs is the first to cross it, by chance.
    """
    if not measure.tolerance.bound < measure.value <= whole:
        return measure
    text = f"{measure.detail}: a run with its weights moved by 1 ULP parts as far, later"
    return replace(measure, proves=False, detail=text)


def _reached(floor: Sequence[Measure]) -> dict[int | None, float]:
    """Update -> the largest difference up to it."""
    reached, highest = {}, 0.0
    for measure in floor:
        if math.isfinite(measure.value):
            highest = max(highest, measure.value)
        reached[measure.update] = highest
    return reached
