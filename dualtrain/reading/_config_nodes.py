"""Configurations as nodes whose keys are attributes: yacs and its like."""

from __future__ import annotations

import ast

from dualtrain.reading._configurations import load
from dualtrain.reading._flags import labelled, read
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._methods import attributes_of, copied
from dualtrain.reading._values import DictValue, Known, ListValue, Origin, Unknown, Value

__all__ = ["METHODS", "MODELS", "merge"]


def merge(machine: Machine, into: DictValue, other: DictValue, *, decode: bool = False) -> None:
    """Puts one mapping over another, key by key; decode: a text that is a literal is its value."""
    for key, value in other.cells.items():
        old = into.cells.get(key)
        if isinstance(old, DictValue) and isinstance(value, DictValue):
            merge(machine, old, value, decode=decode)
        else:
            machine.write(into.cells, key, _decoded(value) if decode else value)


def _decoded(value: Value) -> Value:
    """What yacs makes of a text: the literal that it is, or itself."""
    if isinstance(value, Known) and isinstance(value.value, str) and len(value.value) < 1000:
        try:
            found = ast.literal_eval(value.value)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return value
        if isinstance(found, (bool, int, float, str, type(None))):
            return Known(found, value.origin, value.op, value.operands)
    return attributes_of(value)


def _node(event: Event) -> DictValue | None:
    return event.receiver if isinstance(event.receiver, DictValue) else None


def _from_file(machine: Machine, event: Event) -> Value | None:
    into = _node(event)
    if into is None or not event.args:
        return None
    found = load(machine, "yaml", event.args[0], event.place, attributes=True)
    if isinstance(found, DictValue):
        merge(machine, into, found, decode=True)
    else:
        machine.note(f"{event.place}: {getattr(found, 'why', '')}")
        _unsettle(machine, into, found)
    return Known(None)


def _unsettle(machine: Machine, into: DictValue, why: Value) -> None:
    """A file that cannot be read may change anything."""
    for key, value in list(into.cells.items()):
        if isinstance(value, DictValue):
            _unsettle(machine, value, why)
        elif isinstance(value, (Known, ListValue)):
            text = getattr(why, "why", "")
            machine.write(into.cells, key, Unknown(text, value.origin, "file", (why, value)))


def _from_list(machine: Machine, event: Event) -> Value | None:
    into, given = _node(event), (*event.args, Known(None))[0]
    if into is None:
        return None
    if not isinstance(given, ListValue) or given.open:
        return Known(None)
    for key, value in zip(given.values[::2], given.values[1::2], strict=False):
        if isinstance(key, Known):
            read(machine, value, event.place)
            _set(machine, into, str(key.value), value)
    return Known(None)


def _set(machine: Machine, into: DictValue, key: str, value: Value) -> None:
    *path, last = key.split(".")
    for name in path:
        inner = into.cells.get(name)
        if not isinstance(inner, DictValue):
            return
        into = inner
    origin = getattr(value, "origin", Origin())
    new = labelled(_decoded(value), Origin(origin.how, origin.place, key))
    machine.write(into.cells, last, new)


def _from_other(machine: Machine, event: Event) -> Value | None:
    into, other = _node(event), (*event.args, Known(None))[0]
    if into is None or not isinstance(other, DictValue):
        return None
    dotted = event.name == "merge_from_dict"
    if dotted and any("." in str(key) for key in other.cells):
        for key, value in other.cells.items():
            _set(machine, into, str(key), value)
    else:
        merge(machine, into, other)
    return Known(None)


def _nothing(machine: Machine, event: Event) -> Value | None:
    return Known(None) if _node(event) is not None else None


def _clone(machine: Machine, event: Event) -> Value | None:
    of = _node(event)
    return None if of is None else copied(of)


def _load(machine: Machine, event: Event) -> Value | None:
    """CfgNode.load_cfg(file)."""
    if not event.args:
        return None
    found = load(machine, "yaml", event.args[0], event.place, attributes=True)
    if not isinstance(found, DictValue):
        return found
    made = DictValue({}, found.origin, attributes=True)
    merge(machine, made, found, decode=True)
    return made


METHODS: dict[str, Model] = {
    "merge_from_file": _from_file,
    "merge_from_list": _from_list,
    "merge_from_other_cfg": _from_other,
    "merge_from_dict": _from_other,
    "clone": _clone,
    "freeze": _nothing,
    "defrost": _nothing,
    "set_new_allowed": _nothing,
}

NODES = (
    "yacs.config.CfgNode",
    "fvcore.common.config.CfgNode",
    "detectron2.config.CfgNode",
    "ml_collections.ConfigDict",
    "ml_collections.config_dict.ConfigDict",
)


def _made(machine: Machine, event: Event) -> Value | None:
    first = event.args[0] if event.args else DictValue({}, Origin("literal", event.place))
    return attributes_of(first) if isinstance(first, DictValue) else None


MODELS: dict[str, Model] = {
    **{name: _made for name in NODES},
    **{f"{name}.load_cfg": _load for name in NODES},
    **{f"<node>.{name}": model for name, model in METHODS.items()},
}
