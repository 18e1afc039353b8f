"""The state of a reading: scopes, what was called in which order, and what can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    Condition,
    Context,
    DictValue,
    Function,
    Item,
    Known,
    ListValue,
    Loop,
    Made,
    Module,
    Unknown,
    Value,
)

__all__ = ["Event", "Frame", "Machine", "Model", "OutOfFuel", "same"]

MISSING: Any = object()
"""Stands for a name that was not there."""

FUEL = 150_000
"""Nodes that are evaluated, at most: two seconds or so."""

AGAIN = 3
"""How often one function may be inside itself; once in a branch that is not entered."""

AGAIN_OVER_DATA = 12
"""The same of a function that goes through data, which are no deeper than that."""

SHARE = FUEL // 3
"""Nodes in one function, over all its calls, beyond which it is not followed again."""

RECURSION = 15_000
"""Nodes that a function may take, from its first entry on, and still be inside itself."""

DEPTH = 40
"""Calls inside one another, at most."""


class OutOfFuel(Exception):
    """The program is too long to be followed to its end."""


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """Something that the program does to what is not its own: a call, or an attribute set; or where
    it leaves a loop."""

    kind: str
    """`call`, `store` of an attribute or item, or `leave` of a loop."""
    path: str
    """`paddle.optimizer.AdamW`, `paddle.optimizer.AdamW.step` of an object of a library, `.step` of
    an unknown one; of a store the attribute's name behind a dot; else `break` or `return`."""
    receiver: Value | None
    args: tuple[Value, ...]
    kwargs: Mapping[str, Value]
    result: Value
    place: Place
    context: Context

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    def first(self, count: int) -> list[Value]:
        """As many arguments, None's value for one that is not there."""
        return [*self.args[:count], *[Known(None)] * (count - len(self.args))]


@dataclass(slots=True, eq=False)
class Frame:
    """The names of a call, or of a module."""

    cells: MutableMapping[str, Value]
    module: Module
    around: tuple[MutableMapping[str, Value], ...] = ()
    function: Function | None = None
    globals: set[str] = field(default_factory=set)
    returns: list[tuple[tuple[Condition, ...], Value]] = field(default_factory=list)
    """What may be returned before the end, and when."""
    passed: Condition | None = None
    """Under what the rest of a block stands, where some rounds of its loop go on before it."""
    yields: list[Item] = field(default_factory=list)


Model = Callable[["Machine", Event], "Value | None"]
"""What a function of a library gives, where that can be told; None where not."""


@dataclass(slots=True, eq=False)
class Change:
    """A cell before and after a branch."""

    cells: MutableMapping[Any, Any]
    key: Any
    old: Any
    new: Any


