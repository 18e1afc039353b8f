"""Numbers as rounding arithmetic may have them: the exact value, and how far an honest one is off.

A running error analysis. The one text of a rule, given these in place of arrays, says what the rule
gives and, element by element, how far any evaluation in floating point may lie from it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.optimizers import NUMPY, Arithmetic

__all__ = ["DOUBLE", "MIXED", "SINGLE", "Precision", "Rounded", "arithmetic", "precision_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Precision:
    """A type of floating point."""

    unit: float
    """Half the distance of 1 to the next number: what one rounding is off at most, relatively."""
    tiny: float
    """Half the distance between its smallest numbers: what underflow is off at most."""
    largest: float
    entry: float
    """What a number of Python's is off at most, relatively, when it enters."""

    @property
    def normal(self) -> float:
        """The smallest number that has all its digits."""
        return self.tiny / self.unit

    def holds(self, number: float) -> bool:
        """Whether a number enters as it is: those of this type; of two types, whole ones alone."""
        if self.entry == self.unit:
            return self is DOUBLE or float(np.float32(number)) == number
        return float(number).is_integer()


SINGLE = Precision(
    unit=2.0**-24, tiny=2.0**-150, largest=float(np.finfo(np.float32).max), entry=2.0**-24
)
DOUBLE = Precision(
    unit=2.0**-53, tiny=2.0**-1074, largest=float(np.finfo(np.float64).max), entry=2.0**-53
)
MIXED = replace(DOUBLE, entry=SINGLE.unit)
"""Tensors in float64, for kernels that take their numbers in float32."""


def precision_of(array: NDArray[Any]) -> Precision:
    """That in which a framework computes with an array's numbers."""
    return DOUBLE if array.dtype == np.float64 else SINGLE


class Rounded:
    """An array, or one number: exact values, and bounds on the errors of any honest evaluation.

    Each operation rounds its result once, and passes on the errors of what it is given. A number
    of Python's is rounded when it enters. Where an honest evaluation may give anything (it divides
    by what may be 0, it overflows) the error is infinite.

    >>> third = Rounded(np.array([1.0]), 0.0, SINGLE) / 3.0
    >>> float(third.value[0]), float(third.error[0] / SINGLE.unit)
    (0.3333333333333333, 0.3333333333333333)
    """

    __array_ufunc__ = None  # let numpy leave the operators to this class
    __slots__ = ("error", "precision", "value")

    def __init__(self, value: Floats, error: Any, precision: Precision) -> None:
        self.value, self.error, self.precision = value, error, precision

    def _rounded(self, value: Floats, inherited: Any) -> Rounded:
        """A result: that of this value, rounded."""
        of, size = self.precision, np.abs(value)
        own = of.unit * size
        inexact = (size != 0.0) if inherited is EXACT else (size != 0.0) | (inherited != 0.0)
        error = own + of.tiny * inexact + inherited
        error = np.where(size + error <= of.largest, error, np.inf)
        return Rounded(value, error, of)

    def _other(self, other: Any) -> Rounded:
        if isinstance(other, Rounded):
            return other
        number = float(other)
        of = self.precision
        error = EXACT if of.holds(number) else np.float64(of.entry * abs(number) + of.tiny)
        return Rounded(np.float64(number), error, of)  # type: ignore[arg-type]

    def __add__(self, other: Any) -> Rounded:
        b = self._other(other)
        result = self._rounded(self.value + b.value, _sum(self.error, b.error))
        for zero, kept in ((self, b), (b, self)):  # a sum with 0 is not rounded
            still = (zero.value == 0.0) & (zero.error == 0.0)
            if still.any():
                result.error = np.where(still, kept.error, result.error)
        return result

    __radd__ = __add__

    def __neg__(self) -> Rounded:
        return Rounded(-self.value, self.error, self.precision)

    def __sub__(self, other: Any) -> Rounded:
        return self + (-self._other(other))

    def __rsub__(self, other: Any) -> Rounded:
        return self._other(other) + (-self)

    def __mul__(self, other: Any) -> Rounded:
        b = self._other(other)
        if b.value.ndim == 0 and b.error is EXACT and abs(b.value) == 1.0:
            return Rounded(self.value * b.value, self.error, self.precision)
        if self.error is EXACT and b.error is EXACT:
            return self._rounded(self.value * b.value, EXACT)
        inherited = np.abs(self.value) * b.error + np.abs(b.value) * self.error
        return self._rounded(self.value * b.value, inherited + self.error * b.error)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Rounded:
        b = self._other(other)
        size = np.abs(b.value)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = self.value / b.value
            inherited: Any = (self.error + np.abs(value) * b.error) / (size - b.error)
        sure = size > b.error
        result = self._rounded(np.where(sure, value, 0.0), np.where(sure, inherited, np.inf))
        return result

    def __rtruediv__(self, other: Any) -> Rounded:
        return self._other(other) / self

    def __pow__(self, exponent: float) -> Rounded:
        """Of positive numbers that are far from 0."""
        value = self.value**exponent
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(self.value == 0.0, 0.0, abs(exponent) * value / self.value)
        return self._rounded(value, slope * self.error + self.precision.unit * np.abs(value))

    def __gt__(self, number: float) -> _Truth:
        above = self.value - self.error > number
        return _Truth(self.value > number, above != (self.value + self.error > number))

    def __lt__(self, number: float) -> _Truth:
        return -self > -number

    def __le__(self, number: float) -> bool:
        """Of one number; as its exact value is."""
        return bool(self.value <= number)

    def plain(self) -> tuple[Floats, Floats]:
        """Values and errors, of one shape."""
        return self.value, np.broadcast_to(np.asarray(self.error, np.float64), self.value.shape)


