"""The blocks of a README that a user would paste into a shell."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["blocks"]

_FENCE = re.compile(r"\s*(?:>\s?)*(`{3,}|~{3,})\s*\{?\.?([\w+-]*)")
_SHELLS = re.compile(
    "(?:bash|sh|shell|console|zsh|shell-?session|terminal|text|txt|cmd|commandline)?", re.IGNORECASE
)
_PROMPT = re.compile(r"\s*(?:\([\w.-]+\)\s*)?(?:[\w.-]+@[^$#\n]*)?[$%]\s+(?=\S)|\s*!(?=\w)")
_COMMAND = re.compile(
    r"\s*(?:[$%!]\s*)?(?:[A-Z_]+=\S+\s+)*(?:python[\d.]*|torchrun|accelerate|deepspeed|bash|sh)"
    r"\s+[-\w./]+"
)
_SPAN = re.compile(r"`((?:[A-Z_]+=\S+\s+)*(?:python|torchrun|accelerate|bash|sh)\S*\s[^`]*)`")
_INDENTED = re.compile(r" {4,}|\t")


def blocks(text: str) -> Iterator[tuple[str, int]]:
    """Each block of code that may be a shell's, without prompts, and its first line.

    Fenced blocks of no language or of a shell's, others that begin with a command all the same,
    indented ones, and a command within a line.

    >>> list(blocks("Train:\\n\\n```bash\\n$ python run.py\\n```\\n"))
    [('python run.py\\n', 4)]
    """
    rows = text.splitlines()
    at = 0
    while at < len(rows):
        fence = _FENCE.match(rows[at])
        if fence:
            end = next(
                (i for i in range(at + 1, len(rows)) if _closes(rows[i], fence[1])), len(rows)
            )
            if _SHELLS.fullmatch(fence[2]) or _starts(rows[at + 1 : end]):
                yield _pasted(rows[at + 1 : end]), at + 2
            at = end + 1
        elif _INDENTED.match(rows[at]) and (at == 0 or not rows[at - 1].strip()):
            end = at
            while end < len(rows) and (_INDENTED.match(rows[end]) or not rows[end].strip()):
                end += 1
            yield _pasted(rows[at:end]), at + 1
            at = end
        else:
            yield from ((f"{span}\n", at + 1) for span in _SPAN.findall(rows[at]))
            at += 1


def _starts(rows: list[str]) -> bool:
    """Whether the first line that says something is a command, whatever the block is called."""
    said = (row for row in rows if row.strip() and not row.lstrip().startswith("#"))
    return _COMMAND.match(next(said, "")) is not None


def _closes(row: str, fence: str) -> bool:
    return row.strip(" \t>").startswith(fence) and not row.strip(" \t>").strip(fence[0])


def _pasted(rows: list[str]) -> str:
    return "".join(f"{_PROMPT.sub('', row, count=1)}\n" for row in rows)
