"""A comparison in words: the same ones in the terminal and in the summary."""

from __future__ import annotations

from collections.abc import Iterator

from dualtrain.listing import listed
from dualtrain.lockstep import told
from dualtrain.parity import Comparison, Finding, ParameterDifference, Weights
from dualtrain.trace import DONE, Trace, differing_files, leaves_epochs

__all__ = ["COLUMNS", "FREE", "cells", "free_cells", "remarks", "verdict"]

COLUMNS = ("stage", "parity", "largest difference", "tolerance", "first update", "verdict")


def cells(finding: Finding) -> tuple[str, ...]:
    """A finding's row, under `COLUMNS`."""
    return (
        finding.stage,
        finding.parity,
        f"{finding.largest:.2g} {finding.unit}" if finding.largest else "0",
        f"{finding.tolerance.bound:.2g}",
        "" if finding.first_update is None else str(finding.first_update),
        finding.verdict,
    )


FREE = ("free runs", "largest difference", "tolerance", "beyond from")
"""The columns of what decides nothing."""


def free_cells(finding: Finding) -> tuple[str, ...]:
    """The row of one that decides nothing, under `FREE`."""
    stage, _, largest, bound, update, verdict = cells(finding)
    return stage, largest, bound, update or ("" if verdict == "agrees" else "the end")


def verdict(comparison: Comparison) -> str:
    """The result in one or two sentences."""
    first = comparison.first
    a, b = comparison.names
    if first is None:
        stages, updates = len(comparison.findings), len(comparison.a.updates)
        if comparison.lockstep is None:
            return f"{a} and {b} agree in {stages} stages over {updates} updates."
        judged = len(comparison.lockstep.updates)
        return (
            f"{a} and {b} agree in {stages} stages; of {comparison.lockstep.total} updates "
            f"{judged} were judged, each from one state."
        )
    look = f" Look at {first.knob}." if first.knob else ""
    if first.verdict == "no proof":
        return f"No proof: {first.detail}.{look}"
    return (
        f"{a} and {b} differ. The first difference is in the stage {first.stage!r}: "
        f"{first.detail}.{look}"
    )


def remarks(comparison: Comparison) -> list[str]:
    """What a reader should know beside the verdict: one sentence each."""
    absent = comparison.not_compared
    return [
        *_on_lockstep(comparison),
        *_on_ends(comparison),
        *_on_skips(comparison),
        *_on_evaluation(comparison),
        *_on_weights(comparison.weights),
        *(_farthest(comparison.averages, "Their averages") if comparison.averages else []),
        *_on_tolerances(comparison),
        *([f"Not compared: {', '.join(absent)}."] if absent else []),
        *_on_code(comparison.a, comparison.b),
        *_notes(comparison.a, comparison.b),
    ]


def _on_lockstep(comparison: Comparison) -> Iterator[str]:
    """What was judged, how near it came, and what a person should know of it."""
    lockstep = comparison.lockstep
    if lockstep is None:
        return
    attempts = [str(update.attempt) for update in lockstep.updates]
    which = "all" if len(attempts) == lockstep.total else _ends_of(attempts)
    yield f"Judged in lockstep, each from one state: {which} of {lockstep.total} updates."
    for finding in comparison.findings:
        if finding.unit == "times the bar" and finding.agrees and finding.detail:
            yield f"Nearest to its bar in the stage {finding.stage}: {finding.detail}."
    for outcome, said in (("no proof", "No proof here"), ("told", "Told")):
        texts = [
            told(update.attempt, reading, comparison.names)
            for update in lockstep.updates
            for reading in update.readings
            if reading.outcome == outcome
        ]
        if texts:
            yield f"{said}: {listed(texts, between='; ')}."


def _ends_of(numbers: list[str]) -> str:
    """The first ones and the last, and how many they are."""
    if len(numbers) <= _FEW:
        return ", ".join(numbers)
    return f"{', '.join(numbers[:3])} ... {numbers[-1]}, {len(numbers)}"


_FEW = 4


def _on_ends(comparison: Comparison) -> Iterator[str]:
    """The runs that made fewer updates than planned; nothing where neither was begun."""
    if not (comparison.a.updates or comparison.b.updates):
        return
    for name, trace in _sides(comparison):
        plan, made = trace.header.plan, len(trace.updates)
        if trace.end is None:
            yield f"The trace of {name} was cut after {made} updates."
        elif trace.is_whole and trace.end.reason != DONE:
            yield f"The run of {name} ended after {made} updates by {trace.end.reason}."
        elif trace.end.reason != DONE:
            yield f"The run of {name} was not done after {made} updates ({trace.end.reason})."
        elif plan and made < plan.total_updates and leaves_epochs(trace):
            yield f"The loop of {name} left epochs early: {made} of {plan.total_updates} updates."


