"""Small nets, each written once for both frameworks, with micro-batches to train them on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
import torch
from numpy.typing import NDArray

__all__ = ["PADDLE", "TORCH", "Build", "Layers", "cnn", "images", "mlp", "pair_of", "points", "vit"]

Batches = list[tuple[NDArray[Any], NDArray[Any]]]


@dataclass(frozen=True)
class Layers:
    """What nets are built of, in the words of one framework."""

    nn: Any
    module: Any
    conv: Callable[..., Any]
    """(channels in, out, bias), 3 x 3, padded."""
    batch_norm: Any
    pool: Callable[[], Any]
    parameter: Callable[..., Any]
    """Of zeros, of a shape."""
    join: Callable[..., Any]
    """Tensors, along axis 1."""
    swap: Callable[..., Any]
    """A tensor with two of its four axes exchanged."""


def _swapped(x: Any, i: int, j: int) -> Any:
    axes = list(range(4))
    axes[i], axes[j] = j, i
    return x.transpose(axes)


TORCH = Layers(
    nn=torch.nn,
    module=torch.nn.Module,
    conv=lambda i, o, bias: torch.nn.Conv2d(i, o, 3, padding=1, bias=bias),
    batch_norm=torch.nn.BatchNorm2d,
    pool=lambda: torch.nn.AdaptiveAvgPool2d(1),
    parameter=lambda *shape: torch.nn.Parameter(torch.zeros(*shape)),
    join=lambda parts: torch.cat(parts, 1),
    swap=lambda x, i, j: x.transpose(i, j),
)

PADDLE = Layers(
    nn=paddle.nn,
    module=paddle.nn.Layer,
    conv=lambda i, o, bias: paddle.nn.Conv2D(i, o, 3, padding=1, bias_attr=None if bias else False),
    batch_norm=paddle.nn.BatchNorm2D,
    pool=lambda: paddle.nn.AdaptiveAvgPool2D(1),
    parameter=lambda *shape: paddle.create_parameter(shape, "float32"),
    join=lambda parts: paddle.concat(parts, 1),
    swap=_swapped,
)

Build = Callable[[Layers], Any]


def pair_of(
    build: Build, other: Build | None = None, *, of: tuple[Layers, Layers] = (TORCH, PADDLE)
) -> list[Any]:
    """A net in torch and one in Paddle, by default the same; weights follow from a seed."""
    torch.manual_seed(0)
    return [build(of[0]), (other or build)(of[1])]


def mlp(
    activation: str = "ReLU", *, width: int = 64, depth: int = 2, outputs: int = 4, drop: float = 0
) -> Build:
    """Linears of 16 inputs, an activation behind each but the last."""

    def build(layers: Layers) -> Any:
        nn, parts, size = layers.nn, [], 16
        for _ in range(depth):
            parts += [nn.Linear(size, width), getattr(nn, activation)(), nn.Dropout(drop)]
            size = width
        return nn.Sequential(*parts, nn.Linear(size, outputs))

    return build


def cnn(*, bias: bool) -> Build:
    """Two convolutions, each before batch norm and ReLU; bias: whether they have one."""

    def build(layers: Layers) -> Any:
        nn = layers.nn
        parts = []
        for channels in (3, 8):
            parts += [layers.conv(channels, 8, bias), layers.batch_norm(8), nn.ReLU()]
        return nn.Sequential(*parts, layers.pool(), nn.Flatten(), nn.Linear(8, 4))

    return build


def vit(layers: Layers, width: int = 32, heads: int = 4, patches: int = 9) -> Any:
    """One pre-norm block over patches of 16 numbers behind a class token, which is classified."""
    nn = layers.nn
    base: Any = layers.module

    class ViT(base):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Linear(16, width)
            self.token = layers.parameter(1, 1, width)
            self.place = layers.parameter(1, patches + 1, width)
            self.before, self.between, self.after = (nn.LayerNorm(width) for _ in range(3))
            self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
            self.out, self.up = nn.Linear(width, width), nn.Linear(width, 2 * width)
            self.down, self.head = nn.Linear(2 * width, width), nn.Linear(width, 4)

        def attend(self, x: Any) -> Any:
            count, length = x.shape[0], x.shape[1]
            split = [count, length, heads, width // heads]
            query, key, value = (
                layers.swap(part(x).reshape(split), 1, 2)
                for part in (self.query, self.key, self.value)
            )
            weights = nn.functional.softmax(query @ layers.swap(key, 2, 3) * 0.25, -1)
            return self.out(layers.swap(weights @ value, 1, 2).reshape([count, length, width]))

        def forward(self, x: Any) -> Any:
            token = self.token.expand([x.shape[0], 1, width])
            x = layers.join([token, self.embed(x)]) + self.place
            x = x + self.attend(self.before(x))
            x = x + self.down(nn.functional.gelu(self.up(self.between(x))))
            return self.head(self.after(x)[:, 0])

    return ViT()


def points(*shape: int, samples: int = 32, count: int = 4) -> Batches:
    """Micro-batches of noise of a shape, (16,) by default, in four classes."""
    random = np.random.default_rng(0)
    return [
        (
            random.standard_normal((samples, *(shape or (16,)))).astype(np.float32),
            random.integers(0, 4, samples),
        )
        for _ in range(count)
    ]


def images(samples: int = 16, count: int = 4) -> Batches:
    """The same of images, 3 x 12 x 12."""
    return points(3, 12, 12, samples=samples, count=count)
