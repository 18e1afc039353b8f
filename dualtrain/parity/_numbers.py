"""Distances between two recorded numbers; None stands for one that was not recorded.

Two equal non-finite values are 0 apart, and so are two None; against anything else they are inf.
"""

from __future__ import annotations

import math
import struct

__all__ = ["distance", "relative", "ulps"]


def distance(a: float | None, b: float | None) -> float:
    """|a - b|.

    >>> distance(1.0, 1.5), distance(math.nan, math.nan), distance(math.inf, 1.0)
    (0.5, 0.0, inf)
    """
    if _same(a, b):
        return 0.0
    if a is None or b is None or not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a - b)


def relative(a: float | None, b: float | None, *, floor: float) -> float:
    """|a - b| / max(|a|, |b|, floor): the same from both sides, and calm near 0."""
    apart = distance(a, b)
    if a is None or b is None or not math.isfinite(apart):
        return apart
    return apart / max(abs(a), abs(b), floor) if apart else 0.0


def ulps(a: float | None, b: float | None) -> float:
    """How many float64 steps lie between two numbers.

    >>> ulps(0.1 + 0.2, 0.3)
    1.0
    """
    if a is None or b is None or not math.isfinite(distance(a, b)) or _same(a, b):
        return distance(a, b)
    return float(abs(_rank(a) - _rank(b)))


def _same(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return a == b or (math.isnan(a) and math.isnan(b))


def _rank(value: float) -> int:
    """The position of a finite float64 among all; 0.0 and -0.0 are both 0."""
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)
