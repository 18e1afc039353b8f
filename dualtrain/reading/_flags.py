"""Flags and keys that a program declares, and where it reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dualtrain.reading._machine import Machine
from dualtrain.reading._place import Place
from dualtrain.reading._values import Known, ListValue, Origin, Unknown, Value

__all__ = ["Flag", "Flags", "declare", "default_of", "flags_of", "labelled", "read", "stranger"]


@dataclass(slots=True)
class Flag:
    """A flag that the program declares."""

    name: str
    place: Place
    given: bool = False
    """Whether the command gives it."""
    reads: list[Place] = field(default_factory=list)
    """Where the program asks for its value; what prints all of them at once is not among these."""


@dataclass(slots=True)
class Flags:
    """All flags of a program, by name, and what a command gives that it does not know."""

    declared: dict[str, Flag] = field(default_factory=dict)
    strangers: list[Known] = field(default_factory=list)
    """Words of the command that the program's parser refuses."""


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


def read(machine: Machine, value: Value, place: Place) -> Value:
    """The value, which the program asks for here by the name of its flag."""
    for origin in _origins(value):
        flag = flags_of(machine).declared.get(origin.name) if origin.name else None
        if flag is not None and place not in flag.reads:
            flag.reads.append(place)
    return value


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
