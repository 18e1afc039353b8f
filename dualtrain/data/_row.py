"""What every reader of a file format yields."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Row"]


class Row(NamedTuple):
    """The two cells that a task needs, and the line they start on, counted from 1."""

    line: int
    text: str
    label: str
