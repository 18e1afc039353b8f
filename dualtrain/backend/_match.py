"""Whether named arrays are the ones a model needs: exactly its names, exactly its shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import CheckpointError, Problem
from dualtrain.shapes import Shape, mismatches

__all__ = ["check_weights"]


def check_weights(
    needed: Mapping[str, Shape], weights: Mapping[str, NDArray[Any]], *, or_float64: bool = False
) -> None:
    """Raise `CheckpointError` naming each tensor that is missing, unexpected or of another shape.

    needed: canonical name -> shape in canonical layout. weights: what is to be loaded; float32.
    or_float64: a state has float64 too, where the model has.

    Stricter than paddle's `set_state_dict`, which skips what does not fit and warns.
    """
    problems = mismatches(needed, {name: array.shape for name, array in weights.items()})
    problems += [
        Problem(where=name, rule="weights are float32 arrays", received=str(array.dtype))
        for name, array in weights.items()
        if array.dtype not in ((np.float32, np.float64) if or_float64 else (np.float32,))
    ]
    if problems:
        raise CheckpointError("\n".join(map(str, problems)))
