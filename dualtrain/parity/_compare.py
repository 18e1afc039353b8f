"""Two traces, through all stages in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dualtrain.errors import TraceError
from dualtrain.parity import _after as after
from dualtrain.parity import _before as before
from dualtrain.parity import _during as during
from dualtrain.parity import _finite as finite
from dualtrain.parity import _stages as stages
from dualtrain.parity._common import in_common
from dualtrain.parity._finding import Comparison, Measure
from dualtrain.parity._first import explained, first_difference, starts_alike
from dualtrain.parity._floor import check_floor, widened
from dualtrain.parity._read_weights import read_weights
from dualtrain.parity._spec import spec
from dualtrain.parity._stages import AFTER, STAGES, Stage, make_finding
from dualtrain.parity._tolerances import tolerances
from dualtrain.parity._weights import Weights, WeightSet, compare_weights
from dualtrain.trace import Header, Trace, read_trace

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
    stages.NUMBERS: finite.in_training,
    stages.END: during.end,
    stages.EVALUATION: after.evaluation,
    stages.SPEC: spec,
}

_CHAOTIC = (stages.LOSS, stages.ACCUMULATION, stages.CLIP)
"""Stages whose numbers carry the rounding of the whole run; so do the weights."""

_NO_PROOF = {
    stages.MADE: "every update was skipped",
    stages.NUMBERS: "both sides left the finite numbers",
    stages.END: "one side was not done",
}
"""Stages after which nothing that training arrived at is compared, with the reason."""


def compare(
    a: Trace,
    b: Trace,
    *,
    weights: tuple[WeightSet, WeightSet] | None = None,
    floor: tuple[Trace, WeightSet] | None = None,
) -> Comparison:
    """Compare two traces, and their weights if given, stage by stage.

    weights: those of a and of b.
    floor: trace and weights of a, run again with one weight moved by 1 ULP (`_floor.py`).

    Where both sides left the finite numbers, that is the finding: neither the losses and norms from
    there on are compared, nor what training arrived at; the same where every update was skipped,
    and where one run was done and the other was not.

    Of a trace without a plan only what both record is compared.

    `compare(a, b)` and `compare(b, a)` come to the same verdict.
    """
    traces, (a, b) = (a, b), in_common(a, b)
    measures = {stage: measure(a, b) for stage, measure in _MEASURES.items()}
    for stage in _CHAOTIC:
        measures[stage] = _MEASURES[stage](*finite.until(a, b))
        if floor is not None:
            measures[stage] = widened(measures[stage], _MEASURES[stage](a, floor[0]))
    no_proof = next((why for stage, why in _NO_PROOF.items() if measures[stage]), None)
    if no_proof is not None:
        measures[stages.EVALUATION], weights = [], None
    elif weights is not None:
        measures[stages.NUMBERS] = finite.after_training(*weights)
    again = floor[1] if floor is not None else None
    tensors = _compare_weights(a, b, weights, again) if weights else None
    measures[stages.UPDATE] = after.update(tensors) if tensors else []
    x, y = (side.averaged for side in weights) if weights else (None, None)
    averages = (
        _compare_weights(a, b, (x, y), again.averaged if again else None) if x and y else None
    )
    measures[stages.AVERAGES] = after.averages(averages, one_sided=(x is None) != (y is None))
    specs = (a.header.spec, b.header.spec)
    findings = {
        stage: make_finding(stage, measures[stage], specs) for stage in STAGES if measures[stage]
    }
    final = explained(findings, a, measures[stages.ACCUMULATION])
    return Comparison(
        a=traces[0],
        b=traces[1],
        findings=tuple(final.values()),
        first=first_difference(final),
        starts_alike=starts_alike(final),
        not_compared=tuple(
            f"{s.name} ({no_proof if no_proof and s in AFTER else s.absent})"
            for s in STAGES
            if s.absent and not measures[s]
        ),
        weights=tensors,
        averages=averages,
    )


def compare_files(a: Path, b: Path, floor: Path | None = None) -> Comparison:
    """Compare two trace files, and the weights that both name beside them.

    floor: the trace file of a's run again with one weight moved by 1 ULP.
    Raises `TraceError` for a file that is no trace.
    """
    traces = read_trace(a), read_trace(b)
    sets = read_weights(a, traces[0]), read_weights(b, traces[1])
    weights = (sets[0], sets[1]) if sets[0] and sets[1] else None
    if floor is None:
        return compare(*traces, weights=weights)
    nudged = read_trace(floor)
    again = read_weights(floor, nudged)
    if weights is None or again is None:
        raise TraceError(
            "the chaos floor needs the weights of all three runs. Received: a trace that names none"
        )
    check_floor(floor, nudged, again, of=traces[0], weights=weights[0])
    return compare(*traces, weights=weights, floor=(nudged, again))


def compare_headers(a: Header, b: Header) -> Comparison:
    """Compare what is known before the first update."""
    return compare(Trace(a), Trace(b))


def _compare_weights(
    a: Trace, b: Trace, weights: tuple[WeightSet, WeightSet], floor: WeightSet | None
) -> Weights:
    parameters = (*a.header.parameters, *b.header.parameters)
    return compare_weights(
        *weights,
        allowed=tolerances(a, b),
        decaying=frozenset(p.name for p in parameters if p.effective_decay),
        updates=max(len(a.updates), len(b.updates)),
        floor=floor,
    )
