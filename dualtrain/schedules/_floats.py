"""Arrays of float64, and the C library's functions on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "cos", "exp", "power", "powers"]

Floats = NDArray[np.float64]


def cos(x: Floats) -> Floats:
    """The cosine of each element."""
    return _libm(math.cos, x)


def exp(x: Floats) -> Floats:
    """e to each element."""
    return _libm(math.exp, x)


def power(base: Floats, exponent: float) -> Floats:
    """Each element to one exponent."""
    return base if exponent == 1.0 else _libm(math.pow, base, repeat(exponent))


def powers(base: float, ascending: Floats) -> Floats:
    """One base to each exponent; the work is done once for those that stand together."""
    first = np.flatnonzero(np.diff(ascending, prepend=-1.0))
    runs = np.diff(first, append=len(ascending))
    values = map(math.pow, repeat(base), ascending[first].tolist())
    return np.repeat(np.fromiter(values, np.float64, len(first)), runs)


def _libm(function: Callable[..., float], x: Floats, *more: repeat[float]) -> Floats:
    """`function` of each element by the C library, as the frameworks' own Python code computes it.

    numpy's vector forms may differ in the last bit (seen: `power` on AVX-512, numpy 2.4).
    """
    values = memoryview(np.ascontiguousarray(x))  # type: ignore[arg-type]  # numpy 2.4: no Buffer
    return np.fromiter(map(function, values, *more), np.float64, len(x))
