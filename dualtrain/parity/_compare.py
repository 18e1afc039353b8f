"""Two traces, through all stages in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

from dualtrain.errors import TraceError
from dualtrain.lockstep import Lockstep
from dualtrain.parity import _after as after
from dualtrain.parity import _before as before
from dualtrain.parity import _during as during
from dualtrain.parity import _finite as finite
from dualtrain.parity import _lockstep as halves
from dualtrain.parity import _stages as stages
from dualtrain.parity._apart import told_apart
from dualtrain.parity._common import in_common
from dualtrain.parity._completeness import missing
from dualtrain.parity._finding import Comparison, Finding, Measure
from dualtrain.parity._first import deciding, explained, starts_alike
from dualtrain.parity._floor import check_floor, widened
from dualtrain.parity._read_weights import read_weights
from dualtrain.parity._spec import spec
from dualtrain.parity._stages import STAGES, Specs, Stage, make_finding
from dualtrain.parity._tolerances import tolerances
from dualtrain.parity._weight_set import WeightSet
from dualtrain.parity._weights import Weights, compare_weights
from dualtrain.trace import Header, Trace, read_trace
from dualtrain.twins import Side, Twins

__all__ = ["compare", "compare_files", "compare_followed", "compare_headers"]

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

_ROUNDED = (stages.INITIAL_OUTPUT, *_CHAOTIC)
"""Stages for which a chaos floor counts; so it does for the weights and the evaluation."""

_REACHED = (stages.UPDATE, stages.EVALUATION)
"""Stages of what training arrived at, of which it is said why they are not compared."""

_LEFT = "both sides left the finite numbers"

Sides = tuple[WeightSet | None, WeightSet | None]
Measures = dict[Stage, list[Measure]]


def compare(
    a: Trace,
    b: Trace,
    *,
    weights: Sides = (None, None),
    floors: Sequence[tuple[Trace, WeightSet]] = (),
    lockstep: Lockstep | None = None,
    names: tuple[str, str] | None = None,
) -> Comparison:
    """Compare two traces, and their weights if given, stage by stage.

    weights: those of a and of b.
    floors: trace and weights of a, run again with every weight moved by 1 ULP (`_floor.py`).
    lockstep: what was judged of the two, update by update. It decides then, and what carries the
    rounding of a whole run is told beside it (`_lockstep.py`).
    names: what the sides are called; the backends' names when absent.

    Where both sides left the finite numbers, that is the finding: neither the losses and norms from
    there on are compared, nor what training arrived at; the same where every update was skipped,
    and where one run came farther than the other.

    Of a trace without a plan only what both record is compared.

    `compare(a, b)` and `compare(b, a)` come to the same verdict.
    """
    traces, (a, b) = (a, b), in_common(a, b)
    measures = _of_traces(a, b, [trace for trace, _ in floors])
    measures[stages.NUMBERS] += (exploded := finite.exploded(*weights))
    unjudged = _unjudged(a, b, measures) or (_LEFT if exploded else None)
    left, right = (None, None) if unjudged else weights
    x, y = (side and side.averaged for side in (left, right))
    again = [one for _, one in floors]
    tensors = _compare_weights(a, b, (left, right), again)
    averages = _compare_weights(a, b, (x, y), [one.averaged for one in again if one.averaged])
    one_sided = tensors is not None and (x is None) != (y is None)
    measures[stages.UPDATE] = after.update(tensors) if tensors else []
    measures[stages.STATISTICS] = after.statistics(tensors)
    measures[stages.AVERAGES] = after.averages(averages, one_sided=one_sided)
    measures[stages.NUMBERS] += finite.after_training(tensors, "weights")
    measures[stages.NUMBERS] += finite.after_training(averages, "averages")
    for stage, absent in missing(a, b, (left, right)):
        measures[stage].append(absent)
    specs = (a.header.spec, b.header.spec)
    names = names or _told_apart(a.header.backend, b.header.backend)
    not_measured = [s for s in STAGES if s.absent and not measures[s]]
    free = {} if lockstep is None else halves.illustrating(a, b, measures)
    if lockstep is not None and lockstep.scores is not None:
        measures[stages.EVALUATION] = after.evaluation(*halves.scored(a, b, lockstep.scores))
    if lockstep is None:
        final = explained(_findings(measures, specs), a, measures[stages.ACCUMULATION])
    else:
        final = _findings(measures, specs, halves.judged(lockstep, names, specs))
    return Comparison(
        a=traces[0],
        b=traces[1],
        findings=tuple(final.values()),
        first=deciding(final),
        starts_alike=starts_alike(final),
        not_compared=(
            *(
                f"{s.name} ({(unjudged if s in _REACHED else None) or _absent(s, specs)})"
                for s in not_measured
            ),
            *_unknown(a, b, tensors),
        ),
        weights=tensors,
        averages=averages,
        names=names,
        lockstep=lockstep,
        illustration=tuple(_findings(free, specs).values()),
    )


def _findings(
    measures: Measures, specs: Specs, made: Mapping[Stage, Finding] | None = None
) -> dict[Stage, Finding]:
    """In the order of the stages; made: those that no measures are needed for."""
    made = made or {}
    return {
        stage: made[stage] if stage in made else make_finding(stage, measures[stage], specs)
        for stage in STAGES
        if stage in made or measures.get(stage)
    }


def _told_apart(a: str, b: str) -> tuple[str, str]:
    """The backends' names; with a letter if both are the same."""
    return (a, b) if a != b else (f"{a} (a)", f"{b} (b)")


