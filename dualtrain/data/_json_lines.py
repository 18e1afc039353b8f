"""JSON Lines: one JSON object on each line, with the columns as keys.

The name of a class may be text, or a whole number or a boolean, which becomes what JSON writes for
it: 1 and "1" are the same class, and so are true and "true". `_columns.py` has the other kinds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dualtrain.data._columns import Column
from dualtrain.data._refusal import check_no_header, missing_column, refusal
from dualtrain.data._row import DataRow
from dualtrain.files import parse_json
from dualtrain.printable import shown

__all__ = ["json_objects", "read_json_lines"]


def read_json_lines(content: str, path: Path, columns: Sequence[Column]) -> Iterator[DataRow]:
    """The rows of a JSON Lines file's content, with the cells of these columns."""
    for number, value in json_objects(content, path):
        yield _row(value, columns, path, number)


def json_objects(content: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON Lines file's content, each with its line; empty lines are none.

    Raises `DataError` for a line that is anything else.
    """
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            yield number, _object(line, path, number)


def _object(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        value = parse_json(line)
    except ValueError as error:
        raise refusal("must be valid JSON", path=path, line=number, received=_what(error)) from None
    if not isinstance(value, dict):
        raise refusal("must be a JSON object", path=path, line=number, received=shown(value))
    return value


def _what(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}, at character {error.colno}"
    return str(error)


def _row(value: dict[str, Any], columns: Sequence[Column], path: Path, line: int) -> DataRow:
    names = [column.name for column in columns]
    for name in names:
        if name not in value:
            raise missing_column(name, list(value), path=path, line=line)
    cells = tuple(column.from_json(value[column.name], path=path, line=line) for column in columns)
    check_no_header(dict(zip(names, cells, strict=True)), names, path=path, line=line)
    return DataRow(line, cells)
