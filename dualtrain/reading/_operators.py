"""Operators of Python on values: computed where both sides are known, else kept as a tree."""

from __future__ import annotations

import ast
import operator
import posixpath
import re
from collections.abc import Callable
from typing import Any

from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    Class,
    DictValue,
    Function,
    Instance,
    Item,
    Known,
    Library,
    ListValue,
    Made,
    Module,
    Origin,
    Unknown,
    Value,
    plain,
)

__all__ = ["BINARY", "COMPARE", "RAISES", "UNARY", "binary", "compare", "compute", "truth"]

LARGE = 4_000
"""Characters, or bits of an integer, beyond which nothing is computed."""

BINARY: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
    ast.BitAnd: ("&", operator.and_),
    ast.BitOr: ("|", operator.or_),
    ast.BitXor: ("^", operator.xor),
    ast.LShift: ("<<", operator.lshift),
    ast.RShift: (">>", operator.rshift),
    ast.MatMult: ("@", operator.matmul),
}

UNARY: dict[type[ast.unaryop], tuple[str, Callable[[Any], Any]]] = {
    ast.USub: ("-", operator.neg),
    ast.UAdd: ("+", operator.pos),
    ast.Not: ("not", operator.not_),
    ast.Invert: ("~", operator.invert),
}

COMPARE: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Is: ("is", operator.is_),
    ast.IsNot: ("is not", operator.is_not),
    ast.In: ("in", lambda a, b: a in b),
    ast.NotIn: ("not in", lambda a, b: a not in b),
}

REPEATED = 200
"""Elements of a list that is a shorter one repeated."""

RAISES = "Python raises an error there"
"""Why nothing comes of an operation whose operands are known."""

PASSES = frozenset(
    {"int", "float", "str", "bool", "literal_eval", "split", "strip", "lower", "item", "slice"}
)
"""What gives the very value in another form, so that it still comes from where it came from."""

OUTSIDE = frozenset({"flag default", "command line", "configuration"})

OBJECTS = (Function, Class, Instance, Module, Library)
"""What is neither None nor false."""


def truth(value: Value) -> bool | None:
    """Whether it counts as true; None where that is not known."""
    match value:
        case Known():
            return bool(value.value)
        case ListValue():
            return True if value.items and not value.open else None if value.open else False
        case DictValue():
            return None if value.open and not value.cells else bool(value.cells)
        case Made():
            return True if is_object(value) else None
    return True if isinstance(value, OBJECTS) else None


def is_object(made: Made | Instance) -> bool:
    """Whether it is an object of a class: what a library gave is one as its name tells."""
    if isinstance(made, Instance):
        return not made.of.library.startswith("builtins.")
    return made.path.rpartition(".")[2][:1].isupper()


def compute(
    op: str, function: Callable[..., Any], operands: tuple[Value, ...], place: Place
) -> Value:
    """The value of a pure function: computed, if all is known and nothing goes wrong."""
    origin = Origin("computed", place)
    if op in PASSES and operands:
        first = getattr(operands[0], "origin", origin)
        origin = first if first.how in OUTSIDE else origin
    try:
        if any(not _few(one) for one in operands):
            raise ValueError("too large")
        given = [plain(one) for one in operands]
        if not _small(op, given):
            raise ValueError("too large")
    except ValueError:
        return Unknown("", origin, op, operands)
    try:
        result = function(*given)
    except Exception:  # whatever Python raises on these operands
        return Unknown(RAISES, origin, op, operands)
    made = of_python(result, origin)
    if isinstance(made, Known):
        return Known(made.value, origin, op, operands)
    return made if made is not None else Unknown("", origin, op, operands)


def of_python(result: Any, origin: Origin) -> Value | None:
    """A value of Python as one of ours; None of what has no place here."""
    match result:
        case None | bool() | int() | float() | complex() | str() | bytes():
            return Known(result, origin)
        case list() | tuple() | set() | frozenset():
            items = [of_python(one, origin) for one in result]
            if any(one is None for one in items) or len(items) > LARGE:
                return None
            kind = "tuple" if isinstance(result, tuple) else "list"
            kept = tuple(Item(one) for one in items if one is not None)
            return ListValue(kind, {"items": kept, "open": False}, origin)
        case dict():
            cells = {key: of_python(one, origin) for key, one in result.items()}
            if any(one is None for one in cells.values()):
                return None
            return DictValue({k: v for k, v in cells.items() if v is not None}, origin)
    return None


