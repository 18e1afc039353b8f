"""absl: flags that a program defines one by one and reads from FLAGS."""

from __future__ import annotations

from dualtrain.reading import _argparse, _attributes, _calls
from dualtrain.reading._flags import declare, default_of, flags_of, stranger
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._values import (
    DictValue,
    Function,
    Item,
    Known,
    Library,
    ListValue,
    Origin,
    Unknown,
    Value,
)

__all__ = ["MODELS"]

KINDS = {
    "DEFINE_float": "float",
    "DEFINE_integer": "int",
    "DEFINE_string": "str",
    "DEFINE_enum": "str",
    "DEFINE_bool": "bool",
    "DEFINE_boolean": "bool",
    "DEFINE_list": "list",
    "DEFINE_spaceseplist": "list",
    "DEFINE_multi_string": "many str",
    "DEFINE_multi_integer": "many int",
    "DEFINE_multi_float": "many float",
}

MODULES = ("absl.flags", "tensorflow.app.flags", "gflags")


def _define(machine: Machine, event: Event) -> Value | None:
    name = event.args[0] if event.args else event.kwargs.get("name")
    default = event.args[1] if len(event.args) > 1 else event.kwargs.get("default", Known(None))
    if not isinstance(name, Known) or not isinstance(name.value, str):
        return None
    flag = f"--{name.value}"
    given = _given(machine, str(name.value), KINDS[event.name])
    declare(machine, flag, event.place, given=bool(given))
    value = default_of(default, flag, event.place)
    if isinstance(value, Known) and isinstance(value.value, str):
        value = _typed(KINDS[event.name], value)
    if given and KINDS[event.name].startswith("many"):
        items = {"items": tuple(map(Item, given)), "open": False}
        value = ListValue("list", items, Origin("command line", event.place, flag))
    elif given:
        value = given[-1]
    for module in MODULES:
        cells = _attributes.of_libraries(machine)
        machine.write(cells, (f"{module}.FLAGS", str(name.value)), value)
    held = {"value": value, "name": name, "default": default}
    return DictValue(held, Origin("computed", event.place), attributes=True)


def _given(machine: Machine, name: str, kind: str) -> list[Value]:
    """What the command gives for a flag, the last counts."""
    words = _argparse.words_of(machine, None) or []
    found: list[Known] = []
    for at, word in enumerate(words):
        text = str(word.value)
        bare = text[2:] if text.startswith("--") else text[1:] if text.startswith("-") else ""
        key, equal, value = bare.partition("=")
        origin = Origin("command line", word.origin.place, f"--{name}")
        if key == f"no{name}" and kind == "bool" and not equal:
            found.append(Known(False, origin))
        elif key == name and equal:
            found.append(Known(value, origin))
        elif key == name and kind == "bool":
            found.append(Known(True, origin))
        elif key == name and at + 1 < len(words):
            found.append(Known(str(words[at + 1].value), origin))
    return [_typed(kind.removeprefix("many "), one) for one in found]


def _typed(kind: str, text: Known) -> Value:
    value = text.value
    if not isinstance(value, str):
        return text
    if kind == "bool":
        return Known(value.lower() in ("true", "t", "1", "yes"), text.origin)
    if kind == "list":
        items = tuple(Item(Known(one.strip(), text.origin)) for one in value.split(",") if one)
        return ListValue("list", {"items": items, "open": False}, text.origin)
    if kind in ("int", "float"):
        return _number(kind, text)
    return text


def _number(kind: str, text: Known) -> Value:
    try:
        return Known(int(text.value, 0) if kind == "int" else float(text.value), text.origin)
    except ValueError:
        return Unknown(f"{text.value!r} is no {kind}", text.origin, kind, (text,))


def _run(machine: Machine, event: Event) -> Value | None:
    """app.run(main)."""
    main = event.args[0] if event.args else event.kwargs.get("main")
    for word in _argparse.words_of(machine, None) or []:
        name = str(word.value).lstrip("-").partition("=")[0]
        declared = flags_of(machine).declared
        known = f"--{name}" in declared or f"--{name.removeprefix('no')}" in declared
        if str(word.value).startswith("-") and not known:
            stranger(machine, word, event.place)
    if not isinstance(main, Function):
        return None
    argv = _attributes.get(machine, _SYS, "argv", event.place)
    takes = main.node.args.args or main.node.args.posonlyargs
    return _calls.call(machine, main, [argv] if takes else [], {}, event.place)


_SYS = Library("sys")

MODELS: dict[str, Model] = {
    **{f"{module}.{name}": _define for module in MODULES for name in KINDS},
    "absl.app.run": _run,
    "tensorflow.app.run": _run,
}
