"""Parsers whose flags are the fields of dataclasses: HfArgumentParser, PdArgumentParser."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dualtrain.reading import _argparse
from dualtrain.reading._argparse_words import Argument
from dualtrain.reading._configurations import load
from dualtrain.reading._dataclasses import Field, construct, default, fields
from dualtrain.reading._flags import declare, labelled, read, stranger
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._operators import compute
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
    Value,
)

__all__ = ["MODELS", "arguments"]

TYPES = "<types>"
"""The cell of a parser that holds its dataclasses."""

TRUE, FALSE = ("yes", "true", "t", "y", "1"), ("no", "false", "f", "n", "0")


def arguments(machine: Machine, of: Class, hyphens: bool) -> list[Argument]:
    """The flags that a dataclass's fields are; hyphens: a flag may have them for underscores."""
    return [made for one in fields(of) for made in _arguments(machine, one, hyphens)]


def _names(name: str, hyphens: bool) -> tuple[str, ...]:
    written = (f"--{name}", f"--{name.replace('_', '-')}")
    return tuple(dict.fromkeys(written[: 1 + hyphens]))


def _arguments(machine: Machine, one: Field, hyphens: bool) -> list[Argument]:
    kind = re.sub(r"^(?:typing\.)?Optional\[(.*)\]$|\s*\|\s*None$", r"\1", one.kind)
    value = default(machine, one)
    words: dict[str, Value] = {"dest": Known(one.name)}
    many = re.match(r"^(?:typing\.)?(?:list|List)\[(?:\w+\.)*(\w+)\]$", kind)
    if kind == "bool":
        words |= {"type": Library(TO_BOOL), "nargs": Known("?"), "const": Known(True)}
        value = Known(False, Origin("literal", one.place)) if value is None else value
    elif many or kind in ("list", "List"):
        words |= {"type": _type(many[1] if many else "str"), "nargs": Known("+")}
    else:
        words["type"] = _type(kind)
    if value is None:
        words["required"] = Known(True)
    else:
        words["default"] = value
    made = [Argument(_names(one.name, hyphens), words, one.place)]
    if kind == "bool" and isinstance(value, Known) and value.value is True:
        no = {"dest": Known(one.name), "action": Known("store_false"), "default": value}
        made.append(Argument(_names(f"no_{one.name}", hyphens), no, one.place))
    return made


TO_BOOL = "transformers.hf_argparser.string_to_bool"


def _type(kind: str) -> Value:
    return Library(f"builtins.{kind}") if kind in ("int", "float") else Known(None)


def _to_bool(text: Any) -> bool:
    if isinstance(text, bool):
        return text
    if text.lower() in (*TRUE, *FALSE):
        return text.lower() in TRUE
    raise ValueError(text)


def _parser(machine: Machine, event: Event) -> Value | None:
    made = event.result
    of = event.args[0] if event.args else event.kwargs.get("dataclass_types")
    types = of.values if isinstance(of, ListValue) else [of] if of is not None else []
    if not isinstance(made, Made):
        return None
    machine.write(made.cells, TYPES, tuple(types))
    hyphens = not event.path.startswith("paddle")
    flags = [
        one
        for kind in types
        if isinstance(kind, Class)
        for one in arguments(machine, kind, hyphens)
    ]
    machine.write(made.cells, _argparse.ARGUMENTS, tuple(flags))
    if any(_open(one) for one in types):
        machine.write(made.cells, _argparse.OPTIONS, {"allow_abbrev": False})
    for one in (one for one in flags if one.action != "store_false"):
        declare(machine, one.flag, one.place)
    return made


def _open(of: Value) -> bool:
    """Whether a class has fields of a library's, which are not known here."""
    return isinstance(of, Library) or (isinstance(of, Class) and bool(of.library))


def _parse(machine: Machine, event: Event) -> Value | None:
    given = event.args[0] if event.args else event.kwargs.get("args")
    words = _argparse.words_of(machine, given)
    remaining = event.kwargs.get("return_remaining_strings")
    return _from_words(machine, event, words, isinstance(remaining, Known) and remaining.value)


def _from_words(
    machine: Machine, event: Event, words: list[Known] | None, remaining: bool = False
) -> Value | None:
    parser = event.receiver
    if not isinstance(parser, Made):
        return None
    found, space = _argparse.parse(machine, parser, words, event.place)
    rest = _argparse.words_in_order(words or [], found.strangers)
    types: Sequence[Value] = parser.cells.get(TYPES, ())  # type: ignore[assignment]
    library: dict[str, Value] = {}
    if any(_open(one) for one in types):
        library, rest = _grouped(rest)
        for name, value in library.items():
            where = value.origin.place if isinstance(value, Known) else None
            declare(machine, f"--{name}", where or event.place, given=True)
    made = _objects(machine, event, types, space.cells, library)
    if remaining:
        items = {"items": tuple(map(Item, rest)), "open": words is None}
        made.append(ListValue("list", items))
    else:
        for one in rest:
            stranger(machine, one, event.place)
    return _tuple(made)


def _tuple(values: Sequence[Value]) -> ListValue:
    return ListValue("tuple", {"items": tuple(map(Item, values)), "open": False})


