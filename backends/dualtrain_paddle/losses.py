"""Losses as sums over counted targets; the core divides.

Paddle's own `log_softmax` and `cross_entropy` stop at 64 on the CPU: a target that is further off
has the loss 64, whatever it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from dualtrain.backend.targets import IGNORED

__all__ = ["cross_entropy", "log_softmax"]


def log_softmax(logits: Any) -> Any:
    """x - log sum exp x over the last axis."""
    shifted, log_sum = _parts(logits)
    return shifted - log_sum.unsqueeze(-1)


def cross_entropy(logits: Any, labels: Any, label_smoothing: float) -> Any:
    """The sum over class numbers that are not `IGNORED`: (..., classes) in float32, (...)."""
    classes, labels = logits.shape[-1], labels.reshape([-1]).astype("int64")
    if not label_smoothing and _is_mild(logits):
        rows = logits.reshape([-1, classes])
        return paddle.nn.functional.cross_entropy(
            rows, labels, ignore_index=IGNORED, reduction="sum"
        )
    shifted, log_sum = _parts(logits)
    shifted, log_sum = shifted.reshape([-1, classes]), log_sum.reshape([-1])
    counted = labels != IGNORED
    own = paddle.where(counted, labels, paddle.zeros_like(labels))
    own = own + classes * paddle.arange(len(labels), dtype="int64")
    of_label = paddle.gather(shifted.reshape([-1]), own)
    if label_smoothing:
        even = shifted.mean(-1)
        of_label = (1.0 - label_smoothing) * of_label + label_smoothing * even
    lost = log_sum - of_label
    return paddle.where(counted, lost, paddle.zeros_like(lost)).sum()


def _is_mild(logits: Any) -> bool:
    """Whether Paddle's own cross-entropy is right: no logit is as much as 64 below the largest.

    It costs a quarter of the operators one by one. Asked only on the CPU, which need not wait.
    """
    if not (logits.place.is_cpu_place() and logits.size):
        return False
    return bool(np.ptp(logits.detach().numpy()) < 64.0)


def _parts(logits: Any) -> tuple[Any, Any]:
    """x - max x, and log sum exp of that: log softmax is their difference."""
    shifted = logits - logits.max(-1, keepdim=True).detach()
    return shifted, shifted.exp().sum(-1).log()