class Machine:
    """Reads a program from its first line, without running it.

    root: the folder of the repository; imports are looked for below it, in `paths` first.
    argv: the command line's words behind the script; None: it stands alone.
    models: what functions of libraries give, by path.
    """

    def __init__(
        self,
        root: Path,
        *,
        paths: Sequence[Path] = (),
        argv: Sequence[Known] = (),
        models: Mapping[str, Model] | None = None,
        fuel: int = FUEL,
    ) -> None:
        self.root, self.paths, self.argv = root, list(paths), tuple(argv)
        self.models: Mapping[str, Model] = models or {}
        self.modules: dict[str, Module] = {}
        self.events: list[Event] = []
        self.notes: list[str] = []
        self.raises: list[Place] = []
        self.context = Context()
        self.state: dict[str, Any] = {}
        """What models keep between calls."""
        self._journal: list[tuple[MutableMapping[Any, Any], Any, Any]] = []
        self._fuel = fuel
        self.burned = 0
        self.spent: dict[Any, int] = {}
        """Work by function, over all calls that have come back."""
        self.calls: list[Function] = []
        self.frames: list[dict[str, Value]] = []
        """Names of the calls that are under way, the innermost last."""
        self._entered: dict[Any, int] = {}
        self._over_data: set[Any] = set()
        """Functions whose outermost call is given data."""

    def burn(self, amount: int = 1) -> None:
        """Counts work. Raises OutOfFuel."""
        self.burned += amount
        if self.burned > self._fuel:
            raise OutOfFuel

    def obstacle(self, function: Function, *, over_data: bool = False) -> str:
        """Why a call is not followed: too deep inside others, or too much work; empty if it is.

        over_data: it is given data, as a function is that goes through a configuration."""
        name = function.name
        if len(self.calls) >= DEPTH:
            return f"{name} is called too deep inside others"
        inside = sum(one.node is function.node for one in self.calls)
        here = self.burned - self._entered[function.node] if inside else 0
        if over_data and not inside:
            self._over_data.add(function.node)
        elif not inside:
            self._over_data.discard(function.node)
        often = AGAIN_OVER_DATA if function.node in self._over_data else AGAIN
        if inside >= (often if self.context.real else 1):
            return f"{name} calls itself"
        if here >= RECURSION or self.spent.get(function.node, 0) > SHARE:
            why = f"{name} is called too often to be followed each time"
            self.note(f"{Place(function.module.file, function.node.lineno)}: {why}")
            return why
        return ""

    @contextmanager
    def called(self, function: Function, cells: dict[str, Value]) -> Iterator[None]:
        """Inside a function, whose names these are."""
        outermost = all(one.node is not function.node for one in self.calls)
        if outermost:
            self._entered[function.node] = self.burned
        self.calls.append(function)
        self.frames.append(cells)
        try:
            yield
        finally:
            self.calls.pop()
            self.frames.pop()
            if outermost:
                here = self.burned - self._entered[function.node]
                self.spent[function.node] = self.spent.get(function.node, 0) + here

    def note(self, text: str) -> None:
        """Something a reader of the result should know, once, unless it is not reached."""
        if self.context.real and text not in self.notes:
            self.notes.append(text)

    def fails(self, place: Place) -> None:
        """An error is raised here; what is below is read as if it were not."""
        if self.context.real and place not in self.raises:
            self.raises.append(place)

    # What can be taken back

    def write(self, cells: MutableMapping[Any, Any], key: Any, value: Any) -> None:
        """Sets a cell; every change of anything goes through here."""
        self._journal.append((cells, key, cells.get(key, MISSING)))
        cells[key] = value

    def remove(self, cells: MutableMapping[Any, Any], key: Any) -> None:
        """Deletes a cell."""
        if key in cells:
            self._journal.append((cells, key, cells[key]))
            del cells[key]

    def mark(self) -> int:
        """Now, to come back to."""
        return len(self._journal)

    def changes(self, since: int) -> list[Change]:
        """What has changed, each cell once."""
        found: dict[tuple[int, Any], Change] = {}
        for cells, key, old in self._journal[since:]:
            if (id(cells), key) not in found:
                found[id(cells), key] = Change(cells, key, old, cells.get(key, MISSING))
        return list(found.values())

    def back(self, to: int) -> None:
        """Everything is as it was."""
        while len(self._journal) > to:
            cells, key, old = self._journal.pop()
            if old is MISSING:
                cells.pop(key, None)
            else:
                cells[key] = old

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What is written here stays, as what a module defines when it is imported first: the
        branch around it takes none of it back."""
        outer, self._journal = self._journal, []
        try:
            yield
        finally:
            self._journal = outer

    # Where it is

    @contextmanager
    def under(
        self,
        *,
        condition: Condition | None = None,
        loop: Loop | None = None,
        manager: Value | None = None,
        function: str | None = None,
    ) -> Iterator[None]:
        """Inside one more branch, loop, `with` or call."""
        before = self.context
        self.context = Context(
            (*before.loops, loop) if loop else before.loops,
            (*before.conditions, condition) if condition else before.conditions,
            (*before.managers, manager) if manager is not None else before.managers,
            (*before.functions, function) if function else before.functions,
        )
        try:
            yield
        finally:
            self.context = before

    @contextmanager
    def as_in(self, other: Context) -> Iterator[None]:
        """Under the conditions too under which an element came into a list."""
        before = self.context
        more = tuple(one for one in other.conditions if one not in before.conditions)
        self.context = replace(before, conditions=(*before.conditions, *more))
        try:
            yield
        finally:
            self.context = before

    # What happens

    def happens(
        self,
        path: str,
        args: Sequence[Value],
        kwargs: Mapping[str, Value],
        place: Place,
        *,
        receiver: Value | None = None,
    ) -> Value:
        """A call of something that is not the program's own; gives what it gives."""
        made = Made(path, tuple(args), dict(kwargs), place, self.context, receiver)
        event = Event("call", path, receiver, made.args, made.kwargs, made, place, self.context)
        model = self.models.get(path)
        result: Value | None = model(self, event) if model is not None else None
        self.events.append(event if result is None else replace(event, result=result))
        return made if result is None else result

    def stored(self, receiver: Value, name: str, value: Value, place: Place) -> None:
        """An attribute or item of something that is not the program's own is set."""
        args = (value,)
        self.events.append(
            Event("store", f".{name}", receiver, args, {}, value, place, self.context)
        )

    def merge(self, condition: Value, then: list[Change], other: list[Change]) -> None:
        """The cells as they are when it is not known which of two branches was taken; both are
        taken back already."""
        firsts = {(id(c.cells), c.key): c for c in then}
        seconds = {(id(c.cells), c.key): c for c in other}
        for at in firsts | seconds:
            change = firsts.get(at) or seconds[at]
            a = firsts[at].new if at in firsts else change.old
            b = seconds[at].new if at in seconds else change.old
            self._join(condition, change, a, b)

    def _join(self, condition: Value, change: Change, a: Any, b: Any) -> None:
        cells, key, old = change.cells, change.key, change.old
        if a is MISSING and b is MISSING:
            self.remove(cells, key)
        elif a is MISSING or b is MISSING:
            self.write(cells, key, b if a is MISSING else a)
        elif isinstance(a, tuple) and isinstance(b, tuple):
            common = len(old) if isinstance(old, tuple) else 0
            self.write(cells, key, (*a, *(one for one in b[common:] if one not in a)))
        elif not isinstance(a, Value) or not isinstance(b, Value):
            self.write(cells, key, a or b)
        else:
            self.write(cells, key, either(condition, a, b))

    def keep(self, condition: Value, holds: bool, taken: list[Change], not_: list[Change]) -> None:
        """After the branch that is taken: what a number would have been in the other one stays
        with it as `if`. The taken one's changes stand, the other's are taken back."""
        news = {(id(c.cells), c.key): c for c in taken}
        for change in not_:
            now = change.cells.get(change.key, MISSING)
            if isinstance(now, (Known, Unknown)) and isinstance(change.new, Value):
                sides = (now, change.new) if holds else (change.new, now)
                self.write(change.cells, change.key, _choice(now, condition, sides))
        others = {(id(c.cells), c.key) for c in not_}
        for at, change in news.items():
            now = change.cells.get(change.key, MISSING)
            known = isinstance(now, (Known, Unknown)) and isinstance(change.old, Value)
            if at not in others and known:
                sides = (now, change.old) if holds else (change.old, now)
                self.write(change.cells, change.key, _choice(now, condition, sides))


