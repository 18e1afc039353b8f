"""A curve as text: braille characters, two by four dots each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["chart"]

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Braille dot bits by row and column within a character."""
_BLANK = 0x2800


def chart(
    values: NDArray[np.float64], *, top: float, length: int, width: int = 64, height: int = 12
) -> str:
    """Draw values >= 0 at t = 0, 1, ... on axes that go to `top` and to t = `length` - 1.

    Several charts with the same `top` and `length` can be compared by eye.
    """
    canvas = np.full((height, width), _BLANK)
    for row, column in _dots(values, top, length, 2 * width, 4 * height):
        canvas[row // 4, column // 2] |= _DOTS[row % 4][column % 2]
    labels = {0: f"{top:.3g}", height - 1: "0"}
    margin = max(map(len, labels.values()))
    lines = [
        f"{labels.get(i, ''):>{margin}} {'┤' if i in labels else '│'}{''.join(map(chr, row))}"
        for i, row in enumerate(canvas)
    ]
    last = str(length - 1)
    lines += [" " * margin + " └" + "─" * width, " " * margin + f"  0{last:>{width - 1}}"]
    return "\n".join(line.rstrip(chr(_BLANK) + " ") for line in lines)


def _dots(
    values: NDArray[np.float64], top: float, length: int, columns: int, rows: int
) -> Iterator[tuple[int, int]]:
    """(row, column) of every dot; neighbouring columns are joined, so that steps show."""
    end = max(1, length - 1)
    drawn = 1 + (len(values) - 1) * (columns - 1) // end
    at = np.interp(np.arange(drawn) * end / (columns - 1), np.arange(len(values)), values)
    levels = np.rint((1 - at / top) * (rows - 1)).astype(int)
    for column, (before, here) in enumerate(zip([levels[0], *levels[:-1]], levels, strict=True)):
        low, high = sorted((int(before), int(here)))
        start = low if here == low else low + 1
        stop = high if here == high else high - 1
        for row in range(start, stop + 1):
            yield row, column
