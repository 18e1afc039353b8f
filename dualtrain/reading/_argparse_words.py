"""The words of a command, told apart by the standard library's own parser."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from dualtrain.reading._place import Place
from dualtrain.reading._values import Known, Value, plain

__all__ = ["CONST", "Argument", "Heard", "Parser", "Split", "split"]

MOST = 1000
"""Words of one flag, at most."""

CONST = object()
"""Stands for a flag's `const`."""

NO_WORDS = frozenset(
    {"store_true", "store_false", "store_const", "append_const", "count", "help", "version"}
)
"""Actions that take no word."""


@dataclass(frozen=True, slots=True, eq=False)
class Argument(Value):
    """An `add_argument`."""

    names: tuple[str, ...]
    words: Mapping[str, Value]
    """Its keyword arguments."""
    place: Place

    @property
    def positional(self) -> bool:
        """Whether it is a word without a flag."""
        return not self.names or not self.names[0].startswith("-")

    @property
    def flag(self) -> str:
        """The name that it goes by: the first long one."""
        long = [one for one in self.names if one.startswith("--")]
        return (long or list(self.names) or [str(self.word("dest", ""))])[0]

    @property
    def dest(self) -> str:
        """The attribute that holds its value."""
        given = self.word("dest")
        if isinstance(given, str):
            return given
        return self.flag if self.positional else self.flag.lstrip("-").replace("-", "_")

    @property
    def action(self) -> str:
        """`store` and its like; `boolean` with a negation; `other` of a class of its own."""
        value = self.words.get("action")
        if value is None:
            return "store"
        if isinstance(value, Known):
            return str(value.value)
        path = getattr(value, "path", "")
        return "boolean" if path == "argparse.BooleanOptionalAction" else "other"

    def word(self, name: str, otherwise: Any = None) -> Any:
        """A keyword argument that is known."""
        try:
            return plain(self.words[name]) if name in self.words else otherwise
        except ValueError:
            return otherwise


@dataclass(frozen=True, slots=True)
class Heard:
    """What the command gives for an argument."""

    argument: Argument
    values: Any
    """Text, a list of texts, or CONST."""
    option: str | None
    """The flag as the command writes it."""


@dataclass(frozen=True, slots=True, eq=False)
class Parser:
    """A parser with its arguments, and those of its subcommands by name."""

    arguments: Sequence[Argument]
    options: Mapping[str, Any]
    dest: str | None = None
    """Of the subcommand's name."""
    inner: Sequence[tuple[str, Parser]] = ()
    source: Value | None = None


@dataclass(slots=True)
class Split:
    """A command taken apart."""

    heard: list[Heard]
    strangers: list[str]
    chosen: list[Parser]
    """The parser, and the subcommands that the command names."""
    refused: str = ""
    """The parser's message, if it ends there."""


class _Refused(Exception):
    pass


class _Quiet(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Refused(message)


class _Listener(argparse.Action):
    """Writes down what is given, and sets nothing."""

    def __init__(self, *args: Any, hears: Callable[[Any, str | None], None], **words: Any) -> None:
        super().__init__(*args, **words)
        self.hears = hears

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        self.hears(values, option)


def split(parser: Parser, words: Sequence[str]) -> Split:
    """The words, each with the argument that it belongs to, as argparse tells them apart."""
    found = Split([], [], [parser])
    try:
        real = _Quiet(**{"add_help": False, **parser.options})
        _build(real, parser, found)
        _, found.strangers = real.parse_known_args(list(words))
    except (_Refused, argparse.ArgumentError, ValueError, TypeError) as fault:
        found.refused = str(fault)
    return found


def _build(real: argparse.ArgumentParser, parser: Parser, found: Split) -> None:
    for one in parser.arguments:
        _add(real, one, found)
    if parser.inner:
        choice = real.add_subparsers(dest=argparse.SUPPRESS, parser_class=_Quiet)
        choice.required = False
        for name, inner in parser.inner:
            made = choice.add_parser(name, **{"add_help": False, **inner.options})
            _build(made, inner, found)
            _watch(made, inner, found)


def _watch(real: argparse.ArgumentParser, parser: Parser, found: Split) -> None:
    """Writes down that a subcommand is chosen."""
    go = real.parse_known_args

    def chosen(*args: Any, **words: Any) -> Any:
        found.chosen.append(parser)
        return go(*args, **words)

    real.parse_known_args = chosen  # type: ignore[method-assign]


def _add(real: argparse.ArgumentParser, one: Argument, found: Split) -> None:
    names, action = list(one.names), one.action
    if action == "boolean":
        names += [f"--no-{name[2:]}" for name in one.names if name.startswith("--")]
    words: dict[str, Any] = {"default": argparse.SUPPRESS, "const": CONST}
    nargs = 0 if action in (*NO_WORDS, "boolean") else one.word("nargs")
    if nargs is not None and not (isinstance(nargs, int) and nargs > MOST):
        words["nargs"] = nargs
    if not one.positional or not names:
        words["dest"] = one.dest

    def hears(values: Any, option: str | None) -> None:
        found.heard.append(Heard(one, values, option))

    made = real.add_argument(*names, action=_Listener, hears=hears, **words)
    made.required = False