def _few(value: Value) -> bool:
    """Whether it has no more elements than can be looked at, those inside others counted."""
    stack, count = [value], 0
    while stack and count <= LARGE:
        one = stack.pop()
        count += 1
        if isinstance(one, ListValue):
            stack += one.values
        elif isinstance(one, DictValue):
            stack += one.cells.values()
    return count <= LARGE


def _small(op: str, given: list[Any]) -> bool:
    numbers = [one for one in given if isinstance(one, int)]
    texts = [one for one in given if isinstance(one, (str, bytes, list, tuple))]
    if any(abs(one).bit_length() > LARGE for one in numbers):
        return False
    if op == "**":
        return all(abs(one) < 1000 for one in given if isinstance(one, (int, float)))
    if op == "<<":
        return all(one < 1000 for one in numbers)
    if op == "*" and texts:
        return all(one < 1000 for one in numbers) and all(len(one) < 1000 for one in texts)
    if op in ("%", "format") and texts:
        return all(
            len(n) < 4 for one in texts if isinstance(one, str) for n in re.findall(r"\d+", one)
        )
    return all(len(one) <= LARGE for one in texts)


def binary(node: ast.operator, a: Value, b: Value, place: Place) -> Value:
    """`a + b` and its like."""
    op, function = BINARY[type(node)]
    if op == "+" and isinstance(a, ListValue) and isinstance(b, ListValue):
        cells = {"items": (*a.items, *b.items), "open": a.open or b.open}
        return ListValue(a.kind, cells, Origin("computed", place))
    if op == "*" and isinstance(a, ListValue) and isinstance(b, Known):
        return _repeated(a, b, place)
    if op == "|" and isinstance(a, DictValue) and isinstance(b, DictValue):
        return DictValue({**a.cells, **b.cells}, Origin("computed", place), a.open or b.open)
    if op == "/" and isinstance(a, Known) and isinstance(a.value, str):
        return compute("path", posixpath.join, (a, b), place)
    return compute(op, function, (a, b), place)


def _repeated(a: ListValue, times: Known, place: Place) -> Value:
    """`[0] * 3`; of a long one any element stands for all."""
    origin = Origin("computed", place)
    if not isinstance(times.value, int):
        return Unknown("", origin, "*", (a, times))
    short = len(a.items) * times.value <= REPEATED
    items = a.items * max(0, times.value) if short else a.items
    return ListValue(a.kind, {"items": items, "open": a.open or not short}, origin)


def compare(node: ast.cmpop, a: Value, b: Value, place: Place) -> Value:
    """`a < b` and its like."""
    op, function = COMPARE[type(node)]
    known = _identity(op, a, b)
    if known is None and op in ("in", "not in") and isinstance(b, (ListValue, DictValue)):
        known = _member(a, b)
        known = known if known is None or op == "in" else not known
    if known is not None:
        return Known(known, Origin("computed", place), op, (a, b))
    if op in ("==", "!=") and (isinstance(a, OBJECTS) or isinstance(b, OBJECTS)):
        return Unknown("", Origin("computed", place), op, (a, b))
    return compute(op, function, (a, b), place)


def _identity(op: str, a: Value, b: Value) -> bool | None:
    """What is known of `is None` and its like without knowing the value."""
    if op not in ("is", "is not", "==", "!="):
        return None
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Known) and one.value is None:
            there = isinstance(other, (*OBJECTS, ListValue, DictValue)) or (
                isinstance(other, Made) and is_object(other)
            )
            if there:
                return op in ("is not", "!=")
    if isinstance(a, Library) and isinstance(b, Library):
        return (a.path == b.path) is (op in ("is", "=="))
    if isinstance(a, Class) and isinstance(b, (Class, Library)):
        return (a is b) is (op in ("is", "=="))
    if op in ("is", "is not") and isinstance(a, Known) and isinstance(b, Known):
        equal = type(a.value) is type(b.value) and a.value == b.value
        return equal if op == "is" else not equal
    return None


def _member(a: Value, b: ListValue | DictValue) -> bool | None:
    if not isinstance(a, Known):
        return None
    try:
        if isinstance(b, DictValue):
            return True if a.value in b.cells else None if b.open else False
        if any(isinstance(one, Known) and one.value == a.value for one in b.values):
            return True
    except TypeError:
        return None
    return None if b.open or not all(isinstance(one, Known) for one in b.values) else False
