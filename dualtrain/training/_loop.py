"""The training loop, once for both backends: micro-batches in, updates out.

The loop waits for the device only when it must report, at most twice a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dualtrain.backend import kept_modes, train_as_chosen
from dualtrain.data import batch_digest
from dualtrain.errors import DataError, MetricError
from dualtrain.spec import ReduceOnPlateau, Spec
from dualtrain.trace import Update
from dualtrain.training._header import describe
from dualtrain.training._objective import Batch, LossSum, Objective, objective_of
from dualtrain.training._probe import probe
from dualtrain.training._recorder import Recorder
from dualtrain.training._run import Applied, Run, start
from dualtrain.training._watch import Watch

__all__ = ["Batches", "Metric", "fit", "updates"]

Batches = Sequence[Batch] | Callable[[int], Sequence[Batch]]
"""The micro-batches of every epoch, or a function of the epoch that gives them."""

Metric = Callable[[Any], float]
"""The model -> how well it does, a finite number that reduce_on_plateau judges by."""

REPORT_EVERY = 0.5
"""Seconds between two readings of numbers from the device."""


def fit(
    spec: Spec,
    model: Any,
    batches: Batches,
    *,
    backend: str | None = None,
    loss: LossSum | None = None,
    metric: Metric | None = None,
    trace: Path | str | None = None,
    output: Path | str | None = None,
) -> tuple[Update, ...]:
    """Train a model of yours, a torch or a Paddle one, as the spec says.

    The model goes into training mode, but for parts of it that are in evaluation mode while it is
    not: a warning names them. What else of the model counts: docs/model.md.

    batches: each epoch's micro-batches, numpy in; the same number in every epoch.
    backend: follows from the type of the model when absent.
    loss: when absent, the cross-entropy of the logits against `labels`, as `spec.loss` says. One of
        your own gives the sum over the counted targets: a mean cannot be told from it.
    metric: for the schedule reduce_on_plateau, and only for it; called with the model at the end
        of each epoch that another one follows, with `spec.ema` with the averages in it, and with
        `spec.amp` inside `run.autocast()`, as the forward passes of training are.
    trace: file for the trace; the gradient norms are measured too then.
    output: folder for the final weights, with `spec.ema` for their averages and with `trace` for
        the initial weights too, all under canonical names; `dualtrain diff` compares them.

    Warns (`TrainingWarning`) of the first update whose loss is no finite number, and of a run whose
    every update was skipped.

    >>> dualtrain.fit(spec, model, [{"x": x, "labels": y}])[0].lr  # warmup starts at exactly 0
    0.0
    """
    _check_metric(spec, metric)
    of_epoch = batches if callable(batches) else lambda epoch: batches
    first = of_epoch(0)
    run = start(
        spec,
        model,
        micro_batches_per_epoch=_count(first),
        backend=backend,
        measure=trace is not None,
    )
    with closing(run):
        objective = objective_of(run, loss)
        header = None
        if trace is not None:
            with _at(run, 0, 0):
                objective.count(first[0])  # refuses what is no batch
            # A loss of the user's own may take more than logits: no probe then.
            header = describe(run, probe=None if loss else probe(run, first[0]))
        with Recorder(run, header, trace=_path(trace), output=_path(output)) as recorder:
            done = []
            for update in updates(run, of_epoch, objective, metric):
                done.append(update)
                recorder.update(update)
            recorder.end()
    return tuple(done)


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)


def updates(
    run: Run,
    batches: Callable[[int], Sequence[Batch]],
    objective: Objective | None = None,
    metric: Metric | None = None,
) -> Iterator[Update]:
    """Make the plan's updates one after the other; yields them as their numbers are read.

    objective: the spec's own when absent.
    """
    train_as_chosen(run.model, run.backend.modules(run.model))
    objective = objective or objective_of(run)
    current: int | None = None
    micro_batches: Sequence[Batch] = ()
    pending: list[_Pending] = []
    watch = Watch(run)
    read_at = time.monotonic()
    for epoch, group in run.plan.updates():
        if epoch != current:
            if metric is not None and current is not None:
                modes = kept_modes(run.model, run.backend.modules(run.model))
                with run.averaged(), modes, run.autocast():
                    value = metric(run.model)
                run.report(value)
            current, micro_batches = epoch, batches(epoch)
            _check_count(run, _count(micro_batches), epoch)
            run.begin_epoch()
        pending.append(_update(run, epoch, {i: micro_batches[i] for i in group}, objective))
        if time.monotonic() - read_at > REPORT_EVERY:
            yield from _read(run, pending, watch)
            pending, read_at = [], time.monotonic()
    yield from _read(run, pending, watch)
    watch.end()


def _check_metric(spec: Spec, metric: Metric | None) -> None:
    """A metric is there if, and only if, the schedule waits for one."""
    waits = isinstance(spec.schedule, ReduceOnPlateau)
    if waits and metric is None:
        raise MetricError(
            "the schedule 'reduce_on_plateau' needs a metric: a function of the model. "
            "Received: none"
        )
    if metric is not None and not waits:
        raise MetricError(
            "a metric is for the schedule 'reduce_on_plateau' only. "
            f"Received: one, with the schedule {spec.schedule.name!r}"
        )


def _count(micro_batches: Sequence[Batch]) -> int:
    if not (hasattr(micro_batches, "__len__") and hasattr(micro_batches, "__getitem__")):
        raise DataError(
            "an epoch's micro-batches must be a sequence, such as list(...) makes. "
            f"Received: {type(micro_batches).__name__}"
        )
    return len(micro_batches)


def _check_count(run: Run, received: int, epoch: int) -> None:
    expected = run.plan.micro_batches_per_epoch
    if received != expected:
        raise DataError(
            f"every epoch must have as many micro-batches as the first, {expected}. "
            f"Received: {received} in epoch {epoch}"
        )


@dataclass(frozen=True, kw_only=True)
class _Pending:
    """An update whose numbers are still on the device."""

    applied: Applied
    sums: list[Any]
    counts: list[int]
    divisors: list[float]
    digests: tuple[str, ...]


def _update(run: Run, epoch: int, group: Mapping[int, Batch], objective: Objective) -> _Pending:
    """One accumulation group: forward and backward of each micro-batch, then the update.

    group: by their place in the epoch.
    """
    counts = []
    for index, batch in group.items():
        with _at(run, epoch, index):
            counts.append(objective.count(batch))
    _check_counts(run, counts, epoch, tuple(group))
    divisors = _divisors(run.plan.spec.batch.normalise, counts)
    sums: list[Any] = []
    applied = None
    for (index, batch), divisor in zip(group.items(), divisors, strict=True):
        with _at(run, epoch, index):
            with run.autocast():
                tensors = run.backend.to_device(batch, run.device)
                loss_sum = objective.loss_sum(run.model, tensors, batch)
            applied = run.step(loss_sum, divisor=divisor)
        sums.append(loss_sum.detach())
    assert applied is not None, "the last micro-batch of a group makes its update"
    return _Pending(
        applied=applied,
        sums=sums,
        counts=counts,
        divisors=divisors,
        digests=tuple(batch_digest(batch) for batch in group.values()),
    )


@contextmanager
def _at(run: Run, epoch: int, *micro_batches: int) -> Iterator[None]:
    """Let a refusal say where it stands; all is counted from 0."""
    try:
        yield
    except DataError as error:
        numbers = ", ".join(map(str, micro_batches))
        name = "micro-batch" if len(micro_batches) == 1 else "micro-batches"
        raise DataError(f"update {run.t}, epoch {epoch}, {name} {numbers}: {error}") from error


def _check_counts(run: Run, counts: Sequence[int], epoch: int, group: Sequence[int]) -> None:
    """Raise `DataError` where a mean would be one of nothing; group: the micro-batches' places."""
    if run.plan.spec.batch.normalise == "token_mean":
        if not any(counts):
            with _at(run, epoch, *group):
                raise DataError(
                    "an update must have at least one counted target: leave its micro-batches out "
                    "or mix them with others. Received: none"
                )
        return
    for index, count in zip(group, counts, strict=True):
        if count == 0:
            with _at(run, epoch, index):
                raise DataError(
                    "with batch.normalise micro_mean a micro-batch, of which the mean is taken, "
                    "must have at least one counted target: leave it out, or choose token_mean, "
                    "where it adds 0 to its group. Received: none"
                )


