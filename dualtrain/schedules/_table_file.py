"""The file of a table: its points as CSV or JSON."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from dualtrain.files import parse_json, read_bytes, reason

__all__ = ["read_table"]


def read_table(path: Path, name: str) -> dict[str, Any]:
    """What a table's file has: `multipliers` and perhaps `at`."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"file must be readable: {reason(error)}. Received: {name!r}") from None
    except UnicodeDecodeError:
        raise ValueError(f"file must be text in UTF-8. Received: {name!r}") from None
    match path.suffix.lower():
        case ".csv":
            return _columns(text, name)
        case ".json":
            try:
                found = parse_json(text)
            except ValueError as error:
                raise ValueError(f"file must be JSON: {error}. Received: {name!r}") from None
            if not isinstance(found, dict) or not {"multipliers"} <= found.keys() <= {
                "multipliers",
                "at",
            }:
                raise ValueError(
                    "file must be a JSON object of multipliers, and at if wanted. "
                    f"Received: {name!r}"
                )
            return found
    raise ValueError(f"file must end in .csv or .json. Received: {name!r}")


def _columns(text: str, name: str) -> dict[str, Any]:
    rows = [row for row in csv.reader(text.splitlines()) if row]
    header = [cell.strip() for cell in rows[0]] if rows else []
    if sorted(header) not in (["multiplier"], ["at", "multiplier"]):
        raise ValueError(
            f"file must have a header of multiplier, and at if wanted. Received: {name!r}, {header}"
        )
    kinds = {"at": int, "multiplier": float}
    columns: dict[str, list[float]] = {column: [] for column in header}
    for number, row in enumerate(rows[1:], 2):
        try:
            for column, cell in zip(header, row, strict=True):
                columns[column].append(kinds[column](cell))
        except ValueError:
            raise ValueError(
                f"file must have a number in each column, row {number}. Received: {name!r}, {row}"
            ) from None
    return {
        "multipliers" if column == "multiplier" else column: of for column, of in columns.items()
    }
