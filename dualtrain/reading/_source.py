"""A file of Python as a tree, whatever its encoding and whichever Python it was written for."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from pathlib import Path

from dualtrain.errors import SourceError
from dualtrain.files import read_bytes

__all__ = ["decoded", "parsed"]

OLD = 400
"""Lines of Python 2 that are rewritten in one file, at most."""

REWRITTEN = (
    (re.compile(r"^(\s*)print\b(?!\s*\()(.*)$"), r"\1pass"),
    (re.compile(r"^(\s*)print\s*>>.*$"), r"\1pass"),
    (re.compile(r"^(\s*)print\b.*$"), r"\1pass"),
    (re.compile(r"^(\s*)exec\b.*$"), r"\1pass"),
    (re.compile(r"^(\s*except\s+[\w., ()]+?)\s*,\s*(\w+)\s*:"), r"\1 as \2:"),
    (re.compile(r"^(\s*)raise\s+(\w[\w.]*)\s*,\s*(.+)$"), r"\1raise \2(\3)"),
    (re.compile(r"<>"), "!="),
    (re.compile(r"\b(0)([0-7]+)\b"), r"0o\2"),
    (re.compile(r"\b(\d+)[lL]\b"), r"\1"),
    (re.compile(r"\bur(['\"])"), r"r\1"),
    (re.compile(r"`([^`]*)`"), r"repr(\1)"),
)
"""What Python 2 writes otherwise; printing computes nothing, so it is left out."""


def decoded(data: bytes) -> str:
    """Its text: as the file itself says, else UTF-8, else Latin-1, which fits anything."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except (SyntaxError, UnicodeDecodeError, LookupError):
        for other in ("utf-8-sig", "gb18030", "latin-1"):
            try:
                return data.decode(other).replace("\r\n", "\n").replace("\r", "\n")
            except UnicodeDecodeError:
                continue
    raise AssertionError("Latin-1 fits anything")


def parsed(path: Path, name: str) -> ast.Module:
    """The tree of a script or a notebook, called `name` in messages. Lines keep their numbers.

    Raises SourceError: it cannot be opened or is no Python.
    """
    try:
        text = decoded(read_bytes(path))
    except OSError as fault:
        raise SourceError(f"{name}: cannot be read: {fault.strerror}") from fault
    if path.suffix.lower() == ".ipynb":
        from dualtrain.reading._notebooks import python_of

        text = python_of(text, name)
    return tree(text, name)


def tree(text: str, name: str) -> ast.Module:
    """The tree of a text.

    >>> [type(one).__name__ for one in tree("print 'a'\\nx = 0777\\n", "old.py").body]
    ['Pass', 'Assign']
    """
    lines = text.replace("\0", " ").split("\n")
    tried = 0
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse("\n".join(lines), filename=name)
        except (RecursionError, MemoryError, OverflowError) as fault:
            raise SourceError(f"{name}: too deeply nested to be read") from fault
        except (SyntaxError, ValueError) as fault:
            line = getattr(fault, "lineno", None) or 0
            tried += 1
            if tried > OLD or not _rewritten(lines, fault, line):
                what = getattr(fault, "msg", str(fault))
                raise SourceError(
                    f"{name}:{line}: not Python: {what}. Received: {_shown(lines, line)!r}"
                ) from None


def _shown(lines: list[str], line: int) -> str:
    return lines[line - 1].strip()[:80] if 0 < line <= len(lines) else ""


def _rewritten(lines: list[str], fault: Exception, line: int) -> bool:
    """Whether the line of a fault could be written as Python 3 has it."""
    if isinstance(fault, TabError) or "inconsistent use of tabs" in str(fault):
        spaced = [one.expandtabs(8) for one in lines]
        changed = spaced != lines
        lines[:] = spaced
        return changed
    if not 0 < line <= len(lines):
        return False
    old = lines[line - 1]
    for pattern, new in REWRITTEN:
        lines[line - 1] = pattern.sub(new, old, count=0)
        if lines[line - 1] != old:
            if old.lstrip().startswith("print"):
                _blank_rest(lines, line - 1, old)
            return True
    return False


def _blank_rest(lines: list[str], at: int, first: str) -> None:
    """Leaves out the further lines of a print that goes on behind its end."""
    text = first
    while at + 1 < len(lines) and (text.rstrip().endswith(("\\", ",")) or _open(text)):
        at += 1
        text += "\n" + lines[at]
        lines[at] = ""


def _open(text: str) -> bool:
    return sum(map(text.count, "([{")) > sum(map(text.count, ")]}"))
