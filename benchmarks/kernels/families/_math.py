"""Numpy, as far as it is differentiable by a complex step: what numpy decides by size, by parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.kernels._case import Array

__all__ = ["absolute", "clipped", "erf", "largest", "log_softmax", "maximum", "sigmoid", "softmax"]

_ERF = np.vectorize(math.erf, otypes=[np.float64])
_ERFC = np.vectorize(math.erfc, otypes=[np.float64])


def absolute(x: Array) -> Any:
    """|x|; its derivative at 0 is 0."""
    return x * np.sign(x.real)


def maximum(x: Array, y: Any) -> Any:
    """The larger; the second where they are equal."""
    return np.where(x.real > np.real(y), x, y)


def clipped(x: Array, low: float, high: float) -> Any:
    """x between the bounds, which have derivative 1 themselves."""
    inside = (x.real >= low) & (x.real <= high)
    return np.where(inside, x, np.clip(x.real, low, high))


def largest(x: Array, axis: int) -> Any:
    """The first largest along an axis."""
    index = np.expand_dims(x.real.argmax(axis), axis)
    return np.take_along_axis(x, index, axis).squeeze(axis)


def erf(x: Array) -> Any:
    """The error function, to first order in the imaginary part."""
    slope = 2 / math.sqrt(math.pi) * np.exp(-np.square(x.real))
    return _with_slope(x, _ERF(x.real), slope)


def erfc(x: Array) -> Any:
    """1 - erf(x), without cancellation."""
    slope = -2 / math.sqrt(math.pi) * np.exp(-np.square(x.real))
    return _with_slope(x, _ERFC(x.real), slope)


def sigmoid(x: Array) -> Any:
    """1 / (1 + exp(-x)), from whichever exponential does not overflow."""
    positive = x.real >= 0
    small = np.exp(np.where(positive, -x, x))
    return np.where(positive, 1.0, small) / (1.0 + small)


def softplus(x: Array) -> Any:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    positive = x.real >= 0
    small = np.exp(np.where(positive, -x, x))
    return np.where(positive, x, 0.0) + _log1p(small)


def _log1p(x: Array) -> Any:
    return _with_slope(x, np.log1p(x.real), 1 / (1 + x.real))


def log_softmax(x: Array, axis: int = -1) -> Any:
    """x - log sum exp x."""
    shifted = x - x.real.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def softmax(x: Array, axis: int = -1) -> Any:
    """exp x / sum exp x."""
    e = np.exp(x - x.real.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _with_slope(x: Array, value: Array, slope: Array) -> Any:
    return value + 1j * x.imag * slope if np.iscomplexobj(x) else value
