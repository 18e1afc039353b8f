"""argparse: the flags a program declares, and the namespace that a command makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dualtrain.reading import _attributes, _calls
from dualtrain.reading._argparse_words import CONST, Argument, Heard, Parser, Split, split
from dualtrain.reading._flags import declare, default_of, labelled, stranger
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    Class,
    DictValue,
    Instance,
    Item,
    Known,
    Library,
    ListValue,
    Made,
    Origin,
    Unknown,
    Value,
    plain,
)

__all__ = ["MODELS", "argument_of", "parse", "word_of", "words_in_order", "words_of"]

ARGUMENTS, DEFAULTS, OPTIONS, INNER, DEST = (
    "<arguments>",
    "<defaults>",
    "<options>",
    "<subcommands>",
    "<dest>",
)
"""Cells of a parser's object."""

OPTION_WORDS = ("prefix_chars", "allow_abbrev", "conflict_handler", "add_help")


def _cells(of: Value | None) -> dict[str, Any]:
    return of.cells if isinstance(of, (Made, Instance)) else {}


def _parser(machine: Machine, event: Event) -> Value | None:
    """ArgumentParser(...), or the __init__ of a class of the program that derives from it."""
    made = event.receiver if event.name == "__init__" else event.result
    cells, options = _cells(made), dict[str, Any]()
    for name in OPTION_WORDS:
        value = event.kwargs.get(name)
        if isinstance(value, Known):
            options[name] = value.value
    machine.write(cells, OPTIONS, options)
    machine.write(cells, "argument_default", event.kwargs.get("argument_default"))
    parents = event.kwargs.get("parents")
    for parent in parents.values if isinstance(parents, ListValue) else ():
        more = _cells(parent)
        for name in (ARGUMENTS, DEFAULTS):
            machine.write(cells, name, (*cells.get(name, ()), *more.get(name, ())))
    return Known(None) if event.name == "__init__" else made


def argument_of(machine: Machine, event: Event) -> Argument | None:
    """The argument that a call declares; None where its name is not known."""
    names = [one.value if isinstance(one, Known) else None for one in event.args]
    if not all(isinstance(one, str) for one in names) or "*" in event.kwargs:
        machine.note(f"{event.place}: a flag whose name the text does not tell")
        return None
    made = Argument(tuple(str(one) for one in names), event.kwargs, event.place)
    return made if made.dest else None


def _add_argument(machine: Machine, event: Event) -> Value | None:
    argument = argument_of(machine, event)
    cells = _cells(event.receiver)
    if argument is None:
        return None
    defaults = dict(cells.get(DEFAULTS, ()))
    if "default" not in argument.words:
        default = defaults.get(argument.dest, cells.get("argument_default"))
        if default is not None:
            words = {**argument.words, "default": default}
            argument = Argument(argument.names, words, argument.place)
    machine.write(cells, ARGUMENTS, (*cells.get(ARGUMENTS, ()), argument))
    declare(machine, argument.flag, argument.place)
    return None


def _group(machine: Machine, event: Event) -> Value | None:
    return event.receiver


def _subparsers(machine: Machine, event: Event) -> Value | None:
    machine.write(_cells(event.receiver), DEST, event.kwargs.get("dest"))
    return None


def _subparser(machine: Machine, event: Event) -> Value | None:
    made = _parser(machine, event)
    of = event.receiver.receiver if isinstance(event.receiver, Made) else None
    name = event.args[0] if event.args else event.kwargs.get("name")
    if isinstance(name, Known):
        cells = _cells(of)
        machine.write(cells, INNER, (*cells.get(INNER, ()), (str(name.value), made)))
    return made


def _set_defaults(machine: Machine, event: Event) -> Value | None:
    cells = _cells(event.receiver)
    given = {name: value for name, value in event.kwargs.items() if name not in ("*", "**")}
    changed = [
        Argument(one.names, {**one.words, "default": given[one.dest]}, one.place)
        if one.dest in given
        else one
        for one in cells.get(ARGUMENTS, ())
    ]
    machine.write(cells, ARGUMENTS, tuple(changed))
    machine.write(cells, DEFAULTS, (*cells.get(DEFAULTS, ()), *given.items()))
    return Known(None)


def _get_default(machine: Machine, event: Event) -> Value | None:
    name = event.args[0] if event.args else event.kwargs.get("dest")
    for one in _cells(event.receiver).get(ARGUMENTS, ()):
        if isinstance(name, Known) and one.dest == name.value:
            return default(machine, one)
    return None


