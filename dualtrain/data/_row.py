"""What every reader of a file format yields."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DataRow"]


class DataRow(NamedTuple):
    """The cells that a task needs, and the line they start on, counted from 1."""

    line: int
    cells: tuple[str, ...]
    """In the order of the columns that were asked for."""
