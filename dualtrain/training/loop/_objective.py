"""What training makes small: a micro-batch's loss as a sum, and how many targets it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualtrain.backend import logits_of, targets
from dualtrain.data import MicroBatch
from dualtrain.errors import DataError, Problem, SpecError
from dualtrain.spec import Loss
from dualtrain.training.run._run import Run

__all__ = ["LossSum", "Objective", "count_entries", "objective_of"]

LossSum = Callable[[Any, dict[str, Any]], Any]
"""(model, batch as tensors) -> the sum of the losses over the counted targets, a scalar tensor.

With a loss of your own, what counts is each entry of `labels` that is not -100, whatever they mean;
where there are no `labels`, each sample. A mean in place of the sum cannot be told from one: it
would train at a rate that is as many times too small as there are targets.
"""


@dataclass(frozen=True)
class Objective:
    """A loss, and the count that goes with it."""

    loss_sum: Callable[[Any, dict[str, Any], MicroBatch], Any]
    """Of model, batch as tensors, and the batch itself, whose labels are checked without a wait."""
    targets: Callable[[MicroBatch], int]
    """The number of a micro-batch. Raises `DataError` for labels that are none."""


def objective_of(run: Run, own: LossSum | None = None) -> Objective:
    """The loss that the spec says, or the caller's own.

    Raises `SpecError` if there are both, `DataError` for one that is no function.
    """
    settings = run.plan.spec.loss
    if own is None:
        return _cross_entropy(run, settings or Loss())
    if not callable(own):
        raise DataError(
            "a loss of your own must be a function of the model and the batch, (model, batch) -> "
            f"the sum over the targets. Received: {own!r}"
        )
    if settings is not None:
        rule = "excludes a loss function of your own"
        raise SpecError((Problem(where="loss", rule=rule, received="both"),))
    return Objective(lambda model, tensors, batch: own(model, tensors), count_entries)


def count_entries(batch: MicroBatch) -> int:
    """The labels that are not -100, whatever they mean; the samples where there are none."""
    labels = batch.get("labels")
    if labels is None:
        return len(next(iter(batch.values())))
    return int(np.count_nonzero(np.asarray(labels) != targets.IGNORED))


def _cross_entropy(run: Run, settings: Loss) -> Objective:
    shift, on_the_cpu = settings.shift_labels, run.plan.spec.device == "cpu"

    def loss_sum(model: Any, tensors: dict[str, Any], batch: MicroBatch) -> Any:
        labels, known = tensors.pop("labels"), batch["labels"]
        soft = targets.are_soft(known)
        logits = logits_of(model, tensors)
        targets.check_shapes(logits.shape, known.shape, soft=soft)
        if shift:
            known = targets.shift_labels(known, soft=soft)
        if shift or not on_the_cpu:  # there the backend looks at them
            targets.check_values(known, logits.shape[-1], shifted=shift)
        if shift and not known.size:
            # Of one position nothing is left, which Paddle 2.6 cannot add up.
            none = np.full(tuple(logits.shape[:-1]), targets.IGNORED)
            labels = run.backend.to_device({"labels": none}, run.device)["labels"]
        elif shift:
            labels = targets.shift_labels(labels, soft=soft)
            logits = targets.shift_logits(logits)
        return run.backend.cross_entropy_sum(
            logits, labels, label_smoothing=settings.label_smoothing
        )

    def count(batch: MicroBatch) -> int:
        if "labels" not in batch:
            raise DataError(
                "a micro-batch must have 'labels', or fit a loss of its own. "
                f"Received: {', '.join(map(repr, batch))}"
            )
        return targets.count(batch["labels"], shift=shift)

    return Objective(loss_sum, count)