def _parse_args(machine: Machine, event: Event) -> Value | None:
    known_only = "known" in event.name
    given = event.args[0] if event.args else event.kwargs.get("args")
    space = event.args[1] if len(event.args) > 1 else event.kwargs.get("namespace")
    words = words_of(machine, given)
    split_, made = parse(machine, event.receiver, words, event.place, space)
    rest = words_in_order(words or [], split_.strangers)
    if not known_only:
        for one in rest:
            stranger(machine, one, event.place)
        return made
    left = ListValue("list", {"items": tuple(map(Item, rest)), "open": words is None})
    return ListValue("tuple", {"items": (Item(made), Item(left)), "open": False})


def words_of(machine: Machine, given: Value | None) -> list[Known] | None:
    """The words to be parsed; None where the text does not tell."""
    if given is None or (isinstance(given, Known) and given.value is None):
        given = _attributes.get(machine, Library("sys"), "argv", Place("", 0))
        if not isinstance(given, ListValue):
            return list(machine.argv)
        given = ListValue("list", {"items": given.items[1:], "open": given.open})
    try:
        plain(given)
    except ValueError:
        return None
    values = given.values if isinstance(given, ListValue) else []
    return [one for one in values if isinstance(one, Known)]


def word_of(words: Sequence[Known], text: str, option: str | None = None) -> Known:
    """The word of the command with this text, behind its option where there is one."""
    options = [at for at, one in enumerate(words) if option and one.value == option]
    for one in (*(words[options[-1] :] if options else ()), *words):
        if one.value == text or (option and one.value == f"{option}={text}"):
            return Known(text, Origin("command line", one.origin.place, one.origin.name))
    return Known(text, Origin("command line", words[0].origin.place if words else None))


def words_in_order(words: Sequence[Known], texts: Sequence[str]) -> list[Known]:
    """The words of the command with these texts, each behind the one before."""
    found, at = list[Known](), 0
    for text in texts:
        here = next((i for i in range(at, len(words)) if words[i].value == text), None)
        found.append(word_of(words if here is None else words[here:], text))
        at = at if here is None else here + 1
    return found


def _tree(of: Value | None) -> Parser:
    cells = _cells(of)
    dest = cells.get(DEST)
    inner = [(name, _tree(one)) for name, one in cells.get(INNER, ())]
    options = {k: v for k, v in cells.get(OPTIONS, {}).items() if k != "add_help"}
    name = str(dest.value) if isinstance(dest, Known) and dest.value else None
    return Parser(cells.get(ARGUMENTS, ()), options, name, inner, of)


def parse(
    machine: Machine,
    parser: Value | None,
    words: list[Known] | None,
    place: Place,
    space: Value | None = None,
) -> tuple[Split, DictValue]:
    """The words told apart, and the namespace that they make; words: None if not known."""
    tree = _tree(parser)
    found = split(tree, [str(one.value) for one in words or ()])
    if found.refused:
        machine.note(f"{place}: the parser refuses the command: {found.refused}")
    made = space if isinstance(space, DictValue) else None
    made = made or DictValue({}, Origin("computed", place), attributes=True)
    heard = {one.argument.dest for one in found.heard}
    for one in found.chosen:
        for argument in one.arguments:
            if argument.dest not in made.cells and argument.action not in ("help", "version"):
                _put(machine, made, argument.dest, _absent(machine, argument, heard, words))
        for name, value in _cells(one.source).get(DEFAULTS, ()):
            if name not in made.cells:
                _put(machine, made, name, value)
    for upper, lower in zip(found.chosen, found.chosen[1:], strict=False):
        if upper.dest:
            text = next(name for name, one in upper.inner if one is lower)
            _put(machine, made, upper.dest, word_of(words or [], text))
    for each in found.heard:
        _hear(machine, made, each, words or [])
    return found, made


def _put(machine: Machine, made: DictValue, name: str, value: Value | None) -> None:
    if value is not None:
        machine.write(made.cells, name, value)


def _absent(
    machine: Machine, argument: Argument, heard: set[str], words: list[Known] | None
) -> Value | None:
    """What an argument that the command does not give holds; None: it is left out."""
    origin = Origin("command line", argument.place, argument.flag)
    needed = argument.word("required") or (
        argument.positional and argument.word("nargs") not in ("?", "*", "...")
    )
    if words is None:
        why = f"the words given to parse_args, which may have {argument.flag}, are not known"
        return Unknown(why, origin, "flag", (Known(argument.flag),))
    if needed and argument.dest not in heard and "default" not in argument.words:
        why = f"{argument.flag} has no default, and the command does not give it"
        return Unknown(why, origin, "flag", (Known(argument.flag),))
    return default(machine, argument)


def default(machine: Machine, argument: Argument) -> Value | None:
    """The default of an argument; None where it is suppressed."""
    value = argument.words.get("default")
    if isinstance(value, Library) and value.path == "argparse.SUPPRESS":
        return None
    if isinstance(value, Known) and value.value == "==SUPPRESS==":
        return None
    if value is None:
        bare = {"store_true": False, "store_false": True}
        value = Known(bare.get(argument.action), Origin("literal", argument.place))
        if argument.positional and argument.word("nargs") == "*":
            value = ListValue("list")
    named = default_of(value, argument.flag, argument.place)
    if isinstance(named, Known) and isinstance(named.value, str):
        return _converted(machine, argument, named)
    return named


