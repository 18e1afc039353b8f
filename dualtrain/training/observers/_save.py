"""Weights as a safetensors file, whose names and layout transformers reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualtrain.aside import save_arrays

__all__ = ["save_weights", "weights_size"]


def save_weights(path: Path, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Write arrays, canonical names and layout, as a safetensors file."""
    arrays = {name: np.asarray(array, order="C") for name, array in weights.items()}
    save_arrays(path, arrays, {"format": "pt"})  # transformers asks whose layout the tensors have


def weights_size(shapes: Iterable[tuple[int, ...]]) -> int:
    """Bytes of the file, but for its header.

    >>> weights_size([(2, 3), (3,)])
    36
    """
    return sum(np.dtype(np.float32).itemsize * math.prod(shape) for shape in shapes)
