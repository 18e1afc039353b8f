"""What training makes small: a micro-batch's loss as a sum, and how many targets it is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend import logits_of, targets
from dualtrain.errors import DataError, Problem, SpecError
from dualtrain.spec import Loss
from dualtrain.training._run import Run

__all__ = ["Batch", "LossSum", "Objective", "objective_of"]

Batch = Mapping[str, NDArray[Any]]
"""One micro-batch: the model's inputs by keyword, and `labels` (`dualtrain/backend/targets.py`)."""

LossSum = Callable[[Any, dict[str, Any]], Any]
"""(model, batch as tensors) -> the sum of the losses over the counted targets, a scalar tensor.

With a loss of your own, what counts is each entry of `labels` that is not -100, whatever they mean;
where there are no `labels`, each sample. A mean in place of the sum cannot be told from one: it
would train at a rate that is as many times too small as there are targets.
"""


@dataclass(frozen=True)
class Objective:
    """A loss, and the count that goes with it."""

    loss_sum: Callable[[Any, dict[str, Any], Batch], Any]
    """Of model, batch as tensors, and the batch itself, whose labels are checked without a wait."""
    targets: Callable[[Batch], int]

    def count(self, batch: Batch) -> int:
        """The targets of a micro-batch. Raises `DataError` for what is no micro-batch."""
        if not isinstance(batch, Mapping) or not batch:
            raise DataError(
                "a micro-batch must be a mapping from the model's inputs to arrays. "
                f"Received: {type(batch).__name__}{'' if batch else ', empty'}"
            )
        _check_arrays(batch)
        return self.targets(batch)


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
                "int8 to int64, uint8, float16 to float64 or complex, in the machine's byte order: "
                "numpy.asarray(..., 'int64') for labels. "
                f"Received: {name!r}, {told}"
            )
        if array.size == 0:  # Paddle's Linear fails on it
            raise DataError(
                "a micro-batch must have at least one sample, and an input an entry. "
                f"Received: {name!r} of shape {array.shape}"
            )


def objective_of(run: Run, own: LossSum | None = None) -> Objective:
    """The loss that the spec says, or the caller's own; `SpecError` if there are both."""
    settings = run.plan.spec.loss
    if own is None:
        return _cross_entropy(run, settings or Loss())
    if settings is not None:
        rule = "excludes a loss function of your own"
        raise SpecError((Problem(where="loss", rule=rule, received="both"),))
    return Objective(lambda model, tensors, batch: own(model, tensors), _count_entries)


def _count_entries(batch: Batch) -> int:
    labels = batch.get("labels")
    if labels is None:
        return len(next(iter(batch.values())))
    return int(np.count_nonzero(np.asarray(labels) != targets.IGNORED))


def _cross_entropy(run: Run, settings: Loss) -> Objective:
    shift = settings.shift_labels

    def loss_sum(model: Any, tensors: dict[str, Any], batch: Batch) -> Any:
        labels, known = tensors.pop("labels"), batch["labels"]
        soft = targets.are_soft(known)
        logits = logits_of(model, tensors)
        targets.check_shapes(logits.shape, known.shape, soft=soft)
        if shift:
            known = targets.shift_labels(known, soft=soft)
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

    def count(batch: Batch) -> int:
        if "labels" not in batch:
            raise DataError(
                "a micro-batch must have 'labels', or fit a loss of its own. "
                f"Received: {', '.join(map(repr, batch))}"
            )
        return targets.count(batch["labels"], shift=shift)

    return Objective(loss_sum, count)
