"""Losses as sums over counted targets; the core divides."""

from __future__ import annotations

from typing import Any

import paddle

from dualtrain.targets import IGNORED, check_shapes, check_values, smoothed

__all__ = ["cross_entropy_sum"]


def cross_entropy_sum(logits: Any, labels: Any, *, label_smoothing: float = 0.0) -> Any:
    """Sum over the targets of -sum_c q_c log softmax(logits)_c, in float32.

    logits: (..., classes). labels: class numbers of any width, (...), where -100 does not count;
    or floats, (..., classes): q itself, where a row of zeros does not count.
    label_smoothing: e; q, the one-hot label or the soft one, becomes (1 - e) q + e / classes.
    Paddle's own smoothing refuses ignored labels.

    Never the built-in mean: Paddle 3.x divides it by all targets, ignored ones too. Raises
    `DataError` if the shapes do not fit, and for
    labels that are no targets where they lie on the CPU; those on another device are not waited for
    (`dualtrain.fit` looks at its labels before they go there).
    """
    soft = bool(labels.is_floating_point())
    check_shapes(logits.shape, labels.shape, soft=soft)
    _check_on_the_cpu(labels, logits.shape[-1])
    classes = logits.shape[-1]
    logits = logits.astype("float32")
    if soft:
        labels = labels.astype("float32")
        return -(
            smoothed(labels, label_smoothing) * paddle.nn.functional.log_softmax(logits, -1)
        ).sum()
    logits, labels = logits.reshape([-1, classes]), labels.reshape([-1]).astype("int64")
    one_hot = paddle.nn.functional.cross_entropy(
        logits, labels, ignore_index=IGNORED, reduction="sum"
    )
    if label_smoothing == 0.0:
        return one_hot
    even = paddle.nn.functional.log_softmax(logits, -1).mean(-1)
    even = paddle.where(labels != IGNORED, even, paddle.zeros_like(even))
    return (1.0 - label_smoothing) * one_hot - label_smoothing * even.sum()


def _check_on_the_cpu(labels: Any, classes: int) -> None:
    if not labels.place.is_cpu_place():
        return
    labels = labels.detach()
    if labels.dtype == paddle.bfloat16:  # numpy has none: it would get bit patterns
        epsilon = paddle.finfo(labels.dtype).eps
        check_values(labels.astype("float32").numpy(), classes, epsilon=epsilon)
    else:
        check_values(labels.numpy(), classes)