def _of_traces(a: Trace, b: Trace, floors: Sequence[Trace]) -> Measures:
    """What the traces alone tell; what carries rounding, up to where the numbers are finite."""
    measures: Measures = {stage: measure(a, b) for stage, measure in _MEASURES.items()}
    finite_ones = finite.until(a, b)
    for stage in _CHAOTIC:
        measures[stage] = _MEASURES[stage](*finite_ones)
    for stage in _ROUNDED:
        measures[stage] = widened(measures[stage], _MEASURES[stage], a, b, floors)
    measures[stages.EVALUATION] = after.evaluation(*finite_ones, floors)
    return measures


def _unjudged(a: Trace, b: Trace, measures: Measures) -> str | None:
    """Why nothing that training arrived at is compared; None if it is."""
    if measures[stages.MADE]:
        return "every update was skipped"
    if any(measure.update is not None for measure in measures[stages.NUMBERS]):
        return _LEFT
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
    a: Path,
    b: Path,
    *,
    floors: Sequence[Path] = (),
    lockstep: Lockstep | None = None,
    names: tuple[str, str] | None = None,
    twins: Twins | None = None,
) -> Comparison:
    """Compare two trace files, and the weights that both name beside them.

    floors: trace files of a's run again with every weight moved by 1 ULP. lockstep, names: as for
    `compare`. twins: how b's model goes with a's, where its names or its tensors are others.
    Raises `TraceError` for a file that is no trace.
    """
    traces = read_trace(a), read_trace(b)
    sets = read_weights(a, traces[0]), read_weights(b, traces[1])
    nudged = [_read_floor(a, traces[0], sets[0], floor) for floor in floors]
    if floors and sets[1] is None:
        raise _without_weights(b)
    if twins is not None:
        nudged = [told_apart(*run, twins, "source") for run in nudged]
        (x, left), (y, right) = (
            told_apart(trace, weights, twins, side)
            for trace, weights, side in zip(traces, sets, get_args(Side), strict=True)
        )
        traces, sets = (x, y), (left, right)
    return compare(*traces, weights=sets, floors=nudged, lockstep=lockstep, names=names)


def _read_floor(
    a: Path, trace: Trace, weights: WeightSet | None, floor: Path
) -> tuple[Trace, WeightSet]:
    nudged = read_trace(floor)
    again = read_weights(floor, nudged)
    if weights is None or again is None:
        raise _without_weights(a if weights is None else floor)
    check_floor(floor, nudged, again, of=trace, weights=weights)
    return nudged, again


def _without_weights(path: Path) -> TraceError:
    return TraceError(
        f"{path}: the chaos floor needs the weights of all its runs. "
        "Received: a trace that names none"
    )


def compare_followed(
    a: Header, b: Header, lockstep: Lockstep, *, names: tuple[str, str] | None = None
) -> Comparison:
    """Compare two sides of which one has led and the other followed: there is no free run of b."""
    traces = Trace(a), Trace(b)
    names = names or _told_apart(a.backend, b.backend)
    measures = {stage: _MEASURES[stage](*traces) for stage in _KNOWN_BEFORE}
    specs = (a.spec, b.spec)
    findings = _findings(measures, specs, halves.judged(lockstep, names, specs))
    return Comparison(
        a=traces[0],
        b=traces[1],
        findings=tuple(findings.values()),
        first=deciding(findings),
        starts_alike=starts_alike(findings),
        not_compared=(),
        weights=None,
        averages=None,
        names=names,
        lockstep=lockstep,
    )


_KNOWN_BEFORE = (
    stages.PLAN,
    stages.COMPUTATION,
    stages.BATCHES,
    stages.DECAY,
    stages.INITIAL_WEIGHTS,
    stages.SPEC,
)
"""Stages of two headers alone."""


def compare_headers(
    a: Header,
    b: Header,
    floors: Sequence[Header] = (),
    *,
    names: tuple[str, str] | None = None,
) -> Comparison:
    """Compare what is known before the first update; floors: of a's runs for the chaos floor."""
    nothing = WeightSet({}, {})
    again = [(Trace(one), nothing) for one in floors]
    return compare(Trace(a), Trace(b), floors=again, names=names)


def _compare_weights(
    a: Trace, b: Trace, weights: Sides, floors: Sequence[WeightSet]
) -> Weights | None:
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
        statistics=_statistics(a.header, b.header),
        updates=max(len(a.updates), len(b.updates)),
        floors=floors,
    )


def _statistics(*headers: Header) -> frozenset[str]:
    """The tensors that are no parameters, though a run begins with them."""
    return frozenset(
        name
        for header in headers
        for name in header.initial_digest.keys() - {p.name for p in header.parameters}
        if header.parameters
    )
