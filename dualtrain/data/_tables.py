"""A data file as columns of cells: CSV, TSV or JSON Lines, in UTF-8.

`_delimited.py` and `_json_lines.py` split a file into rows, `_columns.py` says what a cell may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dualtrain.data._columns import Column
from dualtrain.data._delimited import read_csv, read_tsv
from dualtrain.data._json_lines import read_json_lines
from dualtrain.data._refusal import refusal
from dualtrain.data._row import DataRow
from dualtrain.files import read_bytes, reason
from dualtrain.printable import shown

__all__ = ["DataTable", "read_table", "read_utf8"]

Reader = Callable[[str, Path, Sequence[Column]], Iterator[DataRow]]

_READERS: dict[str, Reader] = {".csv": read_csv, ".tsv": read_tsv, ".jsonl": read_json_lines}


@dataclass(frozen=True, kw_only=True)
class DataTable:
    """The rows of one data file, in its order; all lists are equally long."""

    path: Path
    cells: tuple[list[str], ...]
    """The cells of each column that was asked for, in the order they were asked for."""
    lines: list[int]
    """The line each row starts on, counted from 1: for messages."""

    def __len__(self) -> int:
        return len(self.lines)


def read_table(path: Path, columns: Sequence[Column]) -> DataTable:
    """These columns (one or more) of a .csv, .tsv or .jsonl file.

    A file may begin with a byte order mark; lines with nothing in them are not rows. Cells are
    taken as they stand; those that are not of their column's kind are refused.

    Raises `DataError` with file, line and column for the first thing that is wrong.

    >>> read_table(Path("train.csv"), [Column("label", "name")]).cells
    (['neg', 'pos'],)
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise refusal("must end in .csv, .tsv or .jsonl", path=path, received=shown(path.suffix))
    rows = list(reader(read_utf8(path), path, columns))
    for row in rows:
        for column, cell in zip(columns, row.cells, strict=True):
            column.check(cell, path=path, line=row.line)
    return DataTable(
        path=path,
        cells=tuple([row.cells[place] for row in rows] for place in range(len(columns))),
        lines=[row.line for row in rows],
    )


def read_utf8(path: Path) -> str:
    """The whole file as text, without its byte order mark.

    Raises `DataError` for one that cannot be read, is not in UTF-8, or holds what is no text.
    """
    try:
        data = read_bytes(path)
    except OSError as error:
        raise refusal(
            "must be a file that can be read", path=path, received=reason(error)
        ) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start + len(data) - len(error.object)  # `object` lacks the mark, if there is one
        raise refusal(
            "must be text in UTF-8; save it as UTF-8",
            path=path,
            line=_line_of(data, at),
            received=f"byte {data[at]:#04x} at offset {at}",
        ) from None
    if not text.strip():
        raise refusal("is empty", path=path)
    if "\0" in text:
        at = data.index(b"\0")
        raise refusal(
            "must not contain NUL",
            path=path,
            line=_line_of(data, at),
            received=f"byte 0x00 at offset {at}",
        )
    return text


def _line_of(data: bytes, at: int) -> int:
    return len((data[:at] + b"x").splitlines())
