"""What a kind of model in the zoo is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SAMPLES", "VOCABULARY", "Arrays", "Breed", "sentences"]

Arrays = dict[str, NDArray[Any]]

SAMPLES = 8
"""In a micro-batch."""
VOCABULARY = 40
"""Tokens; 0 and 1 are special."""


@dataclass(frozen=True, kw_only=True)
class Breed:
    """How a model is built on each side, and what it is trained on."""

    in_torch: Callable[[], Any]
    in_paddle: Callable[[], Any]
    batch: Callable[[np.random.Generator], Arrays]
    """A micro-batch: the model's inputs by keyword, and `labels`."""
    exclude: tuple[str, ...] = ("bias", "norm")
    """Roles without decay; only those that the model has."""


def sentences(random: np.random.Generator, length: int) -> NDArray[np.int64]:
    """Token ids from 2, (SAMPLES, length): each follows from the one before, 3 times in 4."""
    tokens = random.integers(2, VOCABULARY, (SAMPLES, length))
    follows = random.random((SAMPLES, length)) < 0.75
    for position in range(1, length):
        expected = 2 + (3 * tokens[:, position - 1] + 1) % (VOCABULARY - 2)
        tokens[:, position] = np.where(follows[:, position], expected, tokens[:, position])
    return tokens
