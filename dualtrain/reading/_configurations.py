"""Configuration files that a program reads: YAML, JSON, TOML; each value with its key and line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from dualtrain.errors import SourceError
from dualtrain.reading import _methods
from dualtrain.reading._data_text import json_node, yaml_node
from dualtrain.reading._files import text_of
from dualtrain.reading._flags import flags_of
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._node import Node
from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    DictValue,
    Item,
    Known,
    ListValue,
    Origin,
    Unknown,
    Value,
)

__all__ = ["MODELS", "load", "of_node"]


def of_node(node: Node, key: str = "", *, attributes: bool = False) -> Value:
    """A configuration's tree as a value; key: what it is called in the file, with dots."""
    origin = Origin("configuration", node.place, key)
    if isinstance(node.value, dict):
        inner = f"{key}." if key else ""
        cells: dict[Any, Value] = {
            name: of_node(one, f"{inner}{name}", attributes=attributes)
            for name, one in node.value.items()
        }
        return DictValue(cells, origin, attributes=attributes)
    if isinstance(node.value, list):
        items = tuple(Item(of_node(one, key, attributes=attributes)) for one in node.value)
        return ListValue("list", {"items": items, "open": False}, origin)
    if isinstance(node.value, (bool, int, float, str, type(None))):
        return Known(node.value, origin)
    return Unknown(f"{type(node.value).__name__} is no number or text", origin)


def toml_node(text: str, file: str) -> Node:
    """A TOML text as a tree; each value stands where its key is first written.

    Raises SourceError: it is no TOML, or this Python cannot read it.
    """
    try:
        import tomllib
    except ImportError:
        raise SourceError(f"{file}: TOML is read from Python 3.11 on") from None
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise SourceError(f"{file}: not TOML: {fault}") from None
    lines = text.split("\n")

    def line(key: str) -> int:
        starts = (n for n, one in enumerate(lines, 1) if one.lstrip().startswith(key))
        return next(starts, 1)

    def made(value: Any, key: str) -> Node:
        place = Place(file, line(key) if key else 1)
        if isinstance(value, dict):
            return Node({name: made(one, name) for name, one in value.items()}, place)
        if isinstance(value, list):
            return Node([made(one, key) for one in value], place)
        return Node(value, place)

    return made(tree, "")


READERS: Mapping[str, Callable[[str, str], Node]] = {
    "yaml": yaml_node,
    "yaml 1.2": partial(yaml_node, exponents=True),
    "json": json_node,
    "toml": toml_node,
}


def load(
    machine: Machine, kind: str, source: Value, place: Place, *, attributes: bool = False
) -> Value:
    """What a file or a text says; kind: `yaml`, `yaml 1.2`, `json` or `toml`."""
    text = source if _is_text(source) else text_of(machine, source, place)
    if not isinstance(text, Known):
        return text
    file = text.origin.place.file if text.origin.place else place.file
    try:
        found = of_node(READERS[kind](text.value, file), attributes=attributes)
        if kind == "yaml" and machine.context.real:
            flags_of(machine).text_numbers += _text_numbers(found)
        return found
    except SourceError as fault:
        machine.note(str(fault))
        return Unknown(str(fault), Origin("configuration", text.origin.place), "file", (text,))


def _text_numbers(value: Value) -> list[Known]:
    """What YAML 1.1 reads as text although it is a number to anyone else."""
    if isinstance(value, DictValue):
        return [each for one in value.cells.values() for each in _text_numbers(one)]
    if isinstance(value, ListValue):
        return [each for one in value.values for each in _text_numbers(one)]
    if isinstance(value, Known) and isinstance(value.value, str):
        return [value] if NUMBER.match(value.value) else []
    return []


NUMBER = re.compile(r"^[-+]?\d+(?:\.\d*)?[eE][-+]?\d+$")


def _is_text(source: Value) -> bool:
    known = isinstance(source, Known) and isinstance(source.value, str)
    return known and (source.op == "file" or "\n" in source.value or "{" in source.value)  # type: ignore[attr-defined]


def _loads(kind: str, attributes: bool = False) -> Model:
    def model(machine: Machine, event: Event) -> Value | None:
        given = event.args[0] if event.args else next(iter(event.kwargs.values()), None)
        if given is None:
            return None
        return load(machine, kind, given, event.place, attributes=attributes)

    return model


def _omega(machine: Machine, event: Event) -> Value | None:
    """OmegaConf.load and create: YAML, whose keys are attributes."""
    given = event.args[0] if event.args else None
    if isinstance(given, DictValue):
        return _methods.attributes_of(given)
    return None if given is None else load(machine, "yaml 1.2", given, event.place, attributes=True)


MODELS: dict[str, Model] = {
    **{
        f"{module}.{name}": _loads(dialect)
        for module, dialect in (("yaml", "yaml"), ("ruamel_yaml", "yaml 1.2"))
        for name in ("load", "safe_load", "full_load", "unsafe_load", "round_trip_load")
    },
    "ruamel.yaml.YAML.load": _loads("yaml 1.2"),
    "ruamel.yaml.safe_load": _loads("yaml"),
    "ruamel.yaml.load": _loads("yaml"),
    "json.load": _loads("json"),
    "json.loads": _loads("json"),
    "toml.load": _loads("toml"),
    "toml.loads": _loads("toml"),
    "tomllib.load": _loads("toml"),
    "tomllib.loads": _loads("toml"),
    "omegaconf.OmegaConf.load": _omega,
    "omegaconf.OmegaConf.create": _omega,
}
