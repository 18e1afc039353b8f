"""Losses as sums over counted targets; the core divides."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from dualtrain.targets import IGNORED, check_shapes, check_values, smoothed

__all__ = ["cross_entropy_sum"]


def cross_entropy_sum(logits: Any, labels: Any, *, label_smoothing: float = 0.0) -> Any:
    """Sum over the targets of -sum_c q_c log softmax(logits)_c, in float32.

    logits: (..., classes). labels: class numbers of any width, (...), where -100 does not count;
    or floats, (..., classes): q itself, where a row of zeros does not count.
    label_smoothing: e; q, the one-hot label or the soft one, becomes (1 - e) q + e / classes.

    Never the built-in mean: Paddle 3.x divides it by all targets, ignored ones too. Raises
    `DataError` if the shapes do not fit, and for labels that are no targets where they lie on the
    CPU; those on another device are not waited for (`dualtrain.fit` looks at its labels before they
    go there).
    """
    soft = bool(labels.is_floating_point())
    check_shapes(logits.shape, labels.shape, soft=soft)
    _check_on_the_cpu(labels, logits.shape[-1])
    classes = logits.shape[-1]
    logits = logits.astype("float32")
    if not soft and not label_smoothing and _is_mild(logits):
        return paddle.nn.functional.cross_entropy(
            logits.reshape([-1, classes]),
            labels.reshape([-1]).astype("int64"),
            ignore_index=IGNORED,
            reduction="sum",
        )
    shifted, log_sum = _parts(logits)
    if soft:
        q = smoothed(labels.astype("float32"), label_smoothing)
        return (q * (log_sum.unsqueeze(-1) - shifted)).sum()
    shifted, log_sum = shifted.reshape([-1, classes]), log_sum.reshape([-1])
    labels = labels.reshape([-1]).astype("int64")
    counted = labels != IGNORED
    own = paddle.where(counted, labels, paddle.zeros_like(labels))
    own = own + classes * paddle.arange(len(labels), dtype="int64")
    of_label = paddle.gather(shifted.reshape([-1]), own)
    if label_smoothing:
        even = shifted.mean(-1)
        of_label = (1.0 - label_smoothing) * of_label + label_smoothing * even
    lost = log_sum - of_label
    return paddle.where(counted, lost, paddle.zeros_like(lost)).sum()


def _check_on_the_cpu(labels: Any, classes: int) -> None:
    if not labels.place.is_cpu_place():
        return
    labels = labels.detach()
    if labels.dtype == paddle.bfloat16:  # numpy has none: it would get bit patterns
        epsilon = paddle.finfo(labels.dtype).eps
        check_values(labels.astype("float32").numpy(), classes, epsilon=epsilon)
    else:
        check_values(labels.numpy(), classes)


def _is_mild(logits: Any) -> bool:
    """Whether Paddle's own cross-entropy is right: no logit is as much as 64 below the largest.

    It costs a quarter of the operators one by one. Asked only on the CPU, which need not wait.
    """
    if not (logits.place.is_cpu_place() and logits.size):
        return False
    return bool(np.ptp(logits.detach().numpy()) < 64.0)


def _parts(logits: Any) -> tuple[Any, Any]:
    """x - max x, and log sum exp of that, over the last axis: log softmax is their difference.

    Paddle's own `log_softmax` and `cross_entropy` stop at 64 on the CPU: a target that is further
    off has the loss 64, whatever it is.
    """
    shifted = logits - logits.max(-1, keepdim=True).detach()
    return shifted, shifted.exp().sum(-1).log()
