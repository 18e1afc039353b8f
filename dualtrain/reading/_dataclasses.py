"""Classes whose annotations are their fields: dataclasses, attrs, named tuples."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from keyword import iskeyword

from dualtrain.reading import _attributes, _calls
from dualtrain.reading._executed import module_of
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    Class,
    Function,
    Instance,
    Known,
    Library,
    ListValue,
    Made,
    Origin,
    Unknown,
    Value,
    plain,
)

__all__ = ["MODELS", "Field", "construct", "default", "fields"]

FIELDS = frozenset({"dataclasses.field", "attr.ib", "attr.attrib", "attrs.field", "pydantic.Field"})
DECORATORS = ("dataclasses.dataclass", "attr.s", "attr.attrs", "attr.define", "attrs.define")
BASES = ("typing.NamedTuple", "pydantic.BaseModel", "tap.Tap")
"""Library classes whose subclasses' annotations are fields without a decorator."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a class."""

    name: str
    kind: str
    """Its annotation, as it is written."""
    value: Value | None
    """What the class body gives it: the default, or a call of `field`."""
    place: Place


def fields(of: Class) -> list[Field]:
    """The fields of a class and of its bases of the program, the bases' first."""
    found: dict[str, Field] = {}
    for one in reversed(of.line):
        for node in one.node.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                kind = ast.unparse(node.annotation).strip("'\"")
                if kind.startswith(("ClassVar", "typing.ClassVar")):
                    continue
                name, place = node.target.id, Place(one.module.file, node.lineno)
                value = one.cells.get(name) if node.value is not None else None
                found[name] = Field(name, kind, value, place)
            elif isinstance(node, ast.Assign) and len(node.targets) == 1:
                target = node.targets[0]
                value = one.cells.get(target.id) if isinstance(target, ast.Name) else None
                if isinstance(target, ast.Name) and (is_field(value) or target.id in found):
                    kind = found[target.id].kind if target.id in found else ""
                    place = Place(one.module.file, node.lineno)
                    found[target.id] = Field(target.id, kind, value, place)
    return list(found.values())


def is_field(value: Value | None) -> bool:
    """Whether it is what `field(...)` gave."""
    return isinstance(value, Made) and value.path in FIELDS


def default(machine: Machine, one: Field) -> Value | None:
    """A field's default; None where it has none."""
    if not isinstance(one.value, Made) or one.value.path not in FIELDS:
        return one.value
    words = one.value.kwargs
    factory = words.get("default_factory", words.get("factory"))
    if factory is not None:
        return _calls.call(machine, factory, [], {}, one.place)
    return words.get("default", next(iter(one.value.args), None))


def construct(
    machine: Machine, made: Instance, given: Mapping[str, Value], place: Place
) -> Instance:
    """Gives an object its fields, and what its class does behind that.

    What is given and is no field of the program's goes to the library's class below, whose
    `__init__` is an event that has all that is given.
    """
    known = {one.name for one in fields(made.of)}
    for one in fields(made.of):
        value = given[one.name] if one.name in given else default(machine, one)
        if value is None:
            why = f"{one.name} has no default and is not given"
            value = Unknown(why, Origin("computed", one.place), "parameter", (Known(one.name),))
        machine.write(made.cells, one.name, value)
    for name, value in given.items():
        if name not in known and name not in ("*", "**"):
            machine.write(made.cells, name, value)
    if made.of.library:
        machine.happens(f"{made.of.library}.__init__", [], given, place, receiver=made)
    after = next(_after(made.of), None)
    if after is not None:
        _calls.call(machine, after.bind(made), [], {}, place)
    return made


def _after(of: Class) -> Iterator[Function]:
    for one in of.line:
        for name in ("__post_init__", "__attrs_post_init__"):
            found = one.cells.get(name)
            if isinstance(found, Function):
                yield found


def _construct(machine: Machine, event: Event) -> Value | None:
    made = event.receiver
    if not isinstance(made, Instance):
        return None
    names = [one.name for one in fields(made.of)]
    given = {**dict(zip(names, event.args, strict=False)), **event.kwargs}
    return construct(machine, made, given, event.place)


def _replace(machine: Machine, event: Event) -> Value | None:
    """dataclasses.replace(object, **changes), and the method of a named tuple."""
    of = event.receiver or (event.args[0] if event.args else None)
    if not isinstance(of, Instance):
        return None
    made = Instance(of.of, event.place, dict(of.cells))
    for name, value in event.kwargs.items():
        _attributes.put(machine, made, name, value, event.place)
    return made


def _named_tuple(machine: Machine, event: Event) -> Value | None:
    """collections.namedtuple(name, fields, defaults=...): as the class of such annotations."""
    names = event.args[1] if len(event.args) > 1 else event.kwargs.get("field_names", Known(None))
    around = module_of(machine, event.place.file)
    try:
        told = plain(names)
    except ValueError:
        return None
    words = told.replace(",", " ").split() if isinstance(told, str) else told
    if not isinstance(words, (list, tuple)):
        return None
    if around is None or not all(isinstance(one, str) and one.isidentifier() for one in words):
        return None
    words = [one for one in words if not iskeyword(one)]  # with which Python ends in an error
    given = event.kwargs.get("defaults")
    last = given.values if isinstance(given, ListValue) else []
    cells = dict(zip(reversed(words), reversed(last), strict=False))
    body = "".join(f"\n {one}: object" + " = ..." * (one in cells) for one in words) or "\n pass"
    node = ast.parse(f"class Named:{body}").body[0]
    assert isinstance(node, ast.ClassDef)
    for one in ast.walk(node):
        if isinstance(one, (ast.stmt, ast.expr)):
            one.lineno = one.end_lineno = event.place.line
    return Class("Named", node, around, (Library("typing.NamedTuple"),), cells)


def _as_dict(machine: Machine, event: Event) -> Value | None:
    of = event.receiver or (event.args[0] if event.args else None)
    return _attributes.get(machine, of, "__dict__", event.place) if of is not None else None


MODELS: dict[str, Model] = {
    **{f"@{name}": _construct for name in (*DECORATORS, *BASES)},
    "dataclasses.replace": _replace,
    "dataclasses.asdict": _as_dict,
    "typing.NamedTuple._replace": _replace,
    "typing.NamedTuple._asdict": _as_dict,
    "collections.namedtuple": _named_tuple,
    "attr.asdict": _as_dict,
}
