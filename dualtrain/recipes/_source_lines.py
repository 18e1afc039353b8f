"""The lines of a program that a place names."""

from __future__ import annotations

import ast
from typing import Any

from dualtrain.errors import SourceError
from dualtrain.files import read_bytes
from dualtrain.reading import Loop, Place, Program
from dualtrain.reading._source import decoded, parsed

__all__ = ["ends_inside", "function_at", "line_of", "module_of", "text_of"]


def _statements(program: Program, file: str) -> dict[int, list[ast.AST]]:
    """Statements and functions of a file, by the line on which they begin."""
    kept: dict[str, dict[int, list[ast.AST]]] = program.machine.state.setdefault("lines", {})
    if file not in kept:
        kept[file] = {}
        try:
            tree = parsed(program.machine.root / file, file)
        except SourceError:
            return kept[file]
        kept[file][0] = [tree]
        for node in ast.walk(tree):
            if isinstance(node, ast.stmt):
                kept[file].setdefault(node.lineno, []).append(node)
    return kept[file]


def text_of(program: Program, file: str) -> str:
    """The text of a file; empty where it cannot be read."""
    try:
        return decoded(read_bytes(program.machine.root / file))
    except (OSError, SourceError):
        return ""


def line_of(program: Program, place: Any) -> str:
    """The head of the statement at a place: the test of an `if`, what a `for` goes over."""
    for node in _statements(program, place.file).get(place.line, []):
        if isinstance(node, (ast.If, ast.While)):
            return ast.unparse(node.test)
        if isinstance(node, ast.For):
            return f"{ast.unparse(node.target)} in {ast.unparse(node.iter)}"
    return ""


def module_of(program: Program, file: str) -> ast.AST | None:
    """The whole of a file; None where it cannot be read."""
    return next(iter(_statements(program, file).get(0, [])), None)


def ends_inside(program: Program, loop: Loop, place: Place) -> bool:
    """Whether a place stands in the text of a loop."""
    if loop.place.file != place.file:
        return False
    for node in _statements(program, place.file).get(loop.place.line, []):
        if isinstance(node, (ast.For, ast.While)):
            return _spans(node, place)
    return False


def _spans(node: Any, place: Place) -> bool:
    return bool(node.lineno <= place.line <= (node.end_lineno or node.lineno))


def function_at(program: Program, place: Place) -> ast.AST | None:
    """The innermost function whose text holds a place; the whole file where none does."""
    nodes = _statements(program, place.file)
    held = module_of(program, place.file)
    for node in (one for line in sorted(nodes) for one in nodes[line]):
        function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if function and _spans(node, place):
            held = node
    return held
