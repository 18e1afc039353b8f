"""Flags and keys that a program declares, and where it reads them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dualtrain.reading._machine import Machine
from dualtrain.reading._place import Place
from dualtrain.reading._values import Class, Function, Known, ListValue, Origin, Unknown, Value

__all__ = [
    "Flag",
    "Flags",
    "declare",
    "default_of",
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
    passes: list[Place] = field(default_factory=list)
    """Where it is handed to a function of the program's own."""


@dataclass(slots=True)
class Flags:
    """All flags of a program, by name, and what a command gives that it does not know."""

    declared: dict[str, Flag] = field(default_factory=dict)
    strangers: list[Known] = field(default_factory=list)
    """Words of the command that the program's parser refuses."""
    text_numbers: list[Known] = field(default_factory=list)
    """Values of YAML that look like numbers and are text, for they have no dot: `1e-4`."""
    overwritten: list[tuple[str, Known, Known]] = field(default_factory=list)
    """Numbers of the program that a later line sets anew: name, the first and the last."""


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


def overwrites(machine: Machine, name: str, old: Value | None, new: Value) -> None:
    """Notes a number that is set anew, by a line that is reached for certain."""
    sure = all(one.taken for one in machine.context.conditions) and not machine.context.loops
    if not sure or not isinstance(old, Known) or not isinstance(new, Known):
        return
    if _is_number(old) and _is_number(new) and old.value != new.value:
        flags_of(machine).overwritten.append((name, old, new))


def _is_number(of: Known) -> bool:
    return isinstance(of.value, (int, float)) and not isinstance(of.value, bool)


def read(machine: Machine, value: Value, place: Place) -> Value:
    """The value, which the program asks for here by the name of its flag."""
    for origin in _origins(value):
        flag = flags_of(machine).declared.get(origin.name) if origin.name else None
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
