"""What is off alike in a whole tensor: in proportion to its weights, or to their step.

One weight's rounding hides a decay or a rate that is off by less; the mean of many does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualtrain.lockstep._rule_held import Held

__all__ = ["Slope", "rounded_alone", "slope"]

Floats = NDArray[np.float64]

NOISE = 3.0**-0.5
"""Standard deviation of an honest residual, in bounds of its error: at most, of one rounding."""

SURE = 6.0
"""Standard errors that are no proof. A run has 10,000 slopes and more: at 3 an honest one was
called different."""

LITTLE = 0.01
"""What a factor may leave, where eps beside the root is in the same step."""


@dataclass(frozen=True)
class Slope:
    """By what factor residuals grow along a quantity."""

    value: float
    spread: float
    """Its standard error, if the residuals are roundings."""
    rest: float
    """Root mean square of what the quantity leaves of the residuals, in bounds of their errors."""
    whole: float
    """The same of the residuals themselves."""

    @property
    def is_all(self) -> bool:
        """Whether what is left is honest rounding."""
        return self.rest <= 1.0

    @property
    def is_most(self) -> bool:
        """Whether what is left is that, or next to nothing."""
        return self.rest <= max(1.0, LITTLE * self.whole)

    @property
    def sure(self) -> float:
        """What is left of its size beyond what is no proof."""
        return max(abs(self.value) - SURE * self.spread, 0.0)


def slope(
    found: Held,
    along: Floats,
    beside: Floats | None = None,
    *,
    still: Floats | None = None,
    alone: float = 1.0,
) -> Slope:
    """Least squares, each residual weighted by its error.

    beside: a quantity of which `along` is freed first, so that what goes with it does not count.
    still: the error of what honestly stands still to the bit, once it does move.
    alone: the share of numbers that are rounded each by itself, see `rounded_alone`.
    """
    error = found.error if still is None else np.where(found.error == 0.0, still, found.error)
    use = found.judged & (error > 0.0) & np.isfinite(found.residual)
    weight = 1.0 / error[use]
    residual, x = found.residual[use] * weight, along[use] * weight
    if beside is not None:
        y = beside[use] * weight
        square = float(y @ y)
        if square > 0.0:
            free = x - (x @ y) / square * y
            x = free if float(free @ free) > 1e-6 * float(x @ x) else np.zeros_like(x)
            residual = residual - (residual @ y) / square * y
    square = float(x @ x)
    if square == 0.0:
        return Slope(0.0, np.inf, np.inf, np.inf)
    value = float(residual @ x) / square
    rest, whole = (float(np.sqrt(np.mean(r**2))) for r in (residual - value * x, residual))
    return Slope(value, NOISE / (square * alone) ** 0.5, rest, whole)


def rounded_alone(values: Floats, unit: float) -> float:
    """The share of different numbers among some: equal ones are rounded alike, and their mean as
    they are. At the first update of Adam norms of 1 all become 1 - lr or 1 + lr.

    unit: half an ULP of 1; numbers within half an ULP of each other count as equal.

    >>> float(rounded_alone(np.array([1.0, 1.0, 1.0 + 1e-12, 2.0]), 2.0**-24))
    0.5
    """
    fraction, exponent = np.frexp(values)
    return np.unique(np.ldexp(np.round(fraction / unit), exponent)).size / max(values.size, 1)
