"""A small convolutional network with batch normalisation, in plain torch and plain Paddle."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import torch

from benchmarks.zoo._breed import SAMPLES, Arrays, Breed

__all__ = ["CNN", "CNN_RELU"]

CHANNELS, SIZE, CLASSES = 8, 8, 3


def _batch(random: np.random.Generator) -> Arrays:
    """Noise, brighter in the row that the label tells."""
    labels = random.integers(0, CLASSES, SAMPLES)
    images = random.normal(size=(SAMPLES, 3, SIZE, SIZE)).astype(np.float32)
    images[np.arange(SAMPLES), :, labels] += 1.0
    return {"x": images, "labels": labels}


class TorchCNN(torch.nn.Module):
    def __init__(self, activation: str) -> None:
        super().__init__()
        self.activation = getattr(torch.nn.functional, activation)
        self.conv1 = torch.nn.Conv2d(3, CHANNELS, 3, padding=1, bias=False)
        self.norm1 = torch.nn.BatchNorm2d(CHANNELS)
        self.conv2 = torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
        self.norm2 = torch.nn.BatchNorm2d(CHANNELS)
        self.classifier = torch.nn.Linear(CHANNELS * SIZE, CLASSES)

    def forward(self, x: Any) -> Any:
        x = self.activation(self.norm1(self.conv1(x)))
        x = self.activation(self.norm2(self.conv2(x)))
        return self.classifier(x.mean(3).flatten(1))


class PaddleCNN(paddle.nn.Layer):
    """The same in Paddle."""

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.activation = getattr(paddle.nn.functional, activation)
        self.conv1 = paddle.nn.Conv2D(3, CHANNELS, 3, padding=1, bias_attr=False)
        self.norm1 = paddle.nn.BatchNorm2D(CHANNELS)
        self.conv2 = paddle.nn.Conv2D(CHANNELS, CHANNELS, 3, padding=1, bias_attr=False)
        self.norm2 = paddle.nn.BatchNorm2D(CHANNELS)
        self.classifier = paddle.nn.Linear(CHANNELS * SIZE, CLASSES)

    def forward(self, x: Any) -> Any:
        x = self.activation(self.norm1(self.conv1(x)))
        x = self.activation(self.norm2(self.conv2(x)))
        return self.classifier(x.mean(3).flatten(1))


def _breed(activation: str) -> Breed:
    return Breed(
        in_torch=lambda: TorchCNN(activation),
        in_paddle=lambda: PaddleCNN(activation),
        batch=_batch,
    )


CNN = _breed("gelu")
CNN_RELU = _breed("relu")
