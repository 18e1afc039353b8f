"""A tree of operations as a number: what is not known is given one, the same to the same.

Two rules of a rate are one if they give the same numbers wherever they are asked, whatever the
unknown ones are: that is how a formula is recognised however it is written.
"""

from __future__ import annotations

import hashlib
import math
import operator
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from dualtrain.reading import Known, Library, ListValue, Made, Unknown, Value

__all__ = ["Key", "NotANumber", "Numbers", "Rule", "called", "key", "parts"]

Key = bytes

Rule = Callable[[Any], Any]
"""A number as a function of the time."""

MANY = 4_000
"""Nodes of a tree that is followed, at most."""

DEEP = 60
"""How deep a tree is followed."""


class NotANumber(Exception):
    """A tree that no number can be given to: text, or a choice that is not known."""


def _power(a: Any, b: Any) -> Any:
    """In floating point, which has an end: 2 ** t of whole numbers has none."""
    return float(a) ** b


BINARY: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": _power,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

COMPARES = ("<", "<=", ">", ">=", "==", "!=")

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "int": int,
    "float": float,
    "abs": abs,
    "round": round,
    "ceil": math.ceil,
    "floor": math.floor,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "cos": math.cos,
    "sin": math.sin,
    "pow": _power,
    "power": _power,
    "max": max,
    "min": min,
    "maximum": max,
    "minimum": min,
    "clip": lambda x, low, high: min(max(x, low), high),
}
"""By the operation's name, or the last name of a library's function."""

LIBRARIES = ("builtins", "math", "numpy", "torch", "paddle", "scipy")

MOVING = ("carried", "index", "element", "clock", "sent")
"""Operations whose value differs from round to round."""

CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf}


def key(value: Value, known: dict[int, Key] | None = None, depth: int = 0) -> Key:
    """Equal for two trees that say the same.

    known: those of parts that are known already, by identity; more are added.
    """
    known = {} if known is None else known
    found = known.get(id(value))
    if found is None:
        found = hashlib.sha256(repr(_said(value, known, depth)).encode()).digest()
        known[id(value)] = found
    return found


def _said(value: Value, known: dict[int, Key], depth: int) -> tuple[Any, ...]:
    if depth > DEEP:
        return ("deep", id(value))

    def each(values: Iterable[Value]) -> list[Key]:
        return [key(one, known, depth + 1) for one in values]

    match value:
        case Known():
            return ("known", type(value.value).__name__, value.value)
        case Unknown() if value.op:
            return ("tree", value.op, each(value.operands))
        case Made() if value.receiver is not None or value.path.startswith(LIBRARIES):
            of = each([] if value.receiver is None else [value.receiver])
            names = sorted(value.kwargs)
            named = each(value.kwargs[name] for name in names)
            return ("made", value.path, of, each(value.args), names, named)
        case ListValue() if not value.open:
            return (value.kind, each(value.values))
        case Library(path=path):
            return ("library", path)
    return ("one", id(value))


def parts(value: Value) -> Iterator[Value]:
    """A tree's numbers: it, and what it is computed from, down to what is not computed."""
    stack, seen = [value], set[int]()
    while stack:
        one = stack.pop()
        if id(one) in seen or len(seen) > MANY:
            continue
        seen.add(id(one))
        yield one
        stack += reversed(_operands(one))


def _operands(value: Value) -> tuple[Value, ...]:
    match value:
        case Known(op=op) | Unknown(op=op) if (
            op in BINARY or op in FUNCTIONS or op in ("if", "not")
        ):
            return value.operands
        case Unknown(op="and" | "or" | "in" | "not in"):
            return value.operands
        case Made() if _function(value) is not None:
            return value.args
        case ListValue():
            return tuple(value.values)
    return ()


def _function(made: Made) -> Callable[..., Any] | None:
    library, _, name = made.path.rpartition(".")
    if library.partition(".")[0] not in LIBRARIES or made.kwargs:
        return None
    return FUNCTIONS.get(name)


