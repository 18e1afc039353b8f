"""Numbers that a page states, measured on one machine, beside those of another.

Rounding differs from machine to machine: by its vector instructions, its threads, its libraries.
So a page keeps a number as long as a new measurement is of the same order, and writing it again
elsewhere changes nothing but what has changed.
"""

from __future__ import annotations

import math

__all__ = ["kept", "same_order"]


def same_order(measured: float, stated: float, *, rounding: float) -> bool:
    """Whether two numbers are at most half a power of ten apart, or both are rounding.

    rounding: up to here a number is nothing else.

    >>> same_order(2e-3, 4e-3, rounding=1e-6), same_order(1e-3, 4e-3, rounding=1e-6)
    (True, False)
    >>> same_order(0.0, 8e-7, rounding=1e-6)
    True
    """
    if max(measured, stated) <= rounding:
        return True
    return min(measured, stated) > 0 and abs(math.log10(measured / stated)) <= 0.5


def kept(measured: float, stated: float | None, *, rounding: float) -> float:
    """What a page says from now on: what it says, unless the new number is of another order.

    stated: None where the page says nothing yet.
    """
    if stated is not None and same_order(measured, stated, rounding=rounding):
        return stated
    return measured
