"""What lockstep has judged, as stages; and what of the free runs is told beside it, not judged.

Each update of lockstep is judged alone, from one state. A free run ends where its rounding takes
it, so what carries the rounding of the updates before illustrates then, and decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from dualtrain.lockstep import Lockstep, Outcome, Reading, told
from dualtrain.parity import _stages as stages
from dualtrain.parity._finding import Finding, Measure, Series
from dualtrain.parity._stages import Specs, Stage, fields_among, told_fields
from dualtrain.parity._tolerances import EXACT, Tolerance
from dualtrain.trace import Evaluation, Trace

__all__ = ["HALVES", "illustrating", "judged", "scored"]

HALVES: Mapping[str, Stage] = {"gradients": stages.GRADIENTS, "rule": stages.RULE}
"""The stage of each half."""

_FREE = (
    stages.LOSS,
    stages.ACCUMULATION,
    stages.CLIP,
    stages.UPDATE,
    stages.STATISTICS,
    stages.AVERAGES,
    stages.EVALUATION,
)
"""Stages whose numbers come from weights that both sides have trained for themselves."""

_CLOCKED = (stages.LEARNING_RATE, stages.LOSS_SCALE)
"""Stages that are exact until a gradient of one side overflows, or a metric decides a rate."""

_BAR = Tolerance(1.0)

Measures = dict[Stage, list[Measure]]
Judgement = tuple[int, Reading]
"""The update's number, and what was said of it."""


def judged(lockstep: Lockstep, names: tuple[str, str], specs: Specs) -> dict[Stage, Finding]:
    """One finding for each half; names: what the sides are called.

    An update that cannot be judged is no proof of its half, and so is a half of which nothing was
    judged.
    """
    return {
        stage: _finding(stage, _of_half(lockstep, half), names, specs)
        for half, stage in HALVES.items()
    }


def _of_half(lockstep: Lockstep, half: str) -> list[Judgement]:
    return [
        (update.attempt, reading)
        for update in lockstep.updates
        for reading in update.readings
        if reading.half == half
    ]


def _finding(
    stage: Stage, judgements: list[Judgement], names: tuple[str, str], specs: Specs
) -> Finding:
    """That of the differences, else of what is no proof, else of what agrees."""
    differing = _of(judgements, "differs")
    agreeing = _of(judgements, "agrees")
    undecided = _of(judgements, "no proof")
    series = _series([*agreeing, *differing])
    if differing:
        update, reading = min(differing, key=lambda one: (one[0], -one[1].times))
        wanted = tuple(filter(None, reading.knob.split(", ")))
        fields = fields_among(wanted, specs) or fields_among(wanted and stage.knobs, specs)
        return Finding(
            stage=stage.name,
            parity="different",
            largest=max(reading.times for _, reading in differing),
            unit="times the bar",
            tolerance=_BAR,
            first_update=update,
            detail="; ".join([told(update, reading, names), *told_fields(fields)]),
            knob=", ".join(fields or wanted),
            series=series,
        )
    if undecided or not judgements:
        first = min(undecided, key=lambda one: one[0], default=None)
        return Finding(
            stage=stage.name,
            parity="no proof",
            largest=max(1, len({update for update, _ in undecided})),
            unit="updates",
            tolerance=EXACT,
            first_update=None if first is None else first[0],
            detail="nothing was judged" if first is None else told(*first, names),
            knob="" if first is None else first[1].knob,
            series=series,
        )
    update, reading = max(agreeing or judgements, key=lambda one: one[1].times)
    times = min(reading.times, 1.0)
    return Finding(
        stage=stage.name,
        parity="rounding" if times else "exact",
        largest=times,
        unit="times the bar",
        tolerance=_BAR,
        first_update=None,
        detail=told(update, reading, names) if times else "",
        knob=", ".join(stage.knobs),
        series=series,
    )


def _of(judgements: list[Judgement], outcome: Outcome) -> list[Judgement]:
    return [one for one in judgements if one[1].outcome == outcome]


def _series(judgements: list[Judgement]) -> Series:
    """The gravest of each update, in times of its bar."""
    gravest: dict[int, float] = {}
    for update, reading in judgements:
        gravest[update] = max(gravest.get(update, 0.0), reading.times)
    updates = tuple(sorted(gravest))
    return Series(
        updates=updates,
        values=tuple(gravest[update] for update in updates),
        bounds=tuple(1.0 for _ in updates),
    )


def scored(a: Trace, b: Trace, scores: tuple[Evaluation, Evaluation]) -> tuple[Trace, Trace]:
    """Both runs with what the same weights came to on either side, in place of their own."""
    own, other = scores
    return replace(a, evaluations=(own,)), replace(b, evaluations=(other,))


def illustrating(a: Trace, b: Trace, measures: Measures) -> Measures:
    """The measures that decide nothing beside lockstep, taken out of `measures`."""
    taken = {stage: measures.pop(stage) for stage in _FREE}
    since = min(_decided_by_weights(a, b), default=math.inf)
    for stage in _CLOCKED:
        of, measures[stage] = measures[stage], []
        taken[stage] = []
        for measure in of:
            after = measure.update is not None and measure.update >= since
            (taken if after else measures)[stage].append(measure)
    return taken


def _decided_by_weights(*runs: Trace) -> Iterator[int]:
    """The updates whose rate or scale follows from what the weights came to."""
    for run in runs:
        spec = run.header.spec
        if spec is not None and spec.schedule.needs_metric:
            yield 0
        yield from (update.attempt for update in run.updates if update.skipped)
