"""What a program's values are, as far as its text tells: known, unknown, and how they came to be.

Known and Unknown keep the operation that made them, so that what is computed can be read again:
`int(total * 0.1)` of an unknown total is a tree whose leaves are 0.1 and the total.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, ClassVar

from dualtrain.reading._place import Place

__all__ = [
    "Class",
    "Condition",
    "Context",
    "DictValue",
    "Function",
    "Instance",
    "Item",
    "Known",
    "Library",
    "ListValue",
    "Loop",
    "Made",
    "Module",
    "Origin",
    "Super",
    "Unknown",
    "Value",
    "alternatives",
    "few",
    "leaves",
    "plain",
]


FEW = 6
"""Sides of a choice that are followed each."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from."""

    how: str = "literal"
    """`literal`, `flag default`, `command line`, `configuration`, `computed`, `loop`."""
    place: Place | None = None
    name: str = ""
    """The flag or key it came through."""


class Value:
    """Anything a name of the program can stand for."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Known(Value):
    """A constant: None, a truth value, a number, text, bytes; with what computed it."""

    value: Any
    origin: Origin = Origin()
    op: str = ""
    operands: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Unknown(Value):
    """What the text does not tell, with what it would be computed from.

    op: an operator of Python such as `+`, `//`, `in`, `not`, `any`, or
    `attr` (of, name), `item` (of, index), `element` (of what is iterated), `index` (of what is
    iterated, where counting begins), `carried` (before the loop), `len`, `int` and other functions
    of numbers, `if` (condition, then, otherwise), `call` (callee, arguments), `parameter` (name).
    """

    why: str = ""
    origin: Origin = Origin("computed")
    op: str = ""
    operands: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Condition:
    """A test that what stands below it depends on."""

    test: Value
    holds: bool
    """Whether this is the branch where the test holds."""
    taken: bool | None
    """Whether the text tells that the branch is entered; None if it does not tell."""
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A loop; its body is read once, for any round."""

    over: Value | None
    """What is iterated; None of a `while`."""
    place: Place
    test: Value | None = None
    """Of a `while`."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Context:
    """Where in the course of the program something happens, from the outermost in."""

    loops: tuple[Loop, ...] = ()
    conditions: tuple[Condition, ...] = ()
    managers: tuple[Value, ...] = ()
    """What the `with` statements around it enter."""
    functions: tuple[str, ...] = ()
    """Names of the functions being called."""

    @property
    def real(self) -> bool:
        """Whether no branch around it is one that is not entered."""
        return all(c.taken is not False for c in self.conditions)


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """An element of a list, with the conditions and loops under which it was put there."""

    value: Value
    context: Context = Context()


@dataclass(slots=True, eq=False)
class ListValue(Value):
    """A list, tuple or set."""

    kind: str
    cells: dict[str, Any] = field(default_factory=lambda: {"items": (), "open": False})
    """`items`: a tuple of Item; `open`: whether there may be more, or each item many times."""
    origin: Origin = Origin()
    over: Value | None = None
    """Of a comprehension: what it iterates."""

    @property
    def items(self) -> tuple[Item, ...]:
        """The elements."""
        found: tuple[Item, ...] = self.cells["items"]
        return found

    @property
    def open(self) -> bool:
        """Whether there may be others."""
        return bool(self.cells["open"])

    @property
    def values(self) -> list[Value]:
        """The elements without their contexts."""
        return [item.value for item in self.items]


@dataclass(slots=True, eq=False)
class DictValue(Value):
    """A mapping, from constants to values."""

    cells: dict[Any, Value] = field(default_factory=dict)
    origin: Origin = Origin()
    open: bool = False
    attributes: bool = False
    """Whether its keys are attributes too."""
    of: Class | None = None
    """The program's class that it is an object of."""
    factory: Value | None = None
    """What gives the value of a key that is not there, as of a `defaultdict`."""
    kind: ClassVar[str] = ""
    """Whose methods it has beside those of a dictionary."""


@dataclass(slots=True, eq=False, repr=False)
class Module(Value):
    """A file of the repository."""

    name: str
    file: str
    cells: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True, eq=False, repr=False)
class Function(Value):
    """A function of the program, or a method with what it is bound to."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    module: Module
    scopes: tuple[dict[str, Value], ...]
    """Of the functions around it, the innermost first."""
    defaults: dict[str, Value]
    bound: Value | None = None
    owner: Class | None = None
    decorators: tuple[Value, ...] = ()

    @property
    def name(self) -> str:
        """Its name; `<lambda>` where it has none."""
        return getattr(self.node, "name", "<lambda>")

    def bind(self, receiver: Value) -> Function:
        """It as a method of this one."""
        return replace(self, bound=receiver)


@dataclass(slots=True, eq=False, repr=False)
class Class(Value):
    """A class of the program."""

    name: str
    node: ast.ClassDef
    module: Module
    bases: tuple[Value, ...]
    cells: dict[str, Value] = field(default_factory=dict)
    decorators: tuple[Value, ...] = ()

    @property
    def line(self) -> tuple[Class, ...]:
        """It and its bases of the program, the nearest first."""
        found: list[Class] = [self]
        for base in self.bases:
            if isinstance(base, Class):
                found += [one for one in base.line if one not in found]
        return tuple(found)

    @property
    def library(self) -> str:
        """Path of the first base that is a library's; empty where none is."""
        for one in self.line:
            for base in one.bases:
                if isinstance(base, Library):
                    return base.path
        return ""


@dataclass(slots=True, eq=False, repr=False)
class Instance(Value):
    """An object of a class of the program."""

    of: Class
    place: Place
    cells: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Library(Value):
    """Something of a library, by its path: `paddle.optimizer.AdamW`."""

    path: str


@dataclass(slots=True, eq=False, repr=False)
class Made(Value):
    """What calling something of a library gave: an optimizer, a schedule, a loader, a number."""

    path: str
    args: tuple[Value, ...]
    kwargs: dict[str, Value]
    place: Place
    context: Context
    receiver: Value | None = None
    """Of a method: whose."""
    cells: dict[str, Value] = field(default_factory=dict)
    """Attributes set by the program."""


@dataclass(slots=True, eq=False)
class Super(Value):
    """`super()` inside a method: the receiver, from behind a class on."""

    receiver: Value
    behind: Class


def alternatives(value: Value) -> Iterator[Value]:
    """All that an unknown choice may be; of anything else itself."""
    if isinstance(value, Unknown) and value.op == "if":
        for one in value.operands[1:]:
            yield from alternatives(one)
    else:
        yield value


def few(value: Value) -> bool:
    """Whether a choice is between so few that each can be followed."""
    found = alternatives(value)
    return sum(1 for _ in islice(found, FEW + 1)) <= FEW


def leaves(value: Value) -> Iterator[Value]:
    """What a computed value is computed from, down to what is not computed, itself included."""
    stack, seen = [value], set[int]()
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, (Known, Unknown)):
            stack += reversed(one.operands)


def plain(value: Value) -> Any:
    """A value of Python, of what is known to the last element.

    Raises ValueError: something in it is not known.
    """
    if isinstance(value, Known):
        return value.value
    if isinstance(value, ListValue) and not value.open:
        items = [plain(one) for one in value.values]
        return tuple(items) if value.kind == "tuple" else items
    if isinstance(value, DictValue) and not value.open:
        return {key: plain(one) for key, one in value.cells.items()}
    raise ValueError("not known")
