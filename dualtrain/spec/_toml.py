"""Reads TOML with the line of every key."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from dualtrain.fields import Malformed, Positions, Steps

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read_toml"]

_TOKEN = re.compile(
    r'''
      \#[^\n]*                                          # a comment
    | """(?:[^\\]|\\.)*?"{3,5} | \'\'\'.*?'{3,5}        # text over several lines
    | "(?:[^"\\]|\\.)*" | '[^']*'                       # text
    | \d{4}-\d\d-\d\d[ ]\d[^\s\#\[\]{}=,]*              # a date, a blank and a time are one value
    | [\[\]{}=,\n]
    | [^\s\#"'\[\]{}=,]+                                # keys, numbers, words
    ''',
    re.VERBOSE | re.DOTALL,
)
_LINE = re.compile(r" \(at line (\d+), column \d+\)$")

Tokens = Iterator[tuple[str, int]]


def read_toml(text: str) -> tuple[object, Positions]:
    """The data of a TOML document, and where its keys stand; `Malformed` if it is not one."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _LINE.search(message)
        line = int(found[1]) if found else text.count("\n") + 1
        rule = _LINE.sub("", message).removesuffix(" (at end of document)")
        raise Malformed(f"not valid TOML: {rule}", line) from None
    return data, _scan(text)


def _scan(text: str) -> Positions:
    """Where the keys of a valid TOML text stand."""
    positions = Positions()
    tokens = _tokens(text)
    table: Steps = ()
    for token, line in tokens:
        if token == "[":
            table = _key("", tokens, end="]")
            _note(table, line, positions)
        elif token not in ("\n", "]"):  # `[[name]]` leaves a bracket
            _pair(token, line, tokens, table, positions)
    return positions


def _tokens(text: str) -> Tokens:
    line, at = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        if match[0][0] != "#":
            yield match[0], line


def _key(start: str, tokens: Tokens, *, end: str) -> Steps:
    """The steps of a key, dotted or quoted, that ends before the token `end`."""
    written = start
    for token, _ in tokens:
        if token == end:
            break
        written += token
    data = tomllib.loads(f"{written.lstrip('[')} = 0")
    steps = []
    while isinstance(data, dict):
        ((step, data),) = data.items()
        steps.append(step)
    return tuple(steps)


def _pair(start: str, line: int, tokens: Tokens, table: Steps, positions: Positions) -> None:
    """Note `key = value`, whose first token is `start`."""
    steps = (*table, *_key(start, tokens, end="="))
    _note(steps, line, positions)
    _value(next(tokens)[0], tokens, steps, positions)


def _value(value: str, tokens: Tokens, steps: Steps, positions: Positions) -> None:
    if value == "{":
        for token, line in tokens:
            if token == "}":
                return
            if token not in (",", "\n"):  # line ends are TOML 1.1's
                _pair(token, line, tokens, steps, positions)
    elif value == "[":
        index = 0
        for token, line in tokens:
            if token == "]":
                return
            if token == ",":
                index += 1
            elif token != "\n":
                _note((*steps, index), line, positions)
                _value(token, tokens, (*steps, index), positions)


def _note(steps: Steps, line: int, positions: Positions) -> None:
    """Note a key, and the tables around it that have no line of their own yet."""
    positions.lines[steps] = line
    for length in range(1, len(steps)):
        positions.lines.setdefault(steps[:length], line)
