"""Where something stands: a file of what is read, and a line of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Place"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file; `file` as it is named from the folder that is read.

    >>> str(Place("train.py", 3)), str(Place("the command line", 0))
    ('train.py:3', 'the command line')
    """

    file: str
    line: int
    """Counted from 1; 0 where there are no lines, as in a command that was given."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file
