"""One update of the loop: forward and backward of a group, and what the run makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from dualtrain.data import batch_digest
from dualtrain.errors import DataError
from dualtrain.plan import Plan
from dualtrain.training.loop._batch import micro_batch
from dualtrain.training.loop._objective import Objective
from dualtrain.training.run._journal import AppliedUpdate
from dualtrain.training.run._loss import MicroLoss
from dualtrain.training.run._run import Run

__all__ = ["Made", "at", "make_update"]


class Made(NamedTuple):
    """An update that was made, or skipped."""

    applied: AppliedUpdate
    losses: Sequence[MicroLoss]
    """Of its micro-batches."""
    digests: tuple[str, ...]
    """Likewise."""


def make_update(run: Run, epoch: int, group: Mapping[int, Any], objective: Objective) -> Made:
    """Forward and backward of each micro-batch of a group, then the update.

    group: by their place in the epoch, as `Plan.group` has it.
    """
    batches, counts = {}, []
    for index, given in group.items():
        with at(run, *run.plan.place(epoch, index)):
            batches[index] = micro_batch(given, run.model)
            counts.append(objective.targets(batches[index]))
    _check_counts(run, counts, epoch, tuple(group))
    divisors = _divisors(run.plan, counts)
    digests, last = tuple(map(batch_digest, batches.values())), tuple(group)[-1]
    run.processes.check_batches(epoch, digests)
    losses = []
    applied = None
    at_once = run.masters is not None  # which take the gradients of each pass, averaged
    for (index, batch), divisor, count in zip(batches.items(), divisors, counts, strict=True):
        with at(run, *run.plan.place(epoch, index)):
            share, is_counted = run.processes.share(batch)
            with run.processes.passing(averages=at_once or index == last, is_counted=is_counted):
                with run.autocast():
                    tensors = run.backend.to_device(share, run.device)
                    loss_sum = objective.loss_sum(run.processes.forward(run.model), tensors, share)
                    if not is_counted:
                        loss_sum = loss_sum * 0.0
                applied = run.step(loss_sum, divisor=divisor)
        losses.append(MicroLoss(run.processes.summed(loss_sum), divisor, count))
    assert applied is not None, "the last micro-batch of a group makes its update"
    return Made(applied, losses, digests)


@contextmanager
def at(run: Run, epoch: int, *micro_batches: int) -> Iterator[None]:
    """Let a refusal say where it stands; all is counted from 0."""
    try:
        yield
    except DataError as error:
        numbers = ", ".join(map(str, micro_batches))
        name = "micro-batch" if len(micro_batches) == 1 else "micro-batches"
        raise DataError(f"update {run.t}, epoch {epoch}, {name} {numbers}: {error}") from error


def _check_counts(run: Run, counts: Sequence[int], epoch: int, group: Sequence[int]) -> None:
    """Raise `DataError` where a mean would be one of nothing; group: the micro-batches' places."""
    normalise = run.plan.spec.batch.normalise
    if normalise == "token_mean":
        if not any(counts):
            with at(run, epoch, *group):
                raise DataError(
                    "an update must have at least one counted target: leave its micro-batches out "
                    "or mix them with others. Received: none"
                )
        return
    for index, count in zip(group, counts, strict=True):
        if count == 0:
            with at(run, *run.plan.place(epoch, index)):
                raise DataError(
                    f"with batch.normalise {normalise} a micro-batch, of which the mean is taken, "
                    "must have at least one counted target: leave it out, or choose token_mean, "
                    "where it adds 0 to its group. Received: none"
                )


def _divisors(plan: Plan, counts: Sequence[int]) -> list[float]:
    """What each micro-batch's loss sum is divided by; the parts add up to the update's loss.

    token_mean: targets of the group, to which a micro-batch without any adds 0; else targets of the
    micro-batch x what the group's means are divided by.
    """
    if plan.spec.batch.normalise == "token_mean":
        return [sum(counts)] * len(counts)
    by = plan.divisor(range(len(counts)))
    return [count * by for count in counts]
