"""Configurations in INI, as `configparser` reads them: sections, DEFAULT, interpolation.

Nothing of the program takes part: a text is parsed by the standard library, and what stands in
`%(name)s` or `${section:name}` is put in here, with an end to how long it may grow.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dualtrain.reading._files import text_of
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._operators import RAISES
from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    DictValue,
    Instance,
    Item,
    Known,
    ListValue,
    Origin,
    Unknown,
    Value,
)

__all__ = ["MODELS", "Ini"]

DEEP, LONG = 10, 10_000
"""How often what is put in may itself ask for more, and how long a value may become."""

BASIC = re.compile(r"%(?:\((?P<name>[^)]*)\)s|%)")
EXTENDED = re.compile(r"\$(?:\{(?:(?P<section>[^:}]*):)?(?P<name>[^}]*)\}|\$)")
NO = ("0", "no", "false", "off")
YES = ("1", "yes", "true", "on")


class Folded(dict[Any, Value]):
    """Options of a section, whose names have no case."""

    def __getitem__(self, key: Any) -> Value:
        return super().__getitem__(_folded(key))

    def __contains__(self, key: object) -> bool:
        return super().__contains__(_folded(key))

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_folded(key), default)


def _folded(key: Any) -> Any:
    return key.lower() if isinstance(key, str) else key


@dataclass(slots=True, eq=False, repr=False)
class Ini(DictValue):
    """A parser, its sections, or one of them, its options."""

    kind: ClassVar[str] = "ini"
    marks: re.Pattern[str] | None = None
    """What asks for another option; None where nothing does."""


OWN = "<ini>"
"""The cell in which an object of the program, of a class of such parsers, holds what it read."""


def _of(event: Event) -> Value | None:
    """The parser or section that a method is of."""
    of = event.receiver
    if isinstance(of, Instance):
        origin = Origin("configuration", event.place)
        marks = None if of.of.library.endswith("RawConfigParser") else BASIC
        return of.cells.setdefault(OWN, Ini({}, origin, marks=marks))
    return of


def _parser(machine: Machine, event: Event) -> Value | None:
    marks: re.Pattern[str] | None = None if event.name == "RawConfigParser" else BASIC
    given = event.kwargs.get("interpolation")
    if isinstance(given, Known) and given.value is None:
        marks = None
    elif given is not None:
        name = getattr(given, "path", "").rpartition(".")[2]
        marks = {"ExtendedInterpolation": EXTENDED, "BasicInterpolation": BASIC}.get(name)
        if marks is None:
            return None
    return Ini({}, Origin("configuration", event.place), marks=marks)


def _read(machine: Machine, event: Event) -> Value | None:
    of = _of(event)
    given = event.args[0] if event.args else next(iter(event.kwargs.values()), None)
    if not isinstance(of, Ini) or given is None:
        return None
    files = given.values if isinstance(given, ListValue) else [given]
    for one in files:
        text = one if event.name == "read_string" else text_of(machine, one, event.place)
        if not isinstance(text, Known) or not isinstance(text.value, str):
            of.open = True
            continue
        file = text.origin.place.file if text.origin.place else event.place.file
        _parse(machine, of, text.value, file)
    return ListValue("list", {"items": (), "open": True}, Origin("computed", event.place))


def _parse(machine: Machine, of: Ini, text: str, file: str) -> None:
    raw = configparser.RawConfigParser(allow_no_value=True)
    try:
        raw.read_string(text, file)
    except configparser.Error as fault:
        machine.note(f"{file}: not INI: {' '.join(str(fault).split())}")
        of.open = True
        return
    lines = _lines(text)
    for section in (*raw.sections(), raw.default_section):
        cells = Folded()
        every = raw.defaults() if section == raw.default_section else dict(raw.items(section))
        for name, value in every.items():
            line = lines.get((section, name)) or lines.get((raw.default_section, name)) or 1
            origin = Origin("configuration", Place(file, line), f"{section}.{name}")
            put_in = _put_in(raw, section, value, of.marks)
            cells[name] = (
                Unknown(f"{value!r}: what stands in it is not there", origin)
                if put_in is None and value is not None
                else Known(put_in, origin)
            )
        of.cells[section] = Ini(cells, Origin("configuration", Place(file, 1), section))


def _lines(text: str) -> Mapping[tuple[str, str], int]:
    """Where each option of each section stands."""
    found, section = dict[tuple[str, str], int](), ""
    for number, line in enumerate(text.split("\n"), 1):
        head = re.match(r"\[([^\]]+)\]", line.strip())
        option = re.match(r"\s*([^=:#;]+?)\s*(?:[=:]|$)", line)
        if head is not None:
            section = head[1]
        elif option is not None:
            found[section, option[1].lower()] = number
    return found


def _put_in(
    raw: configparser.RawConfigParser, section: str, text: str | None, marks: re.Pattern[str] | None
) -> str | None:
    """A value with what it asks for; None where that is not there or has no end."""
    for _ in range(DEEP):
        if text is None or marks is None or not marks.search(text):
            return text
        pieces = list(_pieces(raw, section, text, marks))
        if any(one is None for one in pieces):
            return None
        again = "".join(one for one in pieces if one is not None)
        if len(again) > LONG:
            return None
        if "%%" in text or "$$" in text:
            return again
        text = again
    return None


def _pieces(
    raw: configparser.RawConfigParser, section: str, text: str, marks: re.Pattern[str]
) -> Iterator[str | None]:
    at = 0
    for one in marks.finditer(text):
        yield text[at : one.start()]
        named, at = one.groupdict(), one.end()
        if named["name"] is None:
            yield one[0][0]
        else:
            yield raw.get(named.get("section") or section, named["name"], fallback=None)
    yield text[at:]


def _boolean(text: str) -> bool:
    if text.lower() not in NO + YES:
        raise ValueError(text)
    return text.lower() in YES


def _getter(kind: Callable[[str], Any] | None) -> Model:
    """`get`, `getint` and the like, of a parser (section, option) or of a section (option)."""

    def model(machine: Machine, event: Event) -> Value | None:
        of, args = _of(event), list(event.args)
        if not isinstance(of, Ini):
            return None
        default = event.kwargs.get("fallback")
        for level in range(2):
            name = args.pop(0) if args else event.kwargs.get(("section", "option")[level])
            if not isinstance(name, Known):
                return None
            found = of.cells.get(name.value)
            if found is None:
                absent = default if default is not None else args[0] if args else None
                return None if of.open else absent
            if not isinstance(found, Ini):
                return _converted(found, kind)
            of = found
        return None

    return model


def _converted(value: Value, kind: Callable[[str], Any] | None) -> Value:
    if kind is None or not isinstance(value, Known) or not isinstance(value.value, str):
        return value
    try:
        return Known(kind(value.value), value.origin)
    except ValueError:
        return Unknown(RAISES, value.origin, "converted", (value,))


def _sections(machine: Machine, event: Event) -> Value | None:
    """`sections`, and of one of them `options`: names."""
    of = _of(event)
    if event.name == "options" and isinstance(of, Ini) and event.args:
        of = _named(of, event.args[0])
    if not isinstance(of, Ini):
        return None
    items = tuple(Item(Known(name)) for name in of.cells if name != configparser.DEFAULTSECT)
    return ListValue("list", {"items": items, "open": of.open})


def _items(machine: Machine, event: Event) -> Value | None:
    """`items`: of a parser's section, which is named, or of a section itself."""
    of = _of(event)
    if isinstance(of, Ini) and event.args:
        of = _named(of, event.args[0])
    if not isinstance(of, Ini):
        return None
    pairs = [(Item(Known(name)), Item(value)) for name, value in of.cells.items()]
    each = (ListValue("tuple", {"items": pair, "open": False}) for pair in pairs)
    return ListValue("list", {"items": tuple(map(Item, each)), "open": of.open})


