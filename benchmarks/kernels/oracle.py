"""The right values: a formula in float64, its derivatives by a complex step, what rounding may do.

d f / d x = Im f(x + ih) / h, with h = 1e-100: no difference is taken, so nothing cancels, and the
derivative is as exact as the formula (Squire and Trapp, 1998).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.kernels._case import Array, Inputs

__all__ = ["EPS", "LARGEST", "Derivative", "derivatives", "outputs", "rounded"]

STEP = 1e-100
EPS = {"float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}
"""The distance from 1 to the next number."""
LARGEST = {"float32": 3.4028235e38, "bfloat16": 3.3895314e38, "float16": 65504.0}

Formula = Callable[..., Any]


class Derivative(NamedTuple):
    """dL/dx at some of the elements of x."""

    where: Array
    """Flat indices."""
    values: Array


def rounded(array: Array, dtype: str) -> Array:
    """The nearest numbers of the type, ties to even, as float64."""
    if dtype == "bfloat16":
        bits: Array = array.astype(np.float32).view(np.uint32).astype(np.uint64)
        bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
        special = ~np.isfinite(array)
        near = bits.astype(np.uint32).view(np.float32).astype(np.float64)
        return np.where(special, array, near)
    with np.errstate(over="ignore"):
        return array.astype(dtype).astype(np.float64)


def outputs(formula: Formula, inputs: Inputs, settings: Mapping[str, Any]) -> list[Array]:
    """What the formula gives, as a list."""
    found = formula(*inputs.values(), **settings)
    return list(found) if isinstance(found, (tuple, list)) else [found]


def derivatives(
    formula: Formula,
    inputs: Inputs,
    settings: Mapping[str, Any],
    names: Sequence[str],
    upstream: Sequence[Array],
    most: int,
) -> dict[str, Derivative]:
    """dL/dx for L = sum(upstream x outputs), at `most` elements of each input, or all of fewer."""
    found = {}
    for name in names:
        size = inputs[name].size
        where = np.random.default_rng(size).permutation(size)[:most]
        found[name] = Derivative(
            where, np.array([_slope(formula, inputs, settings, name, i, upstream) for i in where])
        )
    return found


def _slope(
    formula: Formula,
    inputs: Inputs,
    settings: Mapping[str, Any],
    name: str,
    index: int,
    upstream: Sequence[Array],
) -> float:
    moved = inputs[name].astype(np.complex128)
    moved.flat[index] += 1j * STEP
    with np.errstate(all="ignore"):
        after = outputs(formula, inputs | {name: moved}, settings)
    return sum(float((u * o.imag).sum()) for u, o in zip(upstream, after, strict=True)) / STEP
