"""Targets: which labels the loss counts, who shifts them, what shape they have.

Class numbers: a label that is not -100 counts. Soft labels, floats, one per class: a row that is
not all zeros counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import DataError

__all__ = [
    "IGNORED",
    "are_soft",
    "check_shapes",
    "count",
    "shift_labels",
    "shift_logits",
    "smoothed",
]

IGNORED = -100
"""The class number that does not count."""


def are_soft(labels: NDArray[Any]) -> bool:
    """Whether labels are one float per class."""
    return labels.dtype.kind == "f"


def count(labels: NDArray[Any]) -> int:
    """How many targets the loss is a sum over.

    Raises `DataError` for labels of another type, and for soft ones that are not finite and >= 0:
    -100 does not count among class numbers only.

    >>> count(np.array([1, -100, 0])), count(np.array([[0.9, 0.1], [0.0, 0.0]]))
    (2, 1)
    """
    if not are_soft(labels):
        if labels.dtype.kind not in "biu":
            raise DataError(f"labels must be whole numbers or floats. Received: {labels.dtype}")
        return int(np.count_nonzero(labels != IGNORED))
    for extreme in (labels.min(initial=0), labels.max(initial=0)):
        if not 0 <= extreme < np.inf:
            raise DataError(
                "soft labels must be finite and not negative; a row of zeros does not count. "
                f"Received: {extreme}"
            )
    return int(np.count_nonzero(labels.any(axis=-1)))


def shift_labels(labels: Any, *, soft: bool) -> Any:
    """The labels that a causal model's logits are held against: those of the next position.

    labels: (..., positions), soft ones (..., positions, classes); arrays or tensors.
    """
    return labels[..., 1:, :] if soft else labels[..., 1:]


def shift_logits(logits: Any) -> Any:
    """A causal model's logits without the last position's; (..., positions, classes)."""
    return logits[..., :-1, :]


def check_shapes(logits: Sequence[int], labels: Sequence[int], *, soft: bool) -> None:
    """Raise `DataError` unless there is one label, or one row of soft ones, per row of logits."""
    needed = tuple(logits) if soft else tuple(logits)[:-1]
    if tuple(labels) != needed:
        kind = "soft labels (floats)" if soft else "labels"
        raise DataError(
            f"{kind} for logits of shape {tuple(logits)} must have the shape {needed}: "
            f"the class axis is the last. Received: {tuple(labels)}"
        )


def smoothed(labels: Any, share: float) -> Any:
    """Soft labels, a tensor of (..., classes), as label smoothing has them.

    q becomes (1 - e) q + e sum(q) / classes, so a row of zeros still does not count.

    >>> smoothed(torch.tensor([1.0, 0.0]), 0.1)
    tensor([0.9500, 0.0500])
    """
    even = labels.sum(-1, keepdim=True) / labels.shape[-1]
    return (1.0 - share) * labels + share * even
