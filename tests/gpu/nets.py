"""Small torch nets and micro-batches for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

__all__ = ["NETS", "Batches", "batches", "cnn", "encoder", "mlp"]

Batches = list[dict[str, NDArray[Any]]]


def mlp(dropout: float = 0.0) -> Any:
    """16 inputs, four classes; weights follow from a seed."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(16, 64),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 4),
    )


def cnn() -> Any:
    """A convolution with a bias and one without, each before batch norm; 16 inputs as 4 x 4."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.GELU(),
        nn.Conv2d(8, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    )


def encoder() -> Any:
    """Attention over four tokens of 4 numbers, layer norm, a head over all of them."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, activation="gelu", batch_first=True)
    return nn.Sequential(
        nn.Unflatten(1, (4, 4)), nn.Linear(4, 32), layer, nn.Flatten(), nn.Linear(128, 4)
    )


NETS: dict[str, Callable[[], Any]] = {"mlp": mlp, "cnn": cnn, "encoder": encoder}


def batches(count: int = 5, samples: int = 16) -> Batches:
    """Micro-batches for any of them; the last one is half as long."""
    random = np.random.default_rng(0)
    sizes = [samples] * (count - 1) + [samples // 2]
    return [
        {
            "input": random.standard_normal((size, 16)).astype(np.float32),
            "labels": random.integers(0, 4, size),
        }
        for size in sizes
    ]
