"""The columns that a task asks of a table, and what a cell of each kind may be."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dualtrain.data._refusal import refusal
from dualtrain.printable import shown

__all__ = ["Column"]

CellKind = Literal["text", "name", "number"]
"""Any text; the name of a class; a finite number that float32 holds."""

_IN_JSON: dict[CellKind, str] = {
    "text": "must be a JSON string",
    "name": "must be a JSON string, a whole number or a boolean",
    "number": "must be a JSON number",
}
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LARGEST = 3.4028234663852886e38
"""Of float32, in which models compute."""


@dataclass(frozen=True)
class Column:
    """One column: its name in the file's header, and the kind of its cells."""

    name: str
    kind: CellKind

    def from_json(self, value: Any, *, path: Path, line: int) -> str:
        """A JSON value as the cell that a CSV file has for it; `DataError` for another type."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if isinstance(value, str) and self.kind != "number":
            return value
        if isinstance(value, bool | int) and self.kind == "name":
            return json.dumps(value)
        if is_number and self.kind == "number":
            return repr(value)
        raise refusal(
            _IN_JSON[self.kind], path=path, line=line, column=self.name, received=shown(value)
        )

    def check(self, cell: str, *, path: Path, line: int | None = None) -> None:
        """Raise `DataError` for a cell that is none of this kind."""
        rule = _rule_of_text(cell)
        if rule is None and self.kind == "name" and cell != cell.strip():
            rule = "must not begin or end with white space"
        if rule is None and self.kind == "number":
            rule = _rule_of_number(cell)
        if rule is not None:
            raise refusal(rule, path=path, line=line, column=self.name, received=shown(cell))


def _rule_of_text(cell: str) -> str | None:
    """The rule that it breaks."""
    if not cell.strip():
        return "must not be empty"
    if "\0" in cell:  # "\u0000" in JSON
        return "must not contain NUL"
    if any("\ud800" <= character <= "\udfff" for character in cell):  # "\ud800" in JSON
        return "must be Unicode text, without lone surrogates"
    return None


def _rule_of_number(cell: str) -> str | None:
    """The rule that it breaks.

    >>> _rule_of_number("1.5e-3"), _rule_of_number("1,5")
    (None, 'must have a point for its decimal mark')
    """
    if _NUMBER.fullmatch(cell):
        fits = abs(float(cell)) <= _LARGEST
        return None if fits else f"must be at most {_LARGEST:.2g} in size, as float32 has it"
    if _NUMBER.fullmatch(cell.replace(",", ".", 1)):
        return "must have a point for its decimal mark"
    if cell.strip().lower().lstrip("+-") in ("nan", "na", "inf", "infinity"):
        return "must be a finite number: leave the row out"
    return "must be a number, such as -1.5 or 2e3"
