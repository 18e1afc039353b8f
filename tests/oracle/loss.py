"""The loss: which targets count, and the cross-entropy summed over them, with its gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["count", "cross_entropy", "targets"]

Array = NDArray[np.float64]


def targets(loss: Mapping[str, Any] | None, labels: NDArray[Any], classes: int) -> Array:
    """q of every position, (..., classes); a row of zeros where nothing counts.

    With shift_labels position i has the label of position i + 1, and the last position none.
    """
    loss = {"label_smoothing": 0.0, "shift_labels": False, **(loss or {})}
    if labels.dtype.kind == "f":
        q = labels.astype(np.float64)
    else:
        q = (labels[..., None] == np.arange(classes)).astype(np.float64)
    if loss["shift_labels"]:
        q = np.concatenate([q[..., 1:, :], np.zeros_like(q[..., :1, :])], axis=-2)
    e = loss["label_smoothing"]
    return np.where(q.any(-1, keepdims=True), (1 - e) * q + e / classes, 0.0)


def count(loss: Mapping[str, Any] | None, labels: NDArray[Any], classes: int) -> int:
    """Targets that the loss is a sum over."""
    return int(targets(loss, labels, classes).any(-1).sum())


def cross_entropy(logits: Array, q: Array) -> tuple[float, Array]:
    """-sum of q log softmax(logits), and its gradient by the logits."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return float(-(q * log_p).sum()), np.exp(log_p) * q.sum(-1, keepdims=True) - q
