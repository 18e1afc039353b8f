"""Configurations that are written in Python: names, `dict(...)`, lists and numbers, nothing run."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping

from dualtrain.errors import SourceError
from dualtrain.reading._node import Node
from dualtrain.reading._place import Place
from dualtrain.reading._source import tree

__all__ = ["is_configuration", "python_node"]

OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
LARGEST = 100_000
HUGE = 1e15
"""A number of this size is none that a recipe means."""
SIMPLE = (ast.Assign, ast.AnnAssign, ast.Expr, ast.Import, ast.ImportFrom, ast.Delete)
MAPPINGS = ("optimizer", "optim_wrapper")


def is_configuration(text: str, file: str) -> bool:
    """Whether a script only sets names, of which one is `_base_` or a mapping for the optimizer.

    >>> is_configuration("optimizer = dict(type='SGD', lr=0.1)", "a.py")
    True
    >>> is_configuration("optimizer = SGD(lr=0.1)", "a.py")
    False
    """
    if not any(word in text for word in ("_base_", *MAPPINGS)):
        return False
    try:
        body = tree(text, file).body
    except SourceError:
        return False
    if not all(isinstance(one, SIMPLE) for one in body):
        return False
    assigned = [one for one in body if isinstance(one, ast.Assign)]
    pairs = [(getattr(target, "id", ""), one.value) for one in assigned for target in one.targets]
    return any(n == "_base_" or (n in MAPPINGS and _is_mapping(v)) for n, v in pairs)


def _is_mapping(node: ast.expr) -> bool:
    called = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "dict"
    return called or isinstance(node, ast.Dict)


def python_node(text: str, file: str) -> Node:
    """The names that a script sets, as a tree; an expression that is not read stays text.

    >>> python_node("n = 2\\noptimizer = dict(type='SGD', lr=0.1 * n)", "a.py").plain()
    {'n': 2, 'optimizer': {'type': 'SGD', 'lr': 0.2}}

    Raises SourceError: it is no Python, too deeply nested or too large.
    """
    names: dict[str, Node] = {}
    try:
        for one in tree(text, file).body:
            if isinstance(one, ast.Assign):
                value = _node(one.value, names, file)
                names |= {t.id: value for t in one.targets if isinstance(t, ast.Name)}
            elif isinstance(one, ast.Delete):
                for target in one.targets:
                    names.pop(getattr(target, "id", ""), None)
    except RecursionError as fault:
        raise SourceError(f"{file}: too deeply nested to be read") from fault
    found = Node(names, Place(file, 1))
    if _size(found, {}) > LARGEST:
        raise SourceError(f"{file}: its names stand for more than {LARGEST:,} values")
    return found


def _size(of: Node, known: dict[int, int]) -> int:
    """How many values a tree has, those that stand under several names each time."""
    if id(of) not in known:
        inner = of.value.values() if isinstance(of.value, dict) else of.value
        many = inner if isinstance(of.value, (dict, list)) else ()
        known[id(of)] = 1 + sum(_size(one, known) for one in many)
    return known[id(of)]


def _node(of: ast.expr, names: Mapping[str, Node], file: str) -> Node:
    place = Place(file, of.lineno)
    match of:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return Node(value, place)
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return Node(_members(pairs, names, file), place)
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=words):
            given = ((ast.Constant(w.arg) if w.arg else None, w.value) for w in words)
            return Node(_members(given, names, file), place)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return Node([_node(one, names, file) for one in items], place)
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _node(operand, names, file).value
            if _is_number(inner):
                return Node(-inner, place)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            a, b = (_node(one, names, file).value for one in (left, right))
            if _is_number(a) and _is_number(b):
                try:
                    return Node(OPERATORS[type(op)](a, b), place)
                except ArithmeticError:
                    pass
    return Node(ast.unparse(of), place)


def _members(
    pairs: Iterable[tuple[ast.expr | None, ast.expr]], names: Mapping[str, Node], file: str
) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for key, value in pairs:
        node = _node(value, names, file)
        if key is None:  # **other
            found |= node.value if isinstance(node.value, dict) else {}
        elif isinstance(key, ast.Constant):
            found[str(key.value)] = node
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and type(value) is not bool and abs(value) < HUGE
