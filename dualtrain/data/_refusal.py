"""How this room words a refusal: file, line, column, the rule, what was received."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from dualtrain.errors import DataError, Problem

__all__ = ["missing_column", "refusal", "shown"]

LONGEST = 60
"""Characters of a value that a message repeats."""


def refusal(
    rule: str,
    *,
    path: Path,
    line: int | None = None,
    column: str | None = None,
    received: str | None = None,
) -> DataError:
    """A `DataError` that says where: `path:line: column 'text': rule. Received: ...`."""
    where = f"column {column!r}" if column is not None else ""
    return DataError(
        str(Problem(where=where, rule=rule, received=received, file=str(path), line=line))
    )


def missing_column(column: str, there: Sequence[str], *, path: Path, line: int) -> DataError:
    """The refusal of a file or a row without `column`; names what is there, and the nearest."""
    near = difflib.get_close_matches(column, there, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return refusal(
        f"must have a column {column!r}",
        path=path,
        line=line,
        received=f"{', '.join(map(repr, there)) or 'none'}{hint}",
    )


def shown(value: object) -> str:
    """A value as a message repeats it: its `repr`, cut at 60 characters."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
