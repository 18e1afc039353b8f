"""What a task's model is built from: a configuration without a framework, and what follows from it.

A backend builds the model of a configuration by its class. Names and layouts are canonical, which
is what transformers and torch have.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from typing import ClassVar, Literal, NamedTuple, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ExpectedParameter",
    "ModelConfig",
    "ParameterLike",
    "count_weights",
    "fresh_array",
    "fresh_weights",
    "linear",
    "norm",
]


class ParameterLike(Protocol):
    """A parameter as far as a task must know it: an expected one, or one of a live model."""

    @property
    def name(self) -> str:
        """Canonical."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """In canonical layout: a Linear weight is (out, in)."""
        ...

    @property
    def kind(self) -> str:
        """What its owner is: `norm`, `embedding` or another."""
        ...


class ExpectedParameter(NamedTuple):
    """A parameter that a model of a configuration will have."""

    name: str
    shape: tuple[int, ...]
    kind: Literal["norm", "embedding", "other"]


class ModelConfig(ABC):
    """What one of a task's models is built from; a frozen dataclass."""

    is_known: ClassVar[bool] = True
    """Whether `tensors` can tell the parameters before a framework has built the model."""

    @abstractmethod
    def tensors(self) -> Iterator[ExpectedParameter]:
        """The parameters that the model will have, known without a framework; all of them train.

        A conformance test holds them to what every backend lists of the live model.
        """

    @property
    def weights(self) -> int:
        """How many numbers the parameters hold."""
        return count_weights(self.tensors())


def count_weights(tensors: Iterable[ExpectedParameter]) -> int:
    """How many numbers these parameters hold."""
    return sum(prod(tensor.shape) for tensor in tensors)


def linear(name: str, out: int, into: int) -> Iterator[ExpectedParameter]:
    """The parameters of a Linear layer."""
    yield ExpectedParameter(f"{name}.weight", (out, into), "other")
    yield ExpectedParameter(f"{name}.bias", (out,), "other")


def norm(name: str, width: int) -> Iterator[ExpectedParameter]:
    """The parameters of a norm."""
    yield ExpectedParameter(f"{name}.weight", (width,), "norm")
    yield ExpectedParameter(f"{name}.bias", (width,), "norm")


def fresh_array(tensor: ParameterLike, *, seed: int, deviation: float) -> NDArray[np.float32]:
    """Initial values: 0 for a bias, 1 for a norm's weight, else normal(0, deviation).

    They depend on the seed and on the tensor's own name alone, so neither the order in which a
    backend lists parameters nor a tensor more or less changes the others. `RandomState`'s stream is
    the one numpy promises never to change.
    """
    if tensor.name.endswith("bias"):
        return np.zeros(tensor.shape, np.float32)
    if tensor.kind == "norm":
        return np.ones(tensor.shape, np.float32)
    entropy = np.random.SeedSequence([seed, crc32(tensor.name.encode())])
    random = np.random.RandomState(np.random.MT19937(entropy))
    values: NDArray[np.float32] = (random.standard_normal(tensor.shape) * deviation).astype(
        np.float32
    )
    return values


def fresh_weights(
    parameters: Sequence[ParameterLike], *, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Canonical name -> initial weights: a norm's weight 1, biases 0, embeddings normal(0, 0.02),
    all else normal(0, 1 / sqrt(numbers that one output is the sum of))."""
    return {
        p.name: fresh_array(
            p, seed=seed, deviation=0.02 if p.kind == "embedding" else prod(p.shape[1:]) ** -0.5
        )
        for p in sorted(parameters, key=lambda p: p.name)
    }
