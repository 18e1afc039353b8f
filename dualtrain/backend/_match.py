"""Whether named arrays are the ones a model needs: exactly its names, exactly its shapes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import CheckpointError, Problem

__all__ = ["Shape", "check_weights", "mismatches"]

Shape = tuple[int, ...]


def check_weights(needed: Mapping[str, Shape], weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Raise `CheckpointError` naming each tensor that is missing, unexpected or of another shape.

    needed: canonical name -> shape in canonical layout. weights: what is to be loaded; float32.

    Stricter than paddle's `set_state_dict`, which skips what does not fit and warns.
    """
    problems = mismatches(needed, {name: array.shape for name, array in weights.items()})
    problems += [
        Problem(where=name, rule="weights are float32 arrays", received=str(array.dtype))
        for name, array in weights.items()
        if array.dtype != np.float32
    ]
    if problems:
        raise CheckpointError("\n".join(map(str, problems)))


def mismatches(needed: Mapping[str, Shape], received: Mapping[str, Shape]) -> list[Problem]:
    """One problem per name that is only on one side, or that has another shape; in name order."""
    problems = []
    for name in sorted({*needed, *received}):
        wanted, shape = needed.get(name), received.get(name)
        if wanted is None:
            rule = "the model has no tensor of this name"
        elif wanted != shape:
            rule = f"the model needs shape {wanted}"
        else:
            continue
        given = "nothing" if shape is None else f"shape {shape}"
        problems.append(Problem(where=name, rule=rule, received=given))
    return problems
