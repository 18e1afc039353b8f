"""Both halves of an update, and what a whole run of them comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dualtrain.lockstep._files import read_led, read_states
from dualtrain.lockstep._gradients import judge_gradients
from dualtrain.lockstep._reading import Judged, Lockstep, Reading
from dualtrain.lockstep._record import Led, Shown
from dualtrain.lockstep._rule import judge_rule
from dualtrain.lockstep._units import unit_of
from dualtrain.plan import Plan
from dualtrain.trace import Decision

__all__ = ["judge", "judge_folder", "settled"]

MANY = 0.25
"""A tensor that is excused at this share of the judged updates, and two at least, is excused no
more. Measured with ReLU and batch norm: a kink at 1 of 50."""


def judge(led: Led, a: Shown, b: Shown, *, plan: Plan, decisions: Mapping[str, Decision]) -> Judged:
    """One update, judged from what the leading side left of it and both sides show.

    plan, decisions: the leading side's; b is judged by them, too.

    Readings that differ, are no proof or are excused are kept; of the others the gravest of each
    kind. Of numbers that are none on both sides no rule can be told.
    """
    assert led.attempt == a.attempt == b.attempt, "one update"
    readings = judge_gradients(led, a, b, u=unit_of(plan, led.before.tensors.weights))
    if any(r.what == "numbers" and r.side == "both" and r.outcome == "no proof" for r in readings):
        return Judged(attempt=led.attempt, t=led.before.t, readings=tuple(readings))
    for side, shown in (("a", a), ("b", b)):
        for move, probe in ((shown.moved, False), (shown.probe, True)):
            readings += judge_rule(move, side=side, plan=plan, decisions=decisions, probe=probe)
    return Judged(attempt=led.attempt, t=led.before.t, readings=tuple(_kept(readings)))


def judge_folder(folder: Path, a: Iterable[Shown], b: Iterable[Shown]) -> Iterator[Judged]:
    """The updates of a folder of states, each judged as both sides show it.

    Raises `StatesError` for a folder that is none.
    """
    states = read_states(folder)
    assert states.header.plan is not None, "states are those of a run with a plan"
    plan = states.header.plan.resolved()
    decisions = {decision.name: decision for decision in states.header.plan.decisions}
    for attempt, shown in zip(states.judged, zip(a, b, strict=True), strict=True):
        yield judge(read_led(folder, attempt), *shown, plan=plan, decisions=decisions)


def _kept(readings: Sequence[Reading]) -> Iterator[Reading]:
    """Those that decide something, and the gravest of the others, of each kind and outcome."""
    others: dict[tuple[str, str, str], list[Reading]] = {}
    for reading in readings:
        if reading.outcome == "agrees" or (reading.outcome == "told" and not reading.excuse):
            kind = (reading.half, reading.what, reading.outcome)
            others.setdefault(kind, []).append(reading)
        else:
            yield reading
    for alike in others.values():
        gravest = max(alike, key=lambda reading: reading.times)
        more = f", and {len(alike) - 1} more" if gravest.outcome == "told" and alike[1:] else ""
        yield replace(gravest, detail=gravest.detail + more)


def settled(updates: Iterable[Judged], total: int) -> Lockstep:
    """The judged updates of a run: what is excused in a few of them is not in many.

    Where float64 proves nothing, kinks at many updates are no proof. Where it does and one side's
    kernels alone are off, that differs if it is so at many; at the only one, nobody can say.
    """
    judged = tuple(sorted(updates, key=lambda update: update.attempt))
    seen = Counter(key for update in judged for key in _excused(update))
    least = max(2.0, MANY * len(judged)) if len(judged) > 1 else 1.0
    many = {key for key, times in seen.items() if times >= least}
    return Lockstep(
        updates=tuple(_unexcused(update, many, alone=len(judged) == 1) for update in judged),
        total=total,
    )


_Key = tuple[str, str, str]


def _excused(update: Judged) -> Iterator[_Key]:
    unproved = any(reading.what == "float64" for reading in update.readings)
    for reading in update.readings:
        if reading.excuse == "kernel" or (reading.excuse == "kink" and unproved):
            yield reading.excuse, reading.what, reading.tensor


def _unexcused(update: Judged, many: set[_Key], *, alone: bool) -> Judged:
    def settle(reading: Reading) -> Reading:
        if (reading.excuse, reading.what, reading.tensor) not in many:
            return reading
        if reading.excuse == "kink":
            return replace(reading, outcome="no proof", detail=f"{reading.detail}; at many updates")
        if alone:
            return replace(reading, outcome="no proof")
        return replace(reading, outcome="differs", detail=f"{reading.detail}; at many updates")

    return replace(update, readings=tuple(map(settle, update.readings)))
