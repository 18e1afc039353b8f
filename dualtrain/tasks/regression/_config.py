"""What a multilayer perceptron is built from, without naming a framework."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dualtrain.tasks._model import (
    ExpectedParameter,
    ModelConfig,
    ParameterLike,
    fresh_array,
    linear,
)
from dualtrain.tasks.regression._words import Activation

__all__ = ["MlpConfig", "initial_weights"]


@dataclass(frozen=True, kw_only=True)
class MlpConfig(ModelConfig):
    """Linear layers with an activation between them; one number out.

    The hidden ones are numbered as `layer_decay` counts layers.
    """

    inputs: int
    """Features of a sample."""
    hidden: tuple[int, ...]
    """Width of each hidden layer."""
    activation: Activation
    """After each hidden layer."""

    @property
    def layers(self) -> dict[str, tuple[int, int]]:
        """Name -> inputs and outputs of each layer, in order: `layers.0`, ..., `output`.

        >>> MlpConfig(inputs=3, hidden=(8,), activation="relu").layers
        {'layers.0': (3, 8), 'output': (8, 1)}
        """
        sizes = pairwise((self.inputs, *self.hidden, 1))
        names = [*(f"layers.{i}" for i in range(len(self.hidden))), "output"]
        return dict(zip(names, sizes, strict=True))

    def tensors(self) -> Iterator[ExpectedParameter]:
        """A weight and a bias for each layer."""
        for name, (into, out) in self.layers.items():
            yield from linear(name, out, into)


def initial_weights(
    parameters: Sequence[ParameterLike], *, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Canonical name -> initial weights: normal(0, 1 / sqrt(inputs of the layer)), biases 0."""
    return {
        p.name: fresh_array(p, seed=seed, deviation=p.shape[-1] ** -0.5)
        for p in sorted(parameters, key=lambda p: p.name)
    }
