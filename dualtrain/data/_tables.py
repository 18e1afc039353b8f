"""A data file as texts and labels: CSV, TSV or JSON Lines, in UTF-8.

`_delimited.py` and `_json_lines.py` split a file into rows; what a text and a label may be is
decided here, once for all three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dualtrain.data._delimited import read_csv, read_tsv
from dualtrain.data._json_lines import read_json_lines
from dualtrain.data._refusal import refusal, shown
from dualtrain.data._row import Row

__all__ = ["Table", "read_table"]

Reader = Callable[[str, Path, tuple[str, str]], Iterator[Row]]

_READERS: dict[str, Reader] = {".csv": read_csv, ".tsv": read_tsv, ".jsonl": read_json_lines}


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of one data file, in its order; the three lists are equally long."""

    path: Path
    texts: list[str]
    labels: list[str]
    lines: list[int]
    """The line each row starts on, counted from 1: for messages."""


def read_table(path: Path, *, text: str, label: str) -> Table:
    """The columns `text` and `label` of a .csv, .tsv or .jsonl file.

    A file may begin with a byte order mark; lines with nothing in them are not rows. Texts are
    taken as they stand. A label is a class's name, so white space around it is refused.

    Raises `DataError` with file, line and column for the first thing that is wrong.

    >>> read_table(Path("train.csv"), text="text", label="label").labels
    ['neg', 'pos']
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise refusal("must end in .csv, .tsv or .jsonl", path=path, received=shown(path.suffix))
    rows = list(reader(_decode(path), path, (text, label)))
    for row in rows:
        _check_cell(row.text, path=path, line=row.line, column=text)
        _check_cell(row.label, path=path, line=row.line, column=label)
        if row.label != row.label.strip():
            raise refusal(
                "must not begin or end with white space",
                path=path,
                line=row.line,
                column=label,
                received=shown(row.label),
            )
    return Table(
        path=path,
        texts=[row.text for row in rows],
        labels=[row.label for row in rows],
        lines=[row.line for row in rows],
    )


def _decode(path: Path) -> str:
    """The whole file as text, without its byte order mark."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise refusal(
            "must be a file that can be read", path=path, received=str(error.strerror)
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


def _check_cell(cell: str, *, path: Path, line: int, column: str) -> None:
    if not cell.strip():
        rule = "must not be empty"
    elif "\0" in cell:  # "\u0000" in JSON
        rule = "must not contain NUL"
    elif any("\ud800" <= character <= "\udfff" for character in cell):  # "\ud800" in JSON
        rule = "must be Unicode text, without lone surrogates"
    else:
        return
    raise refusal(rule, path=path, line=line, column=column, received=shown(cell))
