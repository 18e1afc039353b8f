"""How this room words a refusal: file, line, column, the rule, what was received."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from dualtrain.errors import DataError, Problem
from dualtrain.listing import listed
from dualtrain.printable import shown

__all__ = ["check_no_header", "missing_column", "refusal"]


def refusal(
    rule: str,
    *,
    path: Path,
    line: int | None = None,
    column: str | None = None,
    received: str | None = None,
) -> DataError:
    """A `DataError` that says where: `path:line: column 'text': rule. Received: ...`."""
    where = f"column {shown(column)}" if column is not None else ""
    return DataError(
        str(Problem(where=where, rule=rule, received=received, file=str(path), line=line))
    )


def missing_column(column: str, there: Sequence[str], *, path: Path, line: int) -> DataError:
    """The refusal of a file or a row without `column`; names what is there, and the nearest."""
    near = difflib.get_close_matches(column, there, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return refusal(
        f"must have a column {shown(column)}",
        path=path,
        line=line,
        received=f"{_several(there) or 'none'}{hint}",
    )


def check_no_header(
    row: Mapping[str, str], columns: Sequence[str], *, path: Path, line: int
) -> None:
    """Refuse a row that is a header again, its columns in this order or another.

    Files that were joined, `cat a.csv b.csv`, bring one each, and with it a byte order mark.

    row: column -> cell; columns: the names of those that are asked for.
    """
    names = [_bare(name) for name in row]
    if _bare(row[columns[-1]]) not in names:
        return
    if all(_bare(row[c]) == _bare(c) for c in columns) or sorted(
        _bare(cell) for cell in row.values()
    ) == sorted(names):
        raise refusal(
            "must not have the header again as a row: of files that are joined only the first "
            "keeps it. Take this line away",
            path=path,
            line=line,
            received=_several(list(row.values())),
        )


def _several(values: Sequence[str]) -> str:
    return listed([shown(value) for value in values], most=20)


def _bare(name: str) -> str:
    return name.strip("\ufeff \t").casefold()
