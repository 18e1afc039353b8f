"""Functions and classes of libraries, told in Python: their text is read like the program's, as if
each stood in the line that calls it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from dualtrain.reading import _calls, _statements
from dualtrain.reading._machine import Event, Frame, Machine, Model
from dualtrain.reading._values import Module, Value

__all__ = ["models"]


def models(
    text: str,
    names: Iterable[str],
    places: Iterable[str],
    more: Callable[[Event], Mapping[str, Value]] | None = None,
) -> dict[str, Model]:
    """What a call gives of each of these names, which the text defines, at each of these places.

    more: words that a call is given beyond its own.
    """

    def called(machine: Machine, event: Event) -> Value:
        module = Module("a library", event.place.file)
        body = _standing_in(text, event.place.line)
        _statements.block(machine, body, Frame(module.cells, module))
        words = {**event.kwargs, **(more(event) if more is not None else {})}
        return _calls.call(machine, module.cells[event.name], list(event.args), words, event.place)

    return {f"{place}.{name}": called for place in places for name in names}


@lru_cache
def _standing_in(text: str, line: int) -> list[ast.stmt]:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.stmt, ast.expr)):
            node.lineno = node.end_lineno = line
    return tree.body
