"""What a classifier of images is built from, without naming a framework."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from dualtrain.tasks._model import (
    ExpectedParameter,
    ModelConfig,
    linear,
    norm,
)
from dualtrain.tasks.image_classification._words import Cnn, Vit

__all__ = ["CnnConfig", "VitConfig", "config_of"]


@dataclass(frozen=True, kw_only=True)
class CnnConfig(ModelConfig):
    """Convolutions with a bias, GELU and batch norm; the mean over the image; a linear layer."""

    inputs: int
    """Channels of an image."""
    channels: tuple[int, ...]
    """Channels that each stage gives; from the second on its stride is 2."""
    classes: int
    """Numbers out."""
    dropout: float = 0.0
    """Of the mean over the image."""

    @property
    def stages(self) -> list[tuple[int, int]]:
        """Channels in and out of each stage."""
        return list(pairwise((self.inputs, *self.channels)))

    def tensors(self) -> Iterator[ExpectedParameter]:
        """Those of each stage, and the head's."""
        for i, (into, out) in enumerate(self.stages):
            yield from _convolution(f"stages.{i}.conv", out, into, 3)
            yield from norm(f"stages.{i}.norm", out)
        yield from linear("head", self.classes, self.channels[-1])


@dataclass(frozen=True, kw_only=True)
class VitConfig(ModelConfig):
    """Patches and a class token with positions, blocks with the norms first (eps 1e-6), GELU."""

    inputs: int
    """Channels of an image."""
    patches: int
    """Of an image."""
    patch_size: int
    """Side of a patch, in pixels."""
    hidden_size: int
    """Width; a multiple of `heads`."""
    layers: int
    """Transformer blocks."""
    heads: int
    """Attention heads."""
    intermediate_size: int
    """Width of the feed-forward layer."""
    classes: int
    """Numbers out."""
    dropout: float = 0.0
    """Of hidden states and attention."""

    def tensors(self) -> Iterator[ExpectedParameter]:
        """Those of the embeddings, of each block, of the last norm, and the head's."""
        width, inner = self.hidden_size, self.intermediate_size
        yield from _convolution("patches", width, self.inputs, self.patch_size)
        yield ExpectedParameter("class_token.weight", (1, width), "embedding")
        yield ExpectedParameter("positions.weight", (self.patches + 1, width), "embedding")
        for i in range(self.layers):
            yield from norm(f"blocks.{i}.norm1", width)
            yield from linear(f"blocks.{i}.qkv", 3 * width, width)
            yield from linear(f"blocks.{i}.projection", width, width)
            yield from norm(f"blocks.{i}.norm2", width)
            yield from linear(f"blocks.{i}.wide", inner, width)
            yield from linear(f"blocks.{i}.narrow", width, inner)
        yield from norm("norm", width)
        yield from linear("head", self.classes, width)


def config_of(
    model: Cnn | Vit, *, shape: tuple[int, int, int], classes: int
) -> CnnConfig | VitConfig:
    """What the words mean for images of this shape, (channels, height, width)."""
    inputs, height, width = shape
    if isinstance(model, Cnn):
        return CnnConfig(
            inputs=inputs, channels=model.channels, classes=classes, dropout=model.dropout
        )
    return VitConfig(
        inputs=inputs,
        patches=(height // model.patch_size) * (width // model.patch_size),
        patch_size=model.patch_size,
        hidden_size=model.hidden_size,
        layers=model.layers,
        heads=model.heads,
        intermediate_size=model.intermediate_size or 4 * model.hidden_size,
        classes=classes,
        dropout=model.dropout,
    )


def _convolution(name: str, out: int, into: int, side: int) -> Iterator[ExpectedParameter]:
    yield ExpectedParameter(f"{name}.weight", (out, into, side, side), "other")
    yield ExpectedParameter(f"{name}.bias", (out,), "other")
