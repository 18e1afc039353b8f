"""Weights moved in their last place: the least that two honest computations may be apart by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dualtrain.state import Arrays

__all__ = ["PLACES", "nudged", "ulp"]

PLACES: Mapping[str, int] = {"bfloat16": 7, "float16": 10, "float32": 23, "float64": 52}
"""Type -> the binary places of its numbers behind the first one."""


def ulp(array: NDArray[np.float32], dtype: str = "float32") -> NDArray[np.float32]:
    """One unit in the last place of a type, at each number; above 0 at 0, too.

    >>> float(ulp(np.float32(1.5))), float(ulp(np.float32(1.5), "bfloat16"))
    (1.1920928955078125e-07, 0.0078125)
    """
    _, exponents = np.frexp(np.maximum(np.abs(array), np.finfo(np.float32).tiny))
    steps: NDArray[np.float32] = np.ldexp(np.float32(1), exponents - 1 - PLACES[dtype])
    return steps


def nudged(arrays: Arrays, *, seed: int, ulps: int = 1, dtype: str = "float32") -> Arrays:
    """Every number moved up or down, at random, by 1 to `ulps` units in the last place of a type.

    >>> nudged({"w": np.ones(3, np.float32)}, seed=1)["w"] - 1
    array([-1.1920929e-07,  1.1920929e-07,  1.1920929e-07], dtype=float32)
    """
    random = np.random.default_rng(seed)
    return {
        name: arrays[name] + _steps(random, arrays[name].shape, ulps) * ulp(arrays[name], dtype)
        for name in sorted(arrays)
    }


def _steps(random: np.random.Generator, shape: tuple[int, ...], ulps: int) -> NDArray[np.float32]:
    sizes = random.integers(1, ulps, shape, endpoint=True)
    return (sizes * random.choice((-1, 1), shape)).astype(np.float32)