class Numbers:
    """Makes functions of the time t out of trees.

    seed: of the numbers that are given to what is not known.
    clocks: what moves, by key; each is a function of t.
    fixed: what stands still at a number of its own, by key.
    state: objects that may change: what is asked of them is not known.
    """

    def __init__(
        self,
        seed: int,
        clocks: Mapping[Key, Rule] | None = None,
        fixed: Mapping[Key, float] | None = None,
        state: Sequence[Value] = (),
    ) -> None:
        self._random = random.Random(seed)
        self._clocks = clocks or {}
        self._state = tuple(state)
        self._given: dict[Key, Any] = dict(fixed or {})
        self._moves: dict[int, bool] = {}
        self._rules: dict[int, Rule] = {}
        self._sizes: dict[int, int] = {}
        self._keys: dict[int, Key] = {}
        self._kept: list[Value] = []
        self.guessed: list[Value] = []
        """What is not known and was given a number."""

    def _key(self, value: Value) -> Key:
        self._kept.append(value)
        return key(value, self._keys)

    def moves(self, value: Value) -> bool:
        """Whether the clock is in it."""
        found = self._moves.get(id(value))
        if found is None:
            found = self._key(value) in self._clocks or any(map(self.moves, _operands(value)))
            self._moves[id(value)] = found
        return found

    def of(self, value: Value) -> Any:
        """The number of what does not move. Raises NotANumber."""
        return called(self.rule(value), 0)

    def rule(self, value: Value) -> Rule:
        """A tree as a function of t. Raises NotANumber: it is text, or a choice not known."""
        found = self._rules.get(id(value))
        if found is None:
            self._kept.append(value)
            if len(self._rules) > MANY:
                raise NotANumber
            found = self._made(value)
            size = 1 + sum(self._sizes.get(id(one), 1) for one in _operands(value))
            if size > MANY:
                raise NotANumber
            self._rules[id(value)], self._sizes[id(value)] = found, size
        return found

    def _made(self, value: Value) -> Rule:
        if self._clocks and (moving := self._clocks.get(self._key(value))) is not None:
            return moving
        match value:
            case Known(value=bool() | int() | float() as known):
                return lambda t: known
            case Known():
                raise NotANumber
            case Unknown(op="if"):
                return self._choice(value)
            case Unknown(op=op) if op in BINARY and len(value.operands) == 2:
                if op in COMPARES and not self.moves(value):
                    raise NotANumber
                both, (a, b) = BINARY[op], map(self.rule, value.operands)
                return lambda t: both(a(t), b(t))
            case Unknown(op="-"):
                (a,) = map(self.rule, value.operands)
                return lambda t: -a(t)
            case Unknown(op=op) if op in FUNCTIONS:
                return self._call(FUNCTIONS[op], value.operands)
            case Unknown(op="and" | "or" | "not" | "in" | "not in"):
                return self.test(value)
            case Unknown(op="attr", operands=(_, Known(value=str(name)))) if name in CONSTANTS:
                return lambda t: CONSTANTS[name]
            case Made() if (function := _function(value)) is not None:
                return self._call(function, value.args)
            case Unknown() | Made():
                return self._atom(value)
        library, _, name = getattr(value, "path", "").rpartition(".")
        if library.partition(".")[0] in LIBRARIES and name in CONSTANTS:
            return lambda t: CONSTANTS[name]
        raise NotANumber

    def _choice(self, value: Unknown) -> Rule:
        test, then, other = value.operands
        if isinstance(test, Known):
            return self.rule(then if test.value else other)
        if not self.moves(test) and not self.moves(value):
            return self._atom(value)
        decides, a, b = self.test(test), self.rule(then), self.rule(other)
        return lambda t: a(t) if decides(t) else b(t)

    def _call(self, function: Callable[..., Any], operands: tuple[Value, ...]) -> Rule:
        if len(operands) == 1 and isinstance(operands[0], ListValue):
            if operands[0].open:
                raise NotANumber
            each = [self.rule(one) for one in operands[0].values]
            return lambda t: function([one(t) for one in each])
        each = [self.rule(one) for one in operands]
        return lambda t: function(*(one(t) for one in each))

    def test(self, test: Value) -> Rule:
        """Of a test that the clock decides, or the text."""
        match test:
            case Known(value=known):
                return lambda t: bool(known)
            case Unknown(op="and"):
                each = [self.test(one) for one in test.operands]
                return lambda t: all(one(t) for one in each)
            case Unknown(op="or"):
                each = [self.test(one) for one in test.operands]
                return lambda t: any(one(t) for one in each)
            case Unknown(op="not"):
                (inner,) = map(self.test, test.operands)
                return lambda t: not inner(t)
            case Unknown(op="in" | "not in" as op, operands=(one, among)):
                count, each = self.rule(one), [self.rule(v) for v in _members(among)]
                return lambda t: (count(t) in [v(t) for v in each]) is (op == "in")
        if not self.moves(test):
            raise NotANumber
        return self.rule(test)

    def _atom(self, value: Value) -> Rule:
        at = self._key(value)
        if at not in self._given and (self._clocks or self._state) and self._may_move(value):
            raise NotANumber
        if at not in self._given:
            self._given[at] = self._random.randrange(30_011, 99_991)
            self.guessed.append(value)
        known = self._given[at]
        return lambda t: known

    def _may_move(self, value: Value) -> bool:
        """Whether the clock, or what may change with it, is anywhere in what is not computed."""
        stack, seen = [value], set[int]()
        while stack:
            one = stack.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            if any(one is other for other in self._state):
                return True
            if isinstance(one, Unknown):
                if self._key(one) in self._given or one.op == "len":
                    continue
                if one.op in MOVING or self._key(one) in self._clocks:
                    return True
                stack += one.operands
            elif isinstance(one, Made):
                stack += [*one.args, *one.kwargs.values()]
                stack += [] if one.receiver is None else [one.receiver]
            elif isinstance(one, ListValue):
                stack += one.values
        return False


def _members(value: Value) -> Sequence[Value]:
    """The elements of a list or tuple. Raises NotANumber."""
    if isinstance(value, ListValue) and not value.open:
        return value.values
    if isinstance(value, Known) and isinstance(value.value, (list, tuple)):
        return [Known(one) for one in value.value]
    raise NotANumber


def called(rule: Rule, t: Any) -> Any:
    """The number of a rule at t. Raises NotANumber: it has none there."""
    try:
        found = rule(t)
    except (ArithmeticError, TypeError, ValueError) as fault:
        raise NotANumber from fault
    if isinstance(found, complex):
        raise NotANumber
    return found