def _has(machine: Machine, event: Event) -> Value | None:
    """`has_section` and `has_option`."""
    of: Value | None = _of(event)
    for name in event.args:
        if not isinstance(of, Ini) or not isinstance(name, Known) or of.open:
            return None
        of = of.cells.get(name.value)
        if of is None:
            return Known(False, Origin("computed", event.place))
    return Known(True, Origin("computed", event.place))


def _named(of: Ini, name: Value) -> Value | None:
    return of.cells.get(name.value) if isinstance(name, Known) else None


PARSERS = ("ConfigParser", "RawConfigParser", "SafeConfigParser")

PATHS = [f"{module}.{name}" for module in ("configparser", "ConfigParser") for name in PARSERS]

METHODS: dict[str, Model] = {
    "read": _read,
    "read_file": _read,
    "readfp": _read,
    "read_string": _read,
    "get": _getter(None),
    "getint": _getter(int),
    "getfloat": _getter(float),
    "getboolean": _getter(_boolean),
    "sections": _sections,
    "options": _sections,
    "items": _items,
    "has_section": _has,
    "has_option": _has,
}

MODELS: dict[str, Model] = {
    **{path: _parser for path in PATHS},
    **{f"{of}.{name}": model for of in ("<ini>", *PATHS) for name, model in METHODS.items()},
}
