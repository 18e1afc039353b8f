"""The lines after the first: in order, as many as were planned, each what its plan allows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from dualtrain.plan import Plan, Scaling
from dualtrain.trace._header import Header, PlanFacts
from dualtrain.trace._lines import error_at
from dualtrain.trace._own_loop import begins_epoch, moves_clock_on, sizes_of_groups
from dualtrain.trace._records import DONE, End, Evaluation, Record, Update

__all__ = ["Event", "Numbered", "check_end", "check_updates", "in_order"]

Numbered = tuple[int, Record]
"""A line's number in its file, from 1, and what it says."""

Event = Update | Evaluation


def in_order(
    path: Path, records: Sequence[Numbered], plan: PlanFacts | None
) -> Iterator[tuple[int, Event]]:
    """The lines between header and end. Raises `TraceError` for one that is out of order."""
    attempt, clock = 0, {0}
    for number, record in records:
        if not isinstance(record, Update | Evaluation):
            rule = "between header and end there are updates and evaluations only"
            raise error_at(path, number, rule, record.record)
        if isinstance(record, Update) and record.attempt != attempt:
            rule = f"updates are in order: attempt is {attempt} here"
            raise error_at(path, number, rule, str(record.attempt))
        if record.t not in clock and not (plan and begins_epoch(record, max(clock), plan)):
            rule = (
                f"{record.record}s are in order: t is {' or '.join(map(str, sorted(clock)))} here"
            )
            raise error_at(path, number, rule, str(record.t))
        if isinstance(record, Update):
            attempt += 1
            # A skipped update holds the clock or advances it: `Plan.holds_on_skip`.
            clock = {record.t, record.t + 1} if record.skipped else {record.t + 1}
        elif record.correct is not None and record.correct > (record.examples or 0):
            rule = f"evaluation correct is at most examples, {record.examples}"
            raise error_at(path, number, rule, str(record.correct))
        yield number, record


def check_updates(
    path: Path, last: int, header: Header, updates: Sequence[tuple[int, Update]], end: End | None
) -> None:
    """Refuse updates that the plan does not allow, and one that has no rate.

    last: the number of the last line.
    """
    for number, update in updates:
        if not math.isfinite(update.lr):
            raise error_at(path, number, "update lr is a finite number", str(update.lr))
    if header.plan is None:
        return
    total, plan = header.plan.total_updates, header.plan.resolved()
    rule = f"the first line announces total_updates {total}"
    if len(updates) > total:
        raise error_at(path, updates[total][0], rule, "one more update")
    done = end is not None and end.reason == DONE
    left = bool(updates) and moves_clock_on(updates[-1][1], header.plan)
    if done and len(updates) < total and not left:
        raise error_at(path, last, rule, f"{len(updates)} updates before the end")
    shown = bool(updates and updates[0][1].batches)
    scaled = Scaling.of(plan.spec.amp) is not None
    for number, update in updates:
        if bool(update.batches) != shown:
            rule = "update batches are those of each update or of none"
            raise error_at(path, number, rule, str(len(update.batches)))
        wrong = _against_plan(update, plan, scaled=scaled)
        if wrong is not None:
            raise error_at(path, number, *wrong)


def _against_plan(update: Update, plan: Plan, *, scaled: bool) -> tuple[str, str] | None:
    """The rule of the plan that an update breaks, and what was received."""
    batches, losses = len(update.batches), len(update.micro_losses)
    size = len(plan.group(update.attempt))
    if batches and batches != size:
        return f"update batches has its {size} micro-batches, by the plan", f"{batches}"
    allowed = {batches} if batches else _sizes_of_losses(plan)
    if losses not in allowed:
        told = " or ".join(map(str, sorted(allowed)))
        return f"update micro_losses has one for each micro-batch, {told}", f"{losses}"
    if scaled != (update.loss_scale is not None):
        told = "a number with float16" if scaled else "null without float16"
        return f"update loss_scale is {told}", str(update.loss_scale)
    if update.skipped and not scaled:
        return "update skipped is false where no loss is scaled", "true"
    return None


def _sizes_of_losses(plan: Plan) -> set[int]:
    """How many an update that shows no batches may have: of sums nobody knows the means."""
    return {0} if plan.spec.batch.normalise == "token_mean" else sizes_of_groups(plan)


def check_end(path: Path, last: int, end: End, skipped: int, *, digests: bool) -> None:
    """Refuse an end that is not that of its updates, or that names weights it does not vouch for.

    skipped: how many of the updates were. digests: whether weights always have one.
    """
    if end.skipped not in (None, skipped):
        rule = f"end skipped counts the updates that were, {skipped}"
        raise error_at(path, last, rule, str(end.skipped))
    for rule, received in _unproven(end, digests=digests):
        raise error_at(path, last, rule, received)


def _unproven(end: End, *, digests: bool) -> Iterator[tuple[str, str]]:
    files = {name: getattr(end, name) for name in ("weights", "initial_weights", "averages")}
    for name, file in files.items():
        if file is not None and (not file or _is_absolute(file) or "\0" in file):
            yield f"end {name} names a file relative to the trace's folder", repr(file)
    given = [file for file in files.values() if file is not None]
    if len({*given}) < len(given):
        yield "end weights, initial_weights and averages are files of their own", repr(given)
    if (end.weights is None) != (end.initial_weights is None):
        yield "end weights and initial_weights are named together", "one of them"
    if end.averages is not None and end.weights is None:
        yield "end averages stand beside weights", "averages alone"
    for name, digest in (("weights", end.weights_digest), ("averages", end.averages_digest)):
        if digest is None and files[name] is not None and digests:
            yield f"end {name}_digest tells whose weights the file holds", "none"
        if digest is not None and files[name] is None:
            yield f"end {name}_digest is that of a file, which {name} names", "no file"


def _is_absolute(file: str) -> bool:
    return PurePosixPath(file).is_absolute() or PureWindowsPath(file).is_absolute()
