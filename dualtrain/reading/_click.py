"""click: options that decorate a function, which a call without arguments fills in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dualtrain.reading import _argparse, _calls
from dualtrain.reading._argparse_words import Argument
from dualtrain.reading._flags import declare, stranger
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    DictValue,
    Function,
    Known,
    Library,
    ListValue,
    Made,
    Origin,
    Value,
)

__all__ = ["MODELS", "filled"]

COMMANDS = "commands of groups"
OPTIONS = {"click.option": True, "click.argument": False}

TYPES = {
    "click.INT": "int",
    "click.FLOAT": "float",
    "click.IntRange": "int",
    "click.FloatRange": "float",
    "click.BOOL": "bool",
    "click.types.INT": "int",
    "click.types.FLOAT": "float",
    "builtins.int": "int",
    "builtins.float": "float",
    "builtins.bool": "bool",
}


def _options(function: Function) -> list[Argument]:
    """The options that decorate a function."""
    made = [one for one in function.decorators if isinstance(one, Made) and one.path in OPTIONS]
    return [_argument(one) for one in made]


def _argument(of: Made) -> Argument:
    texts = [str(one.value) for one in of.args if isinstance(one, Known)]
    words: dict[str, Value] = {}
    names = [one for one in texts if one.startswith("-")]
    bare = [one for one in texts if not one.startswith("-")]
    both = [one for one in names if "/" in one]
    if both:
        on, _, off = both[0].partition("/")
        names = [on.strip(), *(one for one in names if "/" not in one)]
        words["off"] = Known(off.strip())
    first = bare[0] if bare else max(names, key=len, default="").lstrip("-")
    words["dest"] = Known(first.replace("-", "_").lower())
    default, kind = of.kwargs.get("default"), _type(of.kwargs)
    default = None if isinstance(default, Known) and default.value is None else default
    flag = of.kwargs.get("is_flag")
    if OPTIONS[of.path] and (both or (isinstance(flag, Known) and flag.value)):
        words |= {
            "action": Known("store_true"),
            "default": default or Known(False, Origin("literal", of.place)),
        }
    elif isinstance(of.kwargs.get("count"), Known):
        words |= {
            "action": Known("count"),
            "default": default or Known(0, Origin("literal", of.place)),
        }
    else:
        words["type"] = kind
        if isinstance(of.kwargs.get("multiple"), Known):
            words["action"] = Known("append")
            default = default or ListValue("tuple", origin=Origin("literal", of.place))
        words |= {"default": default} if default is not None else {}
        words |= {name: of.kwargs[name] for name in ("nargs", "required") if name in of.kwargs}
    if not OPTIONS[of.path]:
        nargs = words.get("nargs")
        many = isinstance(nargs, Known) and nargs.value == -1
        words |= {"nargs": Known("*" if many else "?")} if many or default is not None else {}
        return Argument((), words, of.place)
    return Argument(tuple(names), words, of.place)


def _type(words: Mapping[str, Value]) -> Value:
    """The type as it is given, else that of the default."""
    kind, default = words.get("type"), words.get("default")
    if kind is None and isinstance(default, Known) and not isinstance(default.value, (str, bool)):
        name = type(default.value).__name__
        return Library(f"builtins.{name}") if name in ("int", "float") else Known(None)
    path = _calls.path_of(kind) if kind is not None else ""
    name = TYPES.get(path, "")
    if name == "bool":
        return Library("transformers.hf_argparser.string_to_bool")
    return Library(f"builtins.{name}") if name else Known(None)


def filled(
    machine: Machine,
    arguments: Sequence[Argument],
    words: list[Known] | None,
    place: Place,
    *,
    strict: bool = True,
) -> tuple[DictValue, list[Known]]:
    """The arguments with what the words give them; and words that are none of theirs."""
    cells: dict[str, Any] = {
        _argparse.ARGUMENTS: tuple(arguments),
        _argparse.OPTIONS: {"allow_abbrev": False, "conflict_handler": "resolve"},
    }
    for one in arguments:
        declare(machine, one.flag, one.place)
    parser = Made("argparse.ArgumentParser", (), {}, place, machine.context, cells=cells)
    found, space = _argparse.parse(machine, parser, words, place)
    rest = [_argparse.word_of(words or [], one) for one in found.strangers]
    off = {
        str(one.words["off"].value): one  # type: ignore[attr-defined]
        for one in arguments
        if "off" in one.words
    }
    for word in list(rest):
        if word.value in off:
            one = off[str(word.value)]
            origin = Origin("command line", word.origin.place, one.flag)
            machine.write(space.cells, one.dest, Known(False, origin))
            rest.remove(word)
    if strict:
        for word in rest:
            stranger(machine, word, place)
    return space, rest


def _command(machine: Machine, event: Event) -> Value | None:
    """A call of a decorated function, from the program's end: with the command's words."""
    function, args, kwargs, _ = machine.state["decorated"]
    if not isinstance(function, Function) or args or kwargs:
        return None
    words = machine.state.pop("words of a command", None)
    given = _argparse.words_of(machine, None) if words is None else words
    space, _ = filled(machine, _options(function), given, event.place)
    return space


TRAINS = re.compile(r"train|fit|fine-?tune")
"""Names of a group's commands that train."""


def _group(machine: Machine, event: Event) -> Value | None:
    """A call of a group: its own options, then the command that the words name."""
    function, args, kwargs, _ = machine.state["decorated"]
    entered: set[object] = machine.state.setdefault("groups entered", set())
    if not isinstance(function, Function) or args or kwargs or function.node in entered:
        return None
    words = _argparse.words_of(machine, None) or []
    commands: dict[str, Function] = machine.state.get(COMMANDS, {}).get(function.node, {})
    at = next((n for n, one in enumerate(words) if one.value in commands), None)
    trains = [name for name in commands if TRAINS.match(name)]
    if at is None and len(trains) == 1:
        machine.note(f"{event.place}: no command of the group is given; read as {trains[0]}")
        words, at = [Known(trains[0]), *words], 0
    space, _ = filled(machine, _options(function), words[:at], event.place)
    given = {str(name): value for name, value in space.cells.items()}
    entered.add(function.node)
    _calls.call(machine, function, [], given, event.place)
    entered.discard(function.node)
    if at is not None:
        machine.state["words of a command"] = words[at + 1 :]
        _calls.call(machine, commands[str(words[at].value)], [], {}, event.place)
    return Known(None)


def _join_group(machine: Machine, event: Event) -> Value | None:
    """@group.command()."""
    decorator, (function,) = event.receiver, event.first(1)
    group = decorator.receiver if isinstance(decorator, Made) else None
    if (
        isinstance(group, Function)
        and isinstance(function, Function)
        and isinstance(decorator, Made)
    ):
        given = decorator.args[0] if decorator.args else decorator.kwargs.get("name")
        name = given.value if isinstance(given, Known) else function.name.replace("_", "-")
        machine.state.setdefault(COMMANDS, {}).setdefault(group.node, {})[name] = function
    return None


MODELS: dict[str, Model] = {
    "@click.command": _command,
    "@.command": _command,
    "@click.group": _group,
    "decorate:.command": _join_group,
}
