"""Losses as sums over counted targets; the core divides."""

from __future__ import annotations

from typing import Any

import torch

from dualtrain.backend.targets import IGNORED

__all__ = ["cross_entropy", "log_softmax"]


def log_softmax(logits: Any) -> Any:
    """x - log sum exp x over the last axis."""
    return torch.log_softmax(logits, -1)


def cross_entropy(logits: Any, labels: Any, label_smoothing: float) -> Any:
    """The sum over class numbers that are not `IGNORED`: (..., classes) in float32, (...)."""
    return torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        labels.reshape(-1).long(),
        ignore_index=IGNORED,
        label_smoothing=label_smoothing,
        reduction="sum",
    )
