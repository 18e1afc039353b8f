"""The words for the model of an image classification: a convolutional network or a transformer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, ValidationInfo, field_validator

from dualtrain.fields import Count, Part, Proportion

__all__ = ["AnyModel", "Cnn", "Vit"]

MOST_LAYERS = 10_000
"""Each has twelve parameters, which are listed by name."""


class Cnn(Part):
    """A convolutional network with random initial weights, the same ones in both frameworks.

    Stages of a 3 x 3 convolution, GELU and batch norm, as ConvMixer has them, and a linear layer on
    the mean over the image. The norm stands behind GELU: right behind the convolution it would take
    its bias out again, whose gradient were rounding alone, and an Adam trains on that.
    """

    name: Literal["cnn"]
    """Architecture."""
    channels: Annotated[tuple[Count, ...], Field(strict=False, min_length=1)]
    """Channels that each stage gives; from the second on each halves the image."""
    dropout: Proportion = 0.0
    """For the mean over the image, before the linear layer. Parity runs set it to 0: masks cannot
    match."""

    cures: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("widths", "filters", "hidden"), "write channels: VALUE"
    )


class Vit(Part):
    """A vision transformer with random initial weights, the same ones in both frameworks.

    Patches of the image and a class token, each with its position; blocks with the norms first;
    the class is told from the class token.
    """

    name: Literal["vit"]
    """Architecture."""
    patch_size: Count
    """Side of a patch, in pixels; divides height and width of the images."""
    hidden_size: Count
    """Width; a multiple of `heads`."""
    layers: Annotated[int, Field(ge=1, le=MOST_LAYERS)]
    """Transformer blocks."""
    heads: Count
    """Attention heads."""
    intermediate_size: Count | None = None
    """Width of the feed-forward layer; 4 x hidden_size if absent."""
    dropout: Proportion = 0.0
    """For hidden states and attention. Parity runs set it to 0: masks cannot match."""

    cures: ClassVar[Mapping[str, str]] = {
        "drop_rate": "write dropout: VALUE",
        "depth": "write layers: VALUE",
        "embed_dim": "write hidden_size: VALUE",
        "num_heads": "write heads: VALUE",
    }

    @field_validator("heads")
    @classmethod
    def _heads_divide_hidden_size(cls, heads: int, info: ValidationInfo) -> int:
        hidden_size = info.data.get("hidden_size")
        if hidden_size is not None and hidden_size % heads:
            raise ValueError(
                f"must divide hidden_size. Received: heads {heads}, hidden_size {hidden_size}"
            )
        return heads


AnyModel = Annotated[Cnn | Vit, Discriminator("name")]
