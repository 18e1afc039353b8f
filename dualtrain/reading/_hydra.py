"""hydra: a function that is given the configuration beside it, with the command's changes."""

from __future__ import annotations

import re

from dualtrain.errors import SourceError
from dualtrain.reading import _argparse
from dualtrain.reading._config_nodes import merge
from dualtrain.reading._configurations import load, of_node
from dualtrain.reading._data_text import yaml_node
from dualtrain.reading._flags import labelled
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    DictValue,
    Function,
    Known,
    ListValue,
    Made,
    Origin,
    Unknown,
    Value,
)

__all__ = ["MODELS"]


def _main(machine: Machine, event: Event) -> Value | None:
    function, args, kwargs, decorator = machine.state["decorated"]
    if args or kwargs or not isinstance(decorator, Made) or not isinstance(function, Function):
        return None
    names = [one.arg for one in function.node.args.args]
    folder = _text(decorator.kwargs.get("config_path"))
    name = _text(decorator.kwargs.get("config_name"))
    if not names or not name:
        return None
    base = function.module.file.rpartition("/")[0]
    path = "/".join(one for one in (base, folder) if one)
    config = _composed(machine, path, name, event.place)
    if isinstance(config, DictValue):
        for word in _argparse.words_of(machine, None) or []:
            _override(machine, config, word, path, event.place)
        _resolved(machine, config, config)
    return DictValue({names[0]: config})


def _text(value: Value | None) -> str:
    return str(value.value) if isinstance(value, Known) and value.value is not None else ""


def _composed(machine: Machine, folder: str, name: str, place: Place, depth: int = 0) -> Value:
    """A file over what its `defaults` name, or before `_self_`, under it."""
    path = f"{folder}/{name}" if folder else name
    path = path if path.endswith((".yaml", ".yml")) else f"{path}.yaml"
    own = load(machine, "yaml 1.2", Known(path), place, attributes=True)
    if not isinstance(own, DictValue) or depth > 5:
        return own
    defaults = own.cells.pop("defaults", None)
    made = DictValue({}, own.origin, attributes=True)
    merged = False
    for one in defaults.values if isinstance(defaults, ListValue) else []:
        if isinstance(one, Known) and one.value == "_self_":
            merge(machine, made, own)
            merged = True
        elif isinstance(one, Known):
            found = _composed(machine, folder, str(one.value), place, depth + 1)
            if isinstance(found, DictValue):
                merge(machine, made, found)
        elif isinstance(one, DictValue):
            for key, value in one.cells.items():
                group = str(key).removeprefix("override ").removeprefix("optional ")
                if isinstance(value, Known) and value.value is not None:
                    _group(machine, made, folder, group, str(value.value), place)
    if not merged:
        merge(machine, made, own)
    return made


def _group(
    machine: Machine, into: DictValue, folder: str, group: str, name: str, place: Place
) -> None:
    group, _, package = group.partition("@")
    inner = f"{folder}/{group}" if folder else group
    found = _composed(machine, inner, name, place)
    if not isinstance(found, DictValue):
        machine.note(f"{place}: {getattr(found, 'why', '')}")
        return
    key = package or group.replace("/", ".")
    for part in reversed(key.split(".") if key != "_global_" else []):
        found = DictValue({part: found}, found.origin, attributes=True)
    merge(machine, into, found)


def _override(machine: Machine, config: DictValue, word: Known, folder: str, place: Place) -> None:
    """`a.b=3`, `+a.b=3`, `group=name`."""
    match = re.match(r"^\+{0,2}([\w./@]+)=(.*)$", str(word.value), re.DOTALL)
    if not match:
        return
    key, text = match[1], match[2]
    origin = Origin("command line", word.origin.place, key)
    *path, last = key.split(".")
    into = config
    for part in path:
        inner = into.cells.get(part)
        if not isinstance(inner, DictValue):
            inner = DictValue({}, origin, attributes=True)
            machine.write(into.cells, part, inner)
        into = inner
    if isinstance(into.cells.get(last), DictValue) and re.match(r"^\w+$", text):
        machine.remove(into.cells, last)
        _group(machine, config, folder, key, text, place)
        return
    try:
        value = of_node(yaml_node(text, place.file, exponents=True), attributes=True)
    except SourceError:
        value = Known(text)
    if isinstance(value, Known) and isinstance(value.value, str):
        value = Known(_number(value.value))
    machine.write(into.cells, last, labelled(value, origin))


def _number(text: str) -> float | str:
    """hydra reads 1e-4 as a number, which YAML 1.1 does not."""
    try:
        return float(text) if re.match(r"^[-+]?\d+(?:\.\d*)?[eE][-+]?\d+$", text) else text
    except ValueError:
        return text


def _resolved(machine: Machine, root: DictValue, at: DictValue) -> None:
    """`${a.b}` is what stands there; of anything else within braces nothing is known."""
    for key, value in list(at.cells.items()):
        if isinstance(value, DictValue):
            _resolved(machine, root, value)
        elif isinstance(value, Known) and isinstance(value.value, str):
            if "${" in value.value:
                machine.write(at.cells, key, _looked_up(root, value))
            elif (number := _number(value.value)) != value.value:
                machine.write(at.cells, key, Known(number, value.origin))


def _looked_up(root: DictValue, text: Known) -> Value:
    match = re.match(r"^\$\{([\w.]+)\}$", str(text.value))
    found: Value | None = root
    for part in match[1].split(".") if match else []:
        found = found.cells.get(part) if isinstance(found, DictValue) else None
    if match and isinstance(found, Known):
        return Known(found.value, found.origin, "interpolated", (text,))
    why = f"{text.value} is put in where the program runs"
    return Unknown(why, text.origin, "interpolated", (text,))


MODELS: dict[str, Model] = {"@hydra.main": _main}
