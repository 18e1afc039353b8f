"""Weights as a safetensors file, whose names and layout transformers reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualtrain.aside import write_aside

__all__ = ["save_weights"]


def save_weights(path: Path, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Write arrays, canonical names and layout, as a safetensors file."""
    from safetensors.numpy import save_file

    with write_aside(path) as temporary:
        save_file(
            {name: np.asarray(array, order="C") for name, array in weights.items()},
            temporary,
            metadata={"format": "pt"},  # transformers asks whose layout the tensors have
        )