EXACT: Any = np.float64(0.0)
"""The error of what was given; told by its identity, which spares the sums with it."""


@dataclass(frozen=True)
class _Truth:
    """Of each element: whether something holds, and whether rounding could decide otherwise."""

    holds: NDArray[np.bool_]
    doubt: NDArray[np.bool_]


def _sum(a: Any, b: Any) -> Any:
    if a is EXACT:
        return b
    return a if b is EXACT else a + b


def _sqrt(x: Rounded) -> Rounded:
    """By the ends of what x may be, for at 0 its slope has none.

    What may be below 0 by more than underflow gives no number.
    """
    low, high = x.value - x.error, x.value + x.error
    root = np.sqrt(np.maximum(x.value, 0.0))
    off = np.maximum(np.sqrt(np.maximum(high, 0.0)) - root, root - np.sqrt(np.maximum(low, 0.0)))
    off = np.where(low < -(2.0**50) * x.precision.tiny, np.inf, off)
    return x._rounded(root, off)


def _sign(x: Rounded) -> Rounded:
    doubt = (np.abs(x.value) <= x.error) & (x.error != 0.0)
    sign = np.sign(x.value)
    return Rounded(sign, np.where(doubt, 1.0 + np.abs(sign), 0.0), x.precision)


def _clip(x: Rounded, low: float, high: float) -> Rounded:
    return x._rounded(np.clip(x.value, low, high), x.error)


def _where(truth: _Truth, a: Any, b: Any) -> Rounded:
    of = a if isinstance(a, Rounded) else b
    a, b = of._other(a), of._other(b)
    value = np.where(truth.holds, a.value, b.value)
    error = np.where(truth.holds, a.error, b.error)
    other = np.abs(a.value - b.value) + a.error + b.error
    return Rounded(value, np.where(truth.doubt, other, error), of.precision)


def _maximum(a: Rounded, b: Rounded) -> Rounded:
    return Rounded(np.maximum(a.value, b.value), np.maximum(a.error, b.error), a.precision)


def _norm(x: Rounded) -> Rounded:
    """The errors of the elements, and those of their sum.

    sums are over blocks, or over a few lanes: no more than so many roundings one after another.
    """
    value, error = x.plain()
    norm = np.float64(np.linalg.norm(value))
    summed = x.precision.unit * (2.0 + value.size**0.5 / 8.0) * norm
    return x._rounded(norm, np.linalg.norm(error) + summed)  # type: ignore[arg-type]


def _ratio(a: Rounded, b: Rounded) -> Rounded:
    """1 where one of them is 0; nothing where rounding decides whether it is."""
    if any(x.value == 0.0 and x.error == 0.0 for x in (a, b)):
        return Rounded(np.array(1.0), EXACT, a.precision)
    return a / b if a.value > a.error else Rounded(np.array(1.0), np.inf, a.precision)


def arithmetic(precision: Precision, held: Callable[..., Any]) -> Arithmetic:
    """The verbs over `Rounded`; held: what `Arithmetic` says of it."""
    own: dict[str, Callable[..., Any]] = {
        "held": held,
        "zeros": lambda x: Rounded(np.zeros_like(x.value), EXACT, precision),
        "sqrt": _sqrt,
        "sqrt_": _sqrt,
        "abs": lambda x: Rounded(np.abs(x.value), x.error, precision),
        "sign": _sign,
        "clip": _clip,
        "where": _where,
        "norm": _norm,
        "ratio": _ratio,
        "maximum_": _maximum,
        "add": operator.add,
        "add_": operator.add,
        "multiply_": operator.mul,
        "divide_": operator.truediv,
    }
    return replace(NUMPY, **own)
