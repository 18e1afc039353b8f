"""JSON Lines: one JSON object on each line, with the two columns as keys.

A label may be text, or a whole number or a boolean, which becomes what JSON writes for it: 1 and
"1" are the same class, and so are true and "true". Everything else is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dualtrain.data._refusal import check_no_header, missing_column, refusal, shown
from dualtrain.data._row import Row

__all__ = ["read_json_lines"]


def read_json_lines(content: str, path: Path, columns: tuple[str, str]) -> Iterator[Row]:
    """The rows of a JSON Lines file's content; `columns`: the names of text and label."""
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            yield _row(_object(line, path, number), columns, path, number)


def _object(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise refusal("must be valid JSON", path=path, line=number, received=_what(error)) from None
    if not isinstance(value, dict):
        raise refusal("must be a JSON object", path=path, line=number, received=shown(value))
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} twice")
    return found


def _what(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}, at character {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _row(value: dict[str, Any], columns: tuple[str, str], path: Path, line: int) -> Row:
    for column in columns:
        if column not in value:
            raise missing_column(column, list(value), path=path, line=line)
    text, label = (value[column] for column in columns)
    if not isinstance(text, str):
        raise refusal(
            "must be a JSON string",
            path=path,
            line=line,
            column=columns[0],
            received=shown(text),
        )
    if isinstance(label, bool | int):
        label = json.dumps(label)
    if not isinstance(label, str):
        raise refusal(
            "must be a JSON string, a whole number or a boolean",
            path=path,
            line=line,
            column=columns[1],
            received=shown(label),
        )
    check_no_header({columns[0]: text, columns[1]: label}, columns, path=path, line=line)
    return Row(line, text, label)