def _choice(now: Known | Unknown, condition: Value, sides: tuple[Value, Value]) -> Value:
    if now in sides and same(*sides):
        return now
    return replace(now, op="if", operands=(condition, *sides))


def same(a: Value, b: Value) -> bool:
    """Whether two values are one, or equal constants."""
    if a is b:
        return True
    if isinstance(a, Known) and isinstance(b, Known):
        return type(a.value) is type(b.value) and bool(a.value == b.value)
    return False


def _alike(a: Value, b: Value) -> bool:
    """Whether two values are one file's, read twice."""
    if isinstance(a, Known) and isinstance(b, Known):
        return same(a, b) and a.origin == b.origin
    if isinstance(a, ListValue) and isinstance(b, ListValue):
        return len(a.items) == len(b.items) and all(map(_alike, a.values, b.values))
    if isinstance(a, DictValue) and isinstance(b, DictValue):
        return (
            a.origin.how == "configuration"
            and a.origin == b.origin
            and list(a.cells) == list(b.cells)
            and all(map(_alike, a.cells.values(), b.cells.values()))
        )
    return False


def either(condition: Value, a: Value, b: Value) -> Value:
    """What is a if the condition holds, else b, where that is not known."""
    if same(a, b):
        return a
    if isinstance(a, ListValue) and isinstance(b, ListValue) and a.cells is b.cells:
        return a
    if isinstance(a, DictValue) and isinstance(b, DictValue) and _alike(a, b):
        return a
    return Unknown(
        "depends on a condition that the text does not tell", op="if", operands=(condition, a, b)
    )
