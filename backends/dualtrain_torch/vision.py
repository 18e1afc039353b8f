"""The models of images, of a task's configuration; written alike in both frameworks."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from dualtrain.tasks.image_classification import CnnConfig, VitConfig

__all__ = ["build_cnn", "build_vit"]

EPS = 1e-6
"""Of the norms of a vision transformer."""


def build_cnn(config: CnnConfig) -> nn.Module:
    """The convolutional network of a configuration."""
    return _Cnn(config)


def build_vit(config: VitConfig) -> nn.Module:
    """The vision transformer of a configuration."""
    return _Vit(config)


class _Stage(nn.Module):
    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, 3, stride=stride, padding=1)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, images: Any) -> Any:
        return self.norm(nn.functional.gelu(self.conv(images)))


class _Cnn(nn.Module):
    def __init__(self, config: CnnConfig) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [_Stage(into, out, 2 if i else 1) for i, (into, out) in enumerate(config.stages)]
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.channels[-1], config.classes)

    def forward(self, images: Any) -> Any:
        for stage in self.stages:
            images = stage(images)
        return self.head(self.dropout(images.flatten(2).mean(-1)))


class _Block(nn.Module):
    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.heads = config.heads
        self.norm1 = nn.LayerNorm(width, EPS)
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, EPS)
        self.wide = nn.Linear(width, inner)
        self.narrow = nn.Linear(inner, width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Any) -> Any:
        tokens = tokens + self.attention(self.norm1(tokens))
        inner = self.dropout(nn.functional.gelu(self.wide(self.norm2(tokens))))
        return tokens + self.dropout(self.narrow(inner))

    def attention(self, tokens: Any) -> Any:
        images, count, width = tokens.shape
        size = width // self.heads
        split = self.qkv(tokens).reshape(images, count, 3, self.heads, size)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        weights = nn.functional.softmax(query @ key.transpose(-1, -2) / size**0.5, dim=-1)
        mixed = (self.dropout(weights) @ value).permute(0, 2, 1, 3)
        return self.dropout(self.projection(mixed.reshape(images, count, width)))


class _Vit(nn.Module):
    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        width, side = config.hidden_size, config.patch_size
        self.patches = nn.Conv2d(config.inputs, width, side, stride=side)
        self.class_token = nn.Embedding(1, width)
        self.positions = nn.Embedding(config.patches + 1, width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList([_Block(config) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(width, EPS)
        self.head = nn.Linear(width, config.classes)

    def forward(self, images: Any) -> Any:
        patches = self.patches(images).flatten(2).permute(0, 2, 1)
        first = self.class_token.weight.expand(len(images), 1, -1)
        tokens = torch.cat([first, patches], 1) + self.positions.weight
        tokens = self.dropout(tokens)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(self.norm(tokens)[:, 0])
