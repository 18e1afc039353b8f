"""Python source text as ruff formats it: values, lists and calls."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["call", "listed", "shown", "source"]

_WIDTH = 88


def source(value: Any) -> str:
    """A value: text in double quotes, 1e30 and not 1e+30.

    >>> source("bias"), source((0.9, 1e30)), source(True)
    ('"bias"', '(0.9, 1e30)', 'True')
    """
    if isinstance(value, str):
        return json.dumps(value) if value.isascii() and value.isprintable() else repr(value)
    return repr(value).replace("e+", "e")


def shown(value: Any) -> Any:
    """What a template prints: numbers as `source` has them, text as it is."""
    return source(value) if isinstance(value, float) else value


def call(head: str, arguments: Sequence[str]) -> str:
    """A call inside a function, over as many lines as it needs."""
    return _wrapped(f"{head}(", arguments, ")", "    ")


def listed(texts: Iterable[str], head: str) -> str:
    """A list of texts after `head`, over as many lines as it needs."""
    return _wrapped(f"{head}[", [source(text) for text in texts], "]", "")[len(head) :]


def _wrapped(head: str, parts: Sequence[str], tail: str, indent: str) -> str:
    """On one line, within one line, or a line for each part."""
    joined = ", ".join(parts)
    if len(indent + head + joined + tail) <= _WIDTH:
        return head + joined + tail
    if len(indent + joined) + 4 <= _WIDTH and tail == ")":
        return f"{head}\n{indent}    {joined}\n{indent}{tail}"
    lines = "".join(f"{indent}    {part},\n" for part in parts)
    return f"{head}\n{lines}{indent}{tail}"
