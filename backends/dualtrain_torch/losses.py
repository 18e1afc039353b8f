"""Losses as sums over counted targets; the core divides."""

from __future__ import annotations

from typing import Any

import torch

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
    logits = logits.float()
    if soft:
        labels = labels.float()
        return -(smoothed(labels, label_smoothing) * torch.log_softmax(logits, -1)).sum()
    return torch.nn.functional.cross_entropy(
        logits.reshape(-1, classes),
        labels.reshape(-1).long(),
        ignore_index=IGNORED,
        label_smoothing=label_smoothing,
        reduction="sum",
    )


def _check_on_the_cpu(labels: Any, classes: int) -> None:
    if labels.device.type != "cpu":
        return
    labels = labels.detach()
    if labels.dtype == torch.bfloat16:  # numpy has none
        check_values(labels.float().numpy(), classes, epsilon=torch.finfo(labels.dtype).eps)
    else:
        check_values(labels.numpy(), classes)
