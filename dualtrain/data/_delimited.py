"""CSV and TSV: one header line, then as many cells in every row as in the header.

CSV is RFC 4180: a cell with a comma, a line end or a quote at its start stands in double quotes, a
quote in it is doubled. A quote within a cell that begins without one is a character, as every
reader takes it. TSV is as IANA registered it: no quoting, so a quote is a character like any other
and a cell holds neither tabs nor line ends.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from dualtrain.data._columns import Column
from dualtrain.data._refusal import check_no_header, missing_column, refusal
from dualtrain.data._row import DataRow
from dualtrain.printable import shown

__all__ = ["read_csv", "read_tsv"]


SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
"""What parts the cells in files that are found, the two that are read among them."""
ENDINGS = {",": ".csv", "\t": ".tsv"}
"""The file names that say so."""


class _Csv(csv.excel):
    strict = True  # a quote in the wrong place is an error, not a character


class _Tsv(csv.excel_tab):
    quoting = csv.QUOTE_NONE


def read_csv(content: str, path: Path, columns: Sequence[Column]) -> Iterator[DataRow]:
    """The rows of a CSV file's content, with the cells of these columns."""
    return _read(content, path, columns, _Csv)


def read_tsv(content: str, path: Path, columns: Sequence[Column]) -> Iterator[DataRow]:
    """The rows of a TSV file's content, with the cells of these columns."""
    return _read(content, path, columns, _Tsv)


def _read(
    content: str, path: Path, columns: Sequence[Column], dialect: type[csv.Dialect]
) -> Iterator[DataRow]:
    names = [column.name for column in columns]
    _check_separator(content, names, path, dialect)
    (line, header), *rows = _cells(content, path, dialect)
    _check_header(header, names, path, line)
    if not rows:
        raise refusal("must have rows below the header", path=path, received="none")
    places = [header.index(name) for name in names]
    for line, cells in rows:
        if len(cells) != len(header):
            raise refusal(
                f"must have as many cells as the header, {len(header)}",
                path=path,
                line=line,
                received=f"{len(cells)}, the first being {shown(cells[0])}",
            )
        check_no_header(dict(zip(header, cells, strict=True)), names, path=path, line=line)
        yield DataRow(line, tuple(cells[place] for place in places))


def _cells(content: str, path: Path, dialect: type[csv.Dialect]) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of each row that is not empty."""
    reader = csv.reader(io.StringIO(content, newline=""), dialect)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise refusal(
                f"must be well formed, each cell at most {csv.field_size_limit()} characters",
                path=path,
                line=line,
                received=str(error),
            ) from None
        if cells:
            yield line, cells


def _check_separator(
    content: str, columns: Sequence[str], path: Path, dialect: type[csv.Dialect]
) -> None:
    """Refuse a file whose header has the columns only if another character parts its cells."""
    numbered = enumerate(content.splitlines(), start=1)
    line, header = next((number, text) for number, text in numbered if text.strip())
    if set(columns) <= _names(header, dialect.delimiter):
        return
    for delimiter, name in SEPARATORS.items():
        if set(columns) <= _names(header, delimiter):
            own = SEPARATORS[dialect.delimiter]
            ending = ENDINGS.get(delimiter)
            raise refusal(
                f"must have {own} between its cells, as {path.suffix} says: "
                + (f"name the file {ending}" if ending else f"write it anew with {own}"),
                path=path,
                line=line,
                received=f"{name}, {shown(header)}",
            )


def _names(header: str, delimiter: str) -> set[str]:
    """The columns of a header line whose cells this character parts."""
    try:
        return {cell.strip() for cell in next(csv.reader([header], delimiter=delimiter))}
    except csv.Error:  # too long; the reader says so with its line
        return set()


def _check_header(header: list[str], columns: Sequence[str], path: Path, line: int) -> None:
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise refusal(
            "must give every column a name of its own",
            path=path,
            line=line,
            received=f"{shown(twice[0])} twice or more",
        )
    for column in columns:
        if column not in header:
            raise missing_column(column, header, path=path, line=line)
