"""The words for the model of a regression: a multilayer perceptron."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dualtrain.fields import Count, Part

__all__ = ["Activation", "Mlp"]

Activation = Literal["gelu", "relu", "silu", "tanh"]
"""What torch and Paddle have under one name, by one formula."""


class Mlp(Part):
    """A multilayer perceptron with random initial weights, the same ones in both frameworks.

    Weights are normal(0, 1 / sqrt(inputs of the layer)), biases 0.
    """

    hidden: Annotated[tuple[Count, ...], Field(strict=False)]
    """Width of each hidden layer, as `[32, 16]`; `[]` means none: a linear model."""
    activation: Activation = "gelu"
    """After each hidden layer. `relu` has a corner: where rounding takes a sample over it, two
    frameworks that train alike part by more than rounding, and parity says so."""

    cures: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("hidden_sizes", "hidden_size", "hidden_layer_sizes", "layers"), "write hidden: VALUE"
    )
