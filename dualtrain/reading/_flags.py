"""Flags and keys that a program declares, and where it reads them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dualtrain.reading._machine import Machine
from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    Class,
    Condition,
    DictValue,
    Function,
    Known,
    ListValue,
    Origin,
    Unknown,
    Value,
)

__all__ = [
    "Chosen",
    "Default",
    "Flag",
    "Flags",
    "Overwritten",
    "chooses",
    "declare",
    "default_of",
    "defaulted",
    "enclosed",
    "flags_of",
    "labelled",
    "overwrites",
    "passed",
    "read",
    "stranger",
    "uses_by_name",
]


@dataclass(slots=True)
class Flag:
    """A flag that the program declares."""

    name: str
    place: Place
    given: bool = False
    """Whether the command gives it."""
    reads: list[Place] = field(default_factory=list)
    """Where the program asks for its value; what prints all of them at once is not among these,
    nor what only hands it to a function of the program's own."""
    idle: bool = True
    """Whether all that ask are in branches that are not entered."""
    passes: list[Place] = field(default_factory=list)
    """Where it is handed to a function of the program's own."""


@dataclass(frozen=True, slots=True)
class Overwritten:
    """A setting that a later line replaces."""

    name: str
    old: Known
    new: Known
    place: Place | None
    """Of the line that replaces it."""
    words: tuple[str, ...] = ()
    """Flags whose words decide that it is reached."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A mapping of which a flag's word picks one entry."""

    flag: str
    key: str
    of: DictValue
    place: Place


@dataclass(slots=True)
class Default:
    """A default of a parameter."""

    value: Known
    function: Function
    applies: bool = False
    """Whether a call leaves it as it is."""
    given: Value | None = None
    """What a call gives in its place."""


@dataclass(slots=True)
class Flags:
    """All flags of a program, by name, and what a command gives that it does not know."""

    declared: dict[str, Flag] = field(default_factory=dict)
    strangers: list[Known] = field(default_factory=list)
    """Words of the command that the program's parser refuses."""
    text_numbers: list[Known] = field(default_factory=list)
    """Values of YAML that look like numbers and are text, for they have no dot: `1e-4`."""
    overwritten: list[Overwritten] = field(default_factory=list)
    """Settings that a later line sets anew."""
    chosen: list[Chosen] = field(default_factory=list)
    defaults: dict[tuple[Place, str], Default] = field(default_factory=dict)
    """Numbers that parameters of the program's functions have by default, by the function's place
    and the parameter."""


def flags_of(machine: Machine) -> Flags:
    """The flags that a reading has met so far."""
    found: Flags = machine.state.setdefault("flags", Flags())
    return found


def declare(machine: Machine, name: str, place: Place, given: bool = False) -> None:
    """Notes a flag; one of a branch that is not entered does not count."""
    if not machine.context.real:
        return
    flag = flags_of(machine).declared.setdefault(name, Flag(name, place))
    flag.given = flag.given or given


def stranger(machine: Machine, word: Known, place: Place) -> None:
    """Notes a word of the command that the parser does not know, so that the program ends."""
    known = flags_of(machine)
    if machine.context.real and all(one is not word for one in known.strangers):
        known.strangers.append(word)
        machine.note(f"{place}: the parser does not know {word.value!r}, which the command gives")


def passed(machine: Machine, value: Value, place: Place) -> Value:
    """The value, which a function of the program's own is handed here and may use."""
    for origin in _origins(value):
        if origin.how == "configuration" and origin.name and origin.place:
            declare(machine, origin.name, origin.place)
        flag = flags_of(machine).declared.get(origin.name) if origin.name else None
        if flag is not None and place not in flag.passes:
            flag.passes.append(place)
    return value


def overwrites(
    machine: Machine, name: str, old: Value | None, new: Value, place: Place | None = None
) -> None:
    """Notes a setting that is set anew, by a line that is reached for certain."""
    if not isinstance(old, Known) or not isinstance(new, Known) or not machine.context.real:
        return
    by_file = new.origin.how == "configuration"
    if old.value == new.value and not by_file and new.origin.how not in OUTSIDE:
        return
    tests = [one for one in machine.context.conditions if not (by_file and _asks_for_a_key(one))]
    if all(one.taken for one in tests) and (by_file or not machine.context.loops):
        each = [flag for one in tests if one.holds for flag in _words_of(one.test)]
        flags_of(machine).overwritten.append(Overwritten(name, old, new, place, tuple(each)))


