"""Losses as sums over counted targets; the core divides."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["cross_entropy_sum"]


def cross_entropy_sum(logits: Any, labels: Any) -> Any:
    """Sum of -log softmax(logits)[label] over the labels that are not -100, in float32.

    logits: (..., classes); labels: whole numbers of any width, (...). Never the built-in mean:
    Paddle 3.x divides it by all targets, ignored ones too.
    """
    classes = logits.shape[-1]
    return torch.nn.functional.cross_entropy(
        logits.float().reshape(-1, classes),
        labels.reshape(-1).long(),
        ignore_index=-100,
        reduction="sum",
    )
