"""What training makes small: a micro-batch's loss as a sum, and how many targets it is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain import targets
from dualtrain.errors import DataError, Problem, SpecError
from dualtrain.spec import Loss
from dualtrain.training._run import Run

__all__ = ["Batch", "LossSum", "Objective", "objective_of"]

Batch = Mapping[str, NDArray[Any]]
"""One micro-batch: the model's inputs by keyword, and `labels` (`dualtrain/targets.py`)."""

LossSum = Callable[[Any, dict[str, Any]], Any]
"""(model, batch as tensors) -> the sum of the losses over the counted targets, a scalar tensor.

With a loss of your own, what counts is each entry of `labels` that is not -100, whatever they mean;
where there are no `labels`, each sample.
"""


@dataclass(frozen=True)
class Objective:
    """A loss, and the count that goes with it."""

    loss_sum: LossSum
    targets: Callable[[Batch], int]

    def count(self, batch: Batch) -> int:
        """The targets of a micro-batch. Raises `DataError` if there are none."""
        if not isinstance(batch, Mapping) or not batch:
            raise DataError(
                "a micro-batch must be a mapping from the model's inputs to arrays. "
                f"Received: {type(batch).__name__}{'' if batch else ', empty'}"
            )
        _check_arrays(batch)
        count = self.targets(batch)
        if count == 0:
            raise DataError("a micro-batch must have at least one counted target. Received: none")
        return count


_SHARED = frozenset(
    np.dtype(kind)
    for kind in ("?", "i1", "i2", "i4", "i8", "u1", "f2", "f4", "f8", "complex64", "complex128")
)
"""The types, in the machine's byte order, that torch and Paddle both take for what they are."""


def _check_arrays(batch: Batch) -> None:
    for name, array in batch.items():
        if not isinstance(array, np.ndarray) or array.dtype not in _SHARED:
            is_array = isinstance(array, np.ndarray)
            told = f"array of {array.dtype}" if is_array else type(array).__name__
            raise DataError(
                "a micro-batch must hold numpy arrays of a type that every framework has: bool, "
                "int8 to int64, uint8, float16 to float64 or complex, in the machine's byte order. "
                f"Received: {name!r}, {told}"
            )


def objective_of(run: Run, own: LossSum | None = None) -> Objective:
    """The loss that the spec says, or the caller's own; `SpecError` if there are both."""
    settings = run.plan.spec.loss
    if own is None:
        return _cross_entropy(run, settings or Loss())
    if settings is not None:
        rule = "excludes a loss function of your own"
        raise SpecError((Problem(where="loss", rule=rule, received="both"),))
    return Objective(own, _count_entries)


def _count_entries(batch: Batch) -> int:
    labels = batch.get("labels")
    if labels is None:
        return len(next(iter(batch.values())))
    return int(np.count_nonzero(np.asarray(labels) != targets.IGNORED))


def _cross_entropy(run: Run, settings: Loss) -> Objective:
    def loss_sum(model: Any, tensors: dict[str, Any]) -> Any:
        labels = tensors.pop("labels")
        logits = run.backend.logits(model, tensors)
        if settings.shift_labels:
            soft = len(labels.shape) == len(logits.shape)
            labels = targets.shift_labels(labels, soft=soft)
            logits = targets.shift_logits(logits)
        return run.backend.cross_entropy_sum(
            logits, labels, label_smoothing=settings.label_smoothing
        )

    def count(batch: Batch) -> int:
        if "labels" not in batch:
            raise DataError(
                "a micro-batch must have 'labels', or fit a loss of its own. "
                f"Received: {', '.join(map(repr, batch))}"
            )
        labels = np.asarray(batch["labels"])
        if settings.shift_labels:
            labels = targets.shift_labels(labels, soft=targets.are_soft(labels))
        return targets.count(labels)

    return Objective(loss_sum, count)