def _on_skips(comparison: Comparison) -> Iterator[str]:
    counts = [
        (name, sum(update.skipped for update in trace.updates), len(trace.updates))
        for name, trace in _sides(comparison)
    ]
    if any(skipped for _, skipped, _ in counts):
        told = ", ".join(f"{name} {skipped} of {total}" for name, skipped, total in counts)
        yield f"Updates skipped for gradients that are not finite: {told}."


def _on_evaluation(comparison: Comparison) -> Iterator[str]:
    findings = (*comparison.findings, *comparison.illustration)
    if not any(finding.stage == "evaluation" for finding in findings):
        return
    last = [
        (name, trace.evaluations[-1]) for name, trace in _sides(comparison) if trace.evaluations
    ]
    counts = [f"{name} {e.correct} of {e.examples}" for name, e in last if e.correct is not None]
    if counts:
        yield f"Held-out examples classified right: {', '.join(counts)}."
    elif all(e.loss is not None for _, e in last):
        losses = ", ".join(f"{name} {e.loss:.6g} over {e.examples} examples" for name, e in last)
        yield f"Held-out loss: {losses}."


def _sides(comparison: Comparison) -> Iterator[tuple[str, Trace]]:
    """The runs by name; a plan is none."""
    runs = (comparison.a,) if comparison.with_plan else (comparison.a, comparison.b)
    return zip(comparison.names, runs, strict=False)


def _on_weights(weights: Weights | None) -> Iterator[str]:
    if weights is None:
        return
    yield from _farthest(weights, "Final weights")
    if weights.chaotic:
        yield (
            f"The chaos floor is above the tolerance of {weights.tolerance:.0e}: this run "
            "magnifies rounding, so more is allowed. Fewer updates or a lower rate make a sharper "
            "proof."
        )
    if weights.by_rounding:
        names = ", ".join(
            f"{t.name} (moved {t.movement:.1e}, difference {t.difference:.2g} of that)"
            for t in weights.by_rounding
        )
        yield (
            "Moved by rounding alone, and only that is asked of them, where the whole moved "
            f"{weights.movement:.1e}: {names}."
        )


def _farthest(weights: Weights, what: str) -> Iterator[str]:
    worst = max(weights.judged, key=_severity, default=None)
    if worst is not None and worst.difference == 0:
        yield f"{what} are equal."
    elif worst is not None:
        floor = f"; chaos floor {worst.floor:.2g}" if worst.floor is not None else ""
        yield (
            f"{what} differ by at most {worst.difference:.2g} of their movement, in "
            f"{worst.name} (allowed {worst.bound:.2g}{floor})."
        )


def _severity(tensor: ParameterDifference) -> tuple[bool, float]:
    """Beyond the bound; then how far."""
    return tensor.apart, tensor.difference / tensor.bound


def _on_tolerances(comparison: Comparison) -> Iterator[str]:
    """What made them wider than those of float32: a coarser type, or a chaos floor."""
    types = [(name, trace.header.computation) for name, trace in _sides(comparison)]
    if any(one.dtype in ("float16", "bfloat16") for _, one in types):
        told = ", ".join(f"{name} in {one}" for name, one in types)
        yield f"Tolerances are those of the coarser type in which the sides computed: {told}."
    findings = (*comparison.findings, *comparison.illustration)
    widened = [finding.stage for finding in findings if finding.raised]
    if widened:
        yield f"Tolerances raised by the chaos floor: {', '.join(widened)}."


def _on_code(a: Trace, b: Trace) -> Iterator[str]:
    """The files of the user's own that are not the same."""
    others = differing_files(a.header.code, b.header.code)
    if others:
        yield f"The code of the task is another on the two sides: {listed(others)}."


def _notes(a: Trace, b: Trace) -> list[str]:
    """Both headers' notes, each once."""
    notes = dict.fromkeys((*a.header.notes, *b.header.notes))
    return [f"{_begun(note)}." for note in notes]


def _begun(note: str) -> str:
    """As a sentence begins; a name, of a file or a parameter, stays as it is."""
    first, _, _ = note.partition(" ")
    return f"{note[:1].upper()}{note[1:]}" if first.isalpha() else note
