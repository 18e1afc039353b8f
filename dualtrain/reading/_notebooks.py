"""Notebooks: the Python of their cells, and the commands that they give to a shell."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from collections.abc import Iterator

from dualtrain.errors import SourceError
from dualtrain.reading._data_text import json_node
from dualtrain.reading._node import Node

__all__ = ["python_of", "shell_of"]

Line = tuple[str, int]
"""Text, and the line of the file that it stands on."""

SHELLS = frozenset({"bash", "sh", "shell"})
"""Cell magics whose cell is a shell's."""

OTHERS = frozenset(
    {"cython", "file", "html", "javascript", "js", "latex", "markdown", "perl", "pypy", "python"}
    | {"python2", "python3", "R", "ruby", "script", "sql", "svg", "writefile"}
)
"""Cell magics whose cell is not run among the notebook's own names."""

_MAGIC = re.compile(r"(\s*)(?:[%!].*|\?.*|[\w.]+\?{1,2}\s*)$")
_GIVEN = re.compile(r"(\s*[\w.,\s\[\]]+=\s*)[%!].*$")
_RUN = re.compile(r"(\s*)%run\s+(?:-\w\s+)*(\S+\.py)\s*$")
_TIMED = re.compile(r"(\s*)%(?:time|prun|memit)\s+(?=[\w(])(.*)$")
_BRACES = re.compile(r"(?<![\${])\{(\w+)\}")


def python_of(text: str, file: str) -> str:
    """The code cells in order, without what is no Python of theirs: magics and shell lines.

    A line keeps its number in the file, as Jupyter writes one a line; where a file is written
    otherwise, the lines of the cells are counted.

    Raises SourceError: it is no notebook.

    >>> cell = '{"cell_type": "code", "source": ["!pip install x\\\\n", "lr = 0.1"]}'
    >>> python_of('{"cells": [' + cell + ']}', "a.ipynb")
    'pass\\nlr = 0.1\\n'
    """
    return _placed([one for cell in _cells(text, file) for one in _python(cell)])


def shell_of(text: str, file: str) -> str:
    """The commands of its cells: `!` lines, `%run`, `%env`, and cells that are a shell's.

    Raises SourceError: it is no notebook.

    >>> cell = '{"cell_type": "code", "source": ["lr = 0.1\\\\n", "!python train.py --lr {lr}"]}'
    >>> shell_of('{"cells": [' + cell + ']}', "a.ipynb")
    'python train.py --lr ${lr}\\n'
    """
    return _placed([one for cell in _cells(text, file) for one in _shell(cell)])


def _cells(text: str, file: str) -> Iterator[list[Line]]:
    """The lines of each code cell."""
    tree = json_node(text.removeprefix("\ufeff"), file)
    sheets = tree.get("worksheets")  # until version 3 of the format
    holders = sheets.value if sheets is not None and isinstance(sheets.value, list) else [tree]
    found = [cells for one in holders if (cells := one.get("cells")) is not None]
    if not found or not all(isinstance(one.value, list) for one in found):
        raise SourceError(f"{file}: not a notebook: it has no list of cells")
    for cell in (one for cells in found for one in cells.value):
        kind = cell.get("cell_type")
        source = cell.get("source") or cell.get("input")
        if kind is not None and kind.value == "code" and source is not None:
            yield list(_lines(source))


def _lines(source: Node) -> Iterator[Line]:
    whole = "".join(one.value for one in _texts(source))
    places = [one.place.line for one in _texts(source) for _ in one.value.splitlines()]
    rows = whole.splitlines()
    yield from zip(rows, places if len(places) == len(rows) else [0] * len(rows), strict=True)


def _texts(source: Node) -> list[Node]:
    parts = source.value if isinstance(source.value, list) else [source]
    return [one for one in parts if isinstance(one.value, str)]


def _placed(lines: list[Line]) -> str:
    """The lines where the file has them, if it has each on a line of its own."""
    numbers = [number for _, number in lines]
    apart = all(a < b for a, b in zip([0, *numbers], numbers, strict=False))
    rows: list[str] = []
    for row, number in lines:
        rows += [""] * (number - 1 - len(rows) if apart else 0)
        rows.append(row)
    return "".join(f"{row}\n" for row in rows)


def _magic(cell: list[Line]) -> str:
    """The word of a cell magic; empty where there is none."""
    first = next((row.strip() for row, _ in cell if row.strip()), "")
    return (first[2:].split() or [""])[0] if first.startswith("%%") else ""


def _python(cell: list[Line]) -> list[Line]:
    magic = _magic(cell)
    if magic in SHELLS | OTHERS:
        return [("", line) for _, line in cell]
    if not magic and _parses("\n".join(row for row, _ in cell)):
        return cell
    found: list[Line] = []
    goes_on = False
    for row, line in cell:
        magical = _MAGIC.match(row)
        if goes_on:
            found.append(("", line))
        elif ran := _RUN.match(row):
            found.append((f"{ran[1]}exec(open({ran[2]!r}).read())", line))
        elif timed := _TIMED.match(row):
            found.append((timed[1] + timed[2], line))
            continue
        elif magical:
            found.append((f"{magical[1]}pass", line))
        elif given := _GIVEN.match(row):
            found.append((f"{given[1]}get_ipython()", line))
        else:
            found.append((row, line))
            continue
        goes_on = row.rstrip().endswith("\\")
    return found


def _parses(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True


def _shell(cell: list[Line]) -> list[Line]:
    magic = _magic(cell)
    if magic in SHELLS:
        return [("" if row.lstrip().startswith("%%") else row, line) for row, line in cell]
    if magic in OTHERS or _parses("\n".join(row for row, _ in cell)):
        return []
    found: list[Line] = []
    goes_on = False
    for row, line in cell:
        told = row if goes_on else _command(row.strip())
        if told:
            found.append((_BRACES.sub(r"${\1}", told), line))
        goes_on = bool(told) and row.rstrip().endswith("\\")
    return found


def _command(row: str) -> str:
    """A line as a shell has it; empty where it is none."""
    name, _, rest = row.partition(" ")
    if row.startswith("!"):
        return row.lstrip("!")
    if name == "%run":
        return f"python {rest}"
    if name in ("%env", "%set_env") and "=" in rest:
        key, _, value = rest.partition("=")
        return f"export {key.strip()}={shlex.quote(value.strip())}"
    return row[1:] if name in ("%cd", "%bash", "%sh") else ""