def _divisors(normalise: str, counts: Sequence[int]) -> list[float]:
    """What each micro-batch's loss sum is divided by; the parts add up to the update's loss.

    micro_mean: targets of the micro-batch x size of the group; token_mean: targets of the group,
    to which a micro-batch without any adds 0.
    """
    if normalise == "token_mean":
        return [sum(counts)] * len(counts)
    return [count * len(counts) for count in counts]


def _read(run: Run, pending: Sequence[_Pending], watch: Watch) -> Iterator[Update]:
    """Fetch the numbers of several updates with one wait for the device."""
    norms = [n for p in pending for n in (p.applied.grad_norm, p.applied.clipped_norm)]
    values = iter(run.backend.numbers([s for p in pending for s in p.sums]))
    norm_values = iter(run.backend.numbers([n for n in norms if n is not None]))
    for p in pending:
        sums = [next(values) for _ in p.sums]
        applied = p.applied
        update = Update(
            attempt=applied.attempt,
            t=applied.t,
            lr=applied.lr,
            momentum=applied.momentum,
            loss=sum(s / d for s, d in zip(sums, p.divisors, strict=True)),
            micro_losses=tuple(s / max(c, 1) for s, c in zip(sums, p.counts, strict=True)),
            grad_norm=None if applied.grad_norm is None else next(norm_values),
            clipped_norm=None if applied.clipped_norm is None else next(norm_values),
            loss_scale=applied.loss_scale,
            skipped=applied.skipped,
            batches=p.digests,
        )
        watch.read(update)
        yield update
