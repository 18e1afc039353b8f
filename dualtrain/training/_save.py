"""Weights as a safetensors file, whose names and layout transformers reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualtrain.aside import save_arrays

__all__ = ["save_weights"]


def save_weights(path: Path, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Write arrays, canonical names and layout, as a safetensors file."""
    arrays = {name: np.asarray(array, order="C") for name, array in weights.items()}
    save_arrays(path, arrays, {"format": "pt"})  # transformers asks whose layout the tensors have
