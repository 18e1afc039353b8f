"""Reads JSON with the line of every key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from dualtrain.fields import Malformed, Positions, Steps

__all__ = ["read_json"]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s"{}\[\]:,]+')


def read_json(text: str) -> tuple[object, Positions]:
    """The data of a JSON document, and where its keys stand; `Malformed` if it is not one."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise Malformed(f"not valid JSON: {error.msg}", error.lineno) from None
    positions = Positions()
    tokens = _tokens(text)
    _scan(next(tokens)[0], tokens, (), positions)
    return data, positions


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    line, at = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        yield match[0], line


def _scan(
    value: str, tokens: Iterator[tuple[str, int]], steps: Steps, positions: Positions
) -> None:
    """Note what stands in the value that begins with this token; the text is valid JSON."""
    if value == "{":
        for token, line in tokens:
            if token == "}":
                return
            if token != ",":
                here = (*steps, json.loads(token))
                positions.add(here, line)
                next(tokens)  # the colon
                _scan(next(tokens)[0], tokens, here, positions)
    elif value == "[":
        index = 0
        for token, line in tokens:
            if token == "]":
                return
            if token == ",":
                index += 1
            else:
                positions.add((*steps, index), line)
                _scan(token, tokens, (*steps, index), positions)
