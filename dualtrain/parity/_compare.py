"""Two traces, through all stages in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

from dualtrain.errors import TraceError
from dualtrain.parity import _after as after
from dualtrain.parity import _before as before
from dualtrain.parity import _during as during
from dualtrain.parity import _finite as finite
from dualtrain.parity import _stages as stages
from dualtrain.parity._apart import told_apart
from dualtrain.parity._common import in_common
from dualtrain.parity._completeness import missing
from dualtrain.parity._finding import Comparison, Measure
from dualtrain.parity._first import deciding, explained, starts_alike
from dualtrain.parity._floor import check_floor, widened
from dualtrain.parity._read_weights import read_weights
from dualtrain.parity._spec import spec
from dualtrain.parity._stages import STAGES, Specs, Stage, make_finding
from dualtrain.parity._tolerances import tolerances
from dualtrain.parity._weights import Weights, WeightSet, compare_weights
from dualtrain.trace import Header, Trace, read_trace
from dualtrain.twins import Side, Twins

__all__ = ["compare", "compare_files", "compare_headers"]

_MEASURES: dict[Stage, Callable[[Trace, Trace], list[Measure]]] = {
    stages.PLAN: before.plan,
    stages.COMPUTATION: before.computation,
    stages.BATCHES: before.batches,
    stages.DECAY: before.decay,
    stages.INITIAL_WEIGHTS: before.initial_weights,
    stages.INITIAL_OUTPUT: before.initial_output,
    stages.LEARNING_RATE: during.learning_rate,
    stages.LOSS: during.loss,
    stages.ACCUMULATION: during.accumulation,
    stages.CLIP: during.clip,
    stages.LOSS_SCALE: during.loss_scale,
    stages.MADE: during.updates_made,
    stages.NUMBERS: finite.numbers,
    stages.END: during.end,
    stages.EVALUATION: after.evaluation,
    stages.SPEC: spec,
}

_CHAOTIC = (stages.LOSS, stages.ACCUMULATION, stages.CLIP)
"""Stages whose numbers carry the rounding of the whole run; so do the weights."""

_REACHED = (stages.UPDATE, stages.EVALUATION)
"""Stages of what training arrived at, of which it is said why they are not compared."""

Sides = tuple[WeightSet | None, WeightSet | None]
Measures = dict[Stage, list[Measure]]


def compare(
    a: Trace,
    b: Trace,
    *,
    weights: Sides = (None, None),
    floor: tuple[Trace, WeightSet] | None = None,
) -> Comparison:
    """Compare two traces, and their weights if given, stage by stage.

    weights: those of a and of b.
    floor: trace and weights of a, run again with one weight moved by 1 ULP (`_floor.py`).

    Where both sides left the finite numbers, that is the finding: neither the losses and norms from
    there on are compared, nor what training arrived at; the same where every update was skipped,
    and where one run came farther than the other.

    Of a trace without a plan only what both record is compared.

    `compare(a, b)` and `compare(b, a)` come to the same verdict.
    """
    traces, (a, b) = (a, b), in_common(a, b)
    nudged, again = floor or (None, None)
    measures = _of_traces(a, b, nudged)
    unjudged = _unjudged(a, b, measures)
    left, right = (None, None) if unjudged else weights
    x, y = (side and side.averaged for side in (left, right))
    tensors = _compare_weights(a, b, (left, right), again)
    averages = _compare_weights(a, b, (x, y), again and again.averaged)
    one_sided = tensors is not None and (x is None) != (y is None)
    measures[stages.UPDATE] = after.update(tensors) if tensors else []
    measures[stages.AVERAGES] = after.averages(averages, one_sided=one_sided)
    measures[stages.NUMBERS] += finite.after_training(tensors, "weights")
    measures[stages.NUMBERS] += finite.after_training(averages, "averages")
    for stage, absent in missing(a, b, (left, right)):
        measures[stage].append(absent)
    specs = (a.header.spec, b.header.spec)
    findings = {
        stage: make_finding(stage, measures[stage], specs) for stage in STAGES if measures[stage]
    }
    final = explained(findings, a, measures[stages.ACCUMULATION])
    return Comparison(
        a=traces[0],
        b=traces[1],
        findings=tuple(final.values()),
        first=deciding(final),
        starts_alike=starts_alike(final),
        not_compared=(
            *(
                f"{s.name} ({(unjudged if s in _REACHED else None) or _absent(s, specs)})"
                for s in STAGES
                if s.absent and not measures[s]
            ),
            *_unknown(a, b, tensors),
        ),
        weights=tensors,
        averages=averages,
    )


def _of_traces(a: Trace, b: Trace, nudged: Trace | None) -> Measures:
    """What the traces alone tell; what carries rounding, up to where the numbers are finite."""
    measures: Measures = {stage: measure(a, b) for stage, measure in _MEASURES.items()}
    finite_ones = finite.until(a, b)
    for stage in (*_CHAOTIC, stages.EVALUATION):
        measures[stage] = _MEASURES[stage](*finite_ones)
    if nudged is not None:
        for stage in _CHAOTIC:
            own, others = (_MEASURES[stage](side, nudged) for side in (a, b))
            measures[stage] = widened(measures[stage], own, others)
        measures[stages.EVALUATION] = after.evaluation(*finite_ones, nudged)
    return measures


def _unjudged(a: Trace, b: Trace, measures: Measures) -> str | None:
    """Why nothing that training arrived at is compared; None if it is."""
    if measures[stages.MADE]:
        return "every update was skipped"
    if any(measure.update is not None for measure in measures[stages.NUMBERS]):
        return "both sides left the finite numbers"
    if measures[stages.END] and len(a.updates) != len(b.updates):
        return "one side was not done"
    return None


def _absent(stage: Stage, specs: Specs) -> str:
    """Why there is nothing to compare in a stage."""
    if stage is stages.CLIP and all(spec is not None and spec.clip is None for spec in specs):
        return "neither spec has one"
    return stage.absent


def _unknown(a: Trace, b: Trace, weights: Weights | None) -> Iterator[str]:
    """What a trace of an earlier version does not tell, of that which is compared."""
    if any(p.dtype is None for trace in (a, b) for p in trace.header.parameters):
        yield "types of parameters (not both traces record them)"
    if weights is not None and any(_undigested(trace) for trace in (a, b)):
        yield "whether the weights are those of the run (not both traces have their digest)"


def _undigested(trace: Trace) -> bool:
    end = trace.end
    if end is None:
        return False
    files = (end.weights, end.weights_digest), (end.averages, end.averages_digest)
    return any(file is not None and digest is None for file, digest in files)


def compare_files(
    a: Path, b: Path, floor: Path | None = None, *, twins: Twins | None = None
) -> Comparison:
    """Compare two trace files, and the weights that both name beside them.

    floor: the trace file of a's run again with one weight moved by 1 ULP.
    twins: how b's model goes with a's, where its names or its tensors are others.
    Raises `TraceError` for a file that is no trace.
    """
    traces = read_trace(a), read_trace(b)
    sets = read_weights(a, traces[0]), read_weights(b, traces[1])
    if floor is None:
        if twins is not None:
            (x, left), (y, right) = (
                told_apart(trace, weights, twins, side)
                for trace, weights, side in zip(traces, sets, get_args(Side), strict=True)
            )
            traces, sets = (x, y), (left, right)
        return compare(*traces, weights=sets)
    nudged = read_trace(floor)
    again = read_weights(floor, nudged)
    if sets[0] is None or sets[1] is None or again is None:
        without = a if sets[0] is None else b if sets[1] is None else floor
        raise TraceError(
            f"{without}: the chaos floor needs the weights of all three runs. "
            "Received: a trace that names none"
        )
    check_floor(floor, nudged, again, of=traces[0], weights=sets[0])
    return compare(*traces, weights=sets, floor=(nudged, again))


def compare_headers(a: Header, b: Header) -> Comparison:
    """Compare what is known before the first update."""
    return compare(Trace(a), Trace(b))


def _compare_weights(a: Trace, b: Trace, weights: Sides, floor: WeightSet | None) -> Weights | None:
    """Those of both sides; None where one has none."""
    x, y = weights
    if x is None or y is None:
        return None
    parameters = (*a.header.parameters, *b.header.parameters)
    return compare_weights(
        x,
        y,
        allowed=tolerances(a, b),
        decaying=frozenset(p.name for p in parameters if p.effective_decay),
        updates=max(len(a.updates), len(b.updates)),
        floor=floor,
    )
