"""Files that a program opens, as far as they lie in its own folder; paths are text."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dualtrain.files import read_bytes
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._operators import compute
from dualtrain.reading._place import Place
from dualtrain.reading._source import decoded
from dualtrain.reading._values import Known, Made, Origin, Unknown, Value

__all__ = ["MODELS", "find", "folder", "path_attribute", "text_of"]

LARGEST = 200_000
"""Bytes of a file that is read, at most."""

OPENERS = ("builtins.open", "io.open", "codecs.open", "os.fdopen")


def find(machine: Machine, path: str) -> Path | None:
    """The file that a path of the program means, if it lies in the folder that is read; where
    none is there, the configuration that is given, if it has that name."""
    given: Path | None = machine.state.get("config")
    named = given is not None and given.name == posixpath.basename(path)
    return _found(machine, path, Path.is_file) or (given if named else None)


def folder(machine: Machine, path: object) -> Path | None:
    """The folder that a path of the program means, if it lies in the one that is read."""
    return _found(machine, path, Path.is_dir) if isinstance(path, str) else None


def _found(machine: Machine, path: str, is_one: Callable[[Path], bool]) -> Path | None:
    entry: Path = machine.state.get("entry", machine.root)
    run_from: Path = machine.state.get("folder", machine.root)
    for base in (run_from, machine.root, entry, *machine.paths):
        try:
            found = (base / path).resolve()
            if found.is_relative_to(machine.root) and is_one(found):
                return found
        except (OSError, ValueError, RuntimeError):  # no path, too long, or a loop of links
            continue
    return None


def text_of(machine: Machine, source: Value, place: Place) -> Known | Unknown:
    """The text of a file: of what `open` gave, of a path, or of text that was read already."""
    if isinstance(source, Made) and source.path in OPENERS:
        path = source.args[0] if source.args else source.kwargs.get("file", Known(None))
        return text_of(machine, path, place)
    if isinstance(source, Known) and source.op == "file":
        return source
    origin = Origin("configuration", place)
    if not isinstance(source, Known) or not isinstance(source.value, str):
        return Unknown("which file it is, the text does not tell", origin, "file", (source,))
    found = find(machine, source.value)
    if found is None:
        why = f"{source.value} is not there"
        return Unknown(why, origin, "file", (source,))
    name = found.relative_to(machine.root).as_posix()
    try:
        data = read_bytes(found)
    except OSError as fault:
        return Unknown(f"{name}: cannot be read: {fault.strerror}", origin, "file", (source,))
    if len(data) > LARGEST:
        return Unknown(f"{name} is too large to be read", origin, "file", (source,))
    machine.burn(len(data) // 50)
    text = decoded(data).removeprefix("\ufeff")
    return Known(text, Origin("configuration", Place(name, 1)), "file", (source,))


def _read(machine: Machine, event: Event) -> Value | None:
    return None if event.receiver is None else text_of(machine, event.receiver, event.place)


def path_attribute(path: str, name: str) -> str | None:
    """An attribute of a path, which is kept as text; None of any other attribute."""
    stem, suffix = posixpath.splitext(posixpath.basename(path))
    known = {
        "parent": posixpath.dirname(path) or ".",
        "name": posixpath.basename(path),
        "stem": stem,
        "suffix": suffix,
    }
    return known.get(name)


def _text(op: str, function: Callable[..., Any]) -> Model:
    def model(machine: Machine, event: Event) -> Value | None:
        return compute(op, function, event.args, event.place)

    return model


def _there(machine: Machine, event: Event) -> Value | None:
    """Whether a file is there: yes, if it lies in the repository; else that is not known."""
    path = event.args[0] if event.args else event.receiver
    origin = Origin("computed", event.place)
    if isinstance(path, Known) and isinstance(path.value, str) and find(machine, path.value):
        return Known(True, origin, "exists", (path,))
    return Unknown("whether a file is there", origin, "exists", (path or Known(None),))


def _environment(machine: Machine, event: Event) -> Value | None:
    name = event.args[0] if event.args else event.kwargs.get("key", Known(None))
    default = [*event.args[1:], *(event.kwargs[one] for one in event.kwargs if one == "default")]
    shown = name.value if isinstance(name, Known) else "?"
    why = f"the environment variable {shown} decides"
    return Unknown(why, Origin("computed", event.place), "environment", (name, *default))


def _open(machine: Machine, event: Event) -> Value | None:
    given = [] if event.receiver is None else [event.receiver]
    return machine.happens("builtins.open", given, {}, event.place)


def _joined(machine: Machine, event: Event) -> Value | None:
    parts = (event.receiver or Known("."), *event.args)
    return compute("path", posixpath.join, parts, event.place)


def _itself(machine: Machine, event: Event) -> Value | None:
    return event.receiver


def _path(*parts: str) -> str:
    return posixpath.join(*parts) if parts else "."


MODELS: dict[str, Model] = {
    "os.path.join": _text("path", posixpath.join),
    "os.path.basename": _text("basename", posixpath.basename),
    "os.path.dirname": _text("dirname", posixpath.dirname),
    "os.path.normpath": _text("normpath", posixpath.normpath),
    "os.path.splitext": _text("splitext", posixpath.splitext),
    "os.path.abspath": _text("abspath", str),
    "os.path.realpath": _text("abspath", str),
    "os.path.expanduser": _text("abspath", str),
    "os.path.exists": _there,
    "os.path.isfile": _there,
    "os.getcwd": lambda machine, event: Known(".", Origin("computed", event.place)),
    "os.environ.get": _environment,
    "os.getenv": _environment,
    "pathlib.Path": _text("path", _path),
    "pathlib.PurePath": _text("path", _path),
    "pathlib.Path.read_text": _read,
    "pathlib.Path.open": _open,
    "pathlib.Path.exists": _there,
    "pathlib.Path.is_file": _there,
    "pathlib.Path.joinpath": _joined,
    **{f"pathlib.Path.{one}": _itself for one in ("resolve", "absolute", "expanduser", "as_posix")},
    **{f"{one}.read": _read for one in OPENERS},
}