OUTSIDE = ("flag default", "command line")


def _asks_for_a_key(condition: Condition) -> bool:
    test = condition.test
    return condition.taken is None and isinstance(test, Unknown) and test.op == "in"


def _words_of(test: Value) -> Iterator[str]:
    """Flags that a test compares with a word."""
    if isinstance(test, Known) and test.op == "==":
        for one in test.operands:
            if isinstance(one, Known) and isinstance(one.value, str) and one.origin.name:
                yield one.origin.name


def chooses(machine: Machine, of: DictValue, index: Known, place: Place) -> None:
    """Notes a mapping of which a flag's word picks one entry."""
    flag, key = index.origin, index.value
    of_flag = bool(flag.name) and flag.how in OUTSIDE and isinstance(key, str)
    if of_flag and len(of.cells) > 1 and machine.context.real:
        flags_of(machine).chosen.append(Chosen(flag.name, str(key), of, place))


def defaulted(machine: Machine, function: Function, name: str, value: Value, given: bool) -> None:
    """Notes what a call makes of a parameter whose default is a number."""
    default = function.defaults.get(name)
    if not isinstance(default, Known) or not _is_number(default) or not machine.context.real:
        return
    place = Place(function.module.file, function.node.lineno)
    kept = flags_of(machine).defaults.setdefault((place, name), Default(default, function))
    same = isinstance(value, Known) and value.value == default.value
    kept.applies = kept.applies or not given or same
    kept.given = value if given else kept.given


def _is_number(of: Known) -> bool:
    return isinstance(of.value, (int, float)) and not isinstance(of.value, bool)


def read(machine: Machine, value: Value, place: Place) -> Value:
    """The value, which the program asks for here by the name of its flag."""
    for origin in _origins(value):
        flag = flags_of(machine).declared.get(origin.name) if origin.name else None
        if flag is not None:
            flag.idle = flag.idle and not machine.context.real
        if flag is not None and place not in flag.reads:
            flag.reads.append(place)
    return value


def enclosed(machine: Machine, function: Function) -> None:
    """A function that is used may use the names around it."""
    seen: set[int] = machine.state.setdefault("functions enclosed", set())
    if id(function.node) in seen:
        return
    seen.add(id(function.node))
    for node in ast.walk(function.node):
        if isinstance(node, ast.Name):
            found = next((one[node.id] for one in function.scopes if node.id in one), None)
            if found is not None:
                read(machine, found, Place(function.module.file, node.lineno))


def uses_by_name(callee: Value) -> bool:
    """Whether it is the program's own, and has a name for each of its arguments."""
    if isinstance(callee, Class):
        found = [one.cells["__init__"] for one in callee.line if "__init__" in one.cells]
        callee = found[0] if found else callee
    return (
        isinstance(callee, Function)
        and callee.node.args.vararg is None
        and callee.node.args.kwarg is None
        and not callee.decorators
    )


def _origins(value: Value) -> Iterator[Origin]:
    if isinstance(value, (Known, Unknown)) and value.op == "if":
        yield value.origin
        for one in value.operands[1:]:
            yield from _origins(one)
    elif isinstance(value, (Known, Unknown, ListValue)):
        yield value.origin


def labelled(value: Value, origin: Origin) -> Value:
    """The value as what came this way."""
    match value:
        case Known() | Unknown():
            return replace(value, origin=origin)
        case ListValue():
            return ListValue(value.kind, value.cells, origin, value.over)
    return value


def default_of(value: Value, flag: str, place: Place) -> Value:
    """The value as a flag's default: of a configuration where it comes out of one."""
    origin: Any = getattr(value, "origin", Origin())
    how = "configuration" if origin.how == "configuration" else "flag default"
    return labelled(value, Origin(how, origin.place or place, flag))