def _grouped(words: Sequence[Known]) -> tuple[dict[str, Value], list[Known]]:
    """Flags of a library's fields, with their values; and words that belong to none."""
    found: dict[str, Value] = {}
    rest: list[Known] = []
    at = 0
    while at < len(words):
        word, at = words[at], at + 1
        text = str(word.value)
        if not text.startswith("--"):
            rest.append(word)
            continue
        name, equal, value = text[2:].partition("=")
        origin = Origin("command line", word.origin.place, f"--{name}")
        values = [replace(word, value=value)] if equal else []
        while not equal and at < len(words) and not str(words[at].value).startswith("--"):
            values.append(words[at])
            at += 1
        items = [_for_field(one, origin) for one in values] or [Known(True, origin)]
        several = ListValue("list", {"items": tuple(map(Item, items)), "open": False}, origin)
        found[name.replace("-", "_")] = items[0] if len(items) == 1 else several
    return found, rest


def _for_field(word: Known, flag: Origin) -> Known:
    """The value of a flag, at the line that decides it."""
    return Known(_typed(str(word.value)), replace(flag, place=word.origin.place))


def _typed(text: str) -> Any:
    """A word as the field of a library that it is for will have it: a number, a truth value."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def _objects(
    machine: Machine,
    event: Event,
    types: Sequence[Value],
    cells: Mapping[Any, Value],
    library: Mapping[str, Value],
) -> list[Value]:
    """An object of each class, from what is given."""
    made: list[Value] = []
    used: set[str] = set()
    for of in types:
        if isinstance(of, Class):
            names = {one.name for one in fields(of)}
            used |= names
            given = {name: value for name, value in cells.items() if name in names}
            given |= library if of.library else {}
            if of.library:
                for value in given.values():
                    read(machine, value, event.place)
            made.append(construct(machine, Instance(of, event.place), given, event.place))
        elif isinstance(of, Library):
            for value in library.values():
                read(machine, value, event.place)
            one = machine.happens(of.path, [], library, event.place)
            if isinstance(one, Made):
                one.cells.update(library)
            made.append(one)
    others = {name: value for name, value in cells.items() if name not in used}
    if others:
        made.append(DictValue(others, Origin("computed", event.place), attributes=True))
    return made


def _from_file(kind: str) -> Model:
    def model(machine: Machine, event: Event) -> Value | None:
        source = event.args[0] if event.args else next(iter(event.kwargs.values()), Known(None))
        return _from_mapping(machine, event, load(machine, kind, source, event.place))

    return model


def _from_dict(machine: Machine, event: Event) -> Value | None:
    of = event.args[0] if event.args else event.kwargs.get("args", Known(None))
    return _from_mapping(machine, event, of)


def _from_mapping(machine: Machine, event: Event, data: Value) -> Value | None:
    parser = event.receiver
    if not isinstance(parser, Made):
        return None
    if not isinstance(data, DictValue):
        machine.note(f"{event.place}: {getattr(data, 'why', '') or 'its values are not known'}")
        return None
    types: Sequence[Value] = parser.cells.get(TYPES, ())  # type: ignore[assignment]
    own = {one.name for of in types if isinstance(of, Class) for one in fields(of)}
    named = {
        name: labelled(value, Origin("configuration", value.origin.place, f"{name}"))
        if isinstance(value, (Known, ListValue))
        else value
        for name, value in data.cells.items()
    }
    for name, value in named.items():
        place = value.origin.place if isinstance(value, (Known, ListValue)) else None
        declare(machine, name, place or event.place, given=True)
        if name not in own and not any(_open(one) for one in types):
            stranger(machine, Known(name, Origin("configuration", place)), event.place)
    library = {name: value for name, value in named.items() if name not in own}
    mine = {name: value for name, value in named.items() if name in own}
    return _tuple(_objects(machine, event, types, mine, library))


def _from_file_and_words(machine: Machine, event: Event) -> Value | None:
    """The file that the command names first, and what the command gives behind it."""
    words = _argparse.words_of(machine, None)
    if not words:
        return None
    data = load(machine, "json", words[0], event.place)
    if not isinstance(data, DictValue):
        return _from_mapping(machine, event, data)
    spread: list[Known] = []
    for name, value in data.cells.items():
        each = value.values if isinstance(value, ListValue) else [value]
        spread.append(Known(f"--{name}", getattr(value, "origin", Origin())))
        spread += [Known(str(one.value), one.origin) for one in each if isinstance(one, Known)]
    return _from_words(machine, event, [*spread, *words[1:]])


METHODS: dict[str, Model] = {
    "add_argument": _argparse.METHODS["add_argument"],
    "add_argument_group": _argparse.METHODS["add_argument_group"],
    "set_defaults": _argparse.METHODS["set_defaults"],
    "parse_args_into_dataclasses": _parse,
    "parse_json_file": _from_file("json"),
    "parse_yaml_file": _from_file("yaml"),
    "parse_dict": _from_dict,
    "parse_json_file_and_cmd_lines": _from_file_and_words,
}

PARSERS = (
    "transformers.HfArgumentParser",
    "transformers.hf_argparser.HfArgumentParser",
    "paddlenlp.trainer.PdArgumentParser",
    "paddlenlp.trainer.argparser.PdArgumentParser",
    "paddleformers.trainer.PdArgumentParser",
    "trl.TrlParser",
)

MODELS: dict[str, Model] = {
    TO_BOOL: lambda machine, event: compute("bool", _to_bool, event.args, event.place),
    **{name: _parser for name in PARSERS},
    **{f"{of}.{name}": model for of in PARSERS for name, model in METHODS.items()},
}