def _converted(machine: Machine, argument: Argument, text: Known) -> Value:
    """A text as the argument's type has it."""
    kind = argument.words.get("type")
    if kind is None or (isinstance(kind, Known) and kind.value is None):
        return text
    return labelled(_calls.call(machine, kind, [text], {}, argument.place), text.origin)


def _hear(machine: Machine, made: DictValue, heard: Heard, words: Sequence[Known]) -> None:
    """Does what an argument's action does."""
    argument, option = heard.argument, heard.option
    declare(machine, argument.flag, argument.place, given=True)
    action = argument.action
    if action in ("help", "version"):
        return
    origin = word_of(words, option or "").origin if option else Origin("command line")
    origin = Origin("command line", origin.place, argument.flag)

    def one(text: str) -> Value:
        origin = Origin("command line", word_of(words, text, option).origin.place, argument.flag)
        value = _converted(machine, argument, Known(text, origin))
        choices = argument.word("choices")
        if choices is not None and isinstance(value, Known) and value.value not in list(choices):
            why = f"{argument.flag} does not take {text!r}"
            machine.note(f"{argument.place}: {why}")
            return Unknown(why, origin, "flag", (Known(argument.flag),))
        return value

    values = heard.values
    if values is CONST:
        value = labelled(argument.words.get("const", Known(None)), origin)
        if action == "store" and isinstance(value, Known) and isinstance(value.value, str):
            value = _converted(machine, argument, value)
    elif isinstance(values, list):
        value = ListValue("list", {"items": tuple(Item(one(v)) for v in values), "open": False})
        value.origin = origin
    else:
        value = one(str(values))
    old = made.cells.get(argument.dest)
    if action == "other":
        _own_action(machine, made, heard, value, origin)
        return
    machine.write(made.cells, argument.dest, _acted(action, heard, value, old, origin))


def _acted(action: str, heard: Heard, value: Value, old: Value | None, origin: Origin) -> Value:
    const = labelled(heard.argument.words.get("const", Known(None)), origin)
    match action:
        case "store_true":
            return Known(True, origin)
        case "store_false":
            return Known(False, origin)
        case "boolean":
            return Known(not str(heard.option).startswith("--no-"), origin)
        case "store_const":
            return const
        case "count":
            before = old.value if isinstance(old, Known) and old.value else 0
            return Known(before + 1, origin)
        case "append" | "append_const" | "extend":
            items = old.items if isinstance(old, ListValue) else ()
            more = (Item(const if action == "append_const" else value),)
            if action == "extend" and isinstance(value, ListValue):
                more = value.items  # type: ignore[assignment]
            return ListValue("list", {"items": (*items, *more), "open": False}, origin)
    return value


def _own_action(
    machine: Machine, made: DictValue, heard: Heard, value: Value, origin: Origin
) -> None:
    """An action that is a class: of the program, which is read, or of a library."""
    argument, kind = heard.argument, heard.argument.words["action"]
    if isinstance(kind, Class):
        cells = {**argument.words, "dest": Known(argument.dest)}
        action = Instance(kind, argument.place, dict(cells))
        args: list[Value] = [Known(None), made, value, Known(heard.option)]
        _calls.call(machine, action, args, {}, argument.place)
        return
    why = f"{argument.flag} is set by an action of a library"
    machine.write(made.cells, argument.dest, Unknown(why, origin, "flag", (Known(argument.flag),)))


def _format(machine: Machine, event: Event) -> Value | None:
    return Known(None)


METHODS: dict[str, Model] = {
    "__init__": _parser,
    "add_argument": _add_argument,
    "add": _add_argument,
    "add_arg": _add_argument,
    "add_argument_group": _group,
    "add_mutually_exclusive_group": _group,
    "add_subparsers": _subparsers,
    "add_subparsers.add_parser": _subparser,
    "set_defaults": _set_defaults,
    "get_default": _get_default,
    "parse_args": _parse_args,
    "parse": _parse_args,
    "parse_known_args": _parse_args,
    "parse_intermixed_args": _parse_args,
    "parse_known_intermixed_args": _parse_args,
    "print_help": _format,
    "print_usage": _format,
}

PARSERS = (
    "argparse.ArgumentParser",
    "configargparse.ArgumentParser",
    "configargparse.ArgParser",
    "jsonargparse.ArgumentParser",
)

MODELS: dict[str, Model] = {name: _parser for name in PARSERS}
for _of in (*PARSERS, "argparse.ArgumentParser.add_subparsers.add_parser"):
    MODELS |= {f"{_of}.{name}": model for name, model in METHODS.items()}
