"""Weights as a safetensors file, whose names and layout transformers reads."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualtrain.aside import write_aside

__all__ = ["save_weights"]

_SYSTEM = re.compile(r"\(os error (\d+)\)")


def save_weights(path: Path, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Write arrays, canonical names and layout, as a safetensors file.

    Raises `OSError`, of `path`, where it cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    with write_aside(path) as temporary:
        try:
            save_file(
                {name: np.ascontiguousarray(array) for name, array in weights.items()},
                temporary,
                metadata={"format": "pt"},  # transformers asks whose layout the tensors have
            )
        except SafetensorError as error:
            found = _SYSTEM.search(str(error))
            if found is None:
                raise
            number = int(found[1])
            raise OSError(number, os.strerror(number), str(path)) from None
