"""Writing and reading trace files. A file under its own name is always a whole trace."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, TypeAdapter, ValidationError

from dualtrain.errors import Problem, TraceError
from dualtrain.trace._records import FORMAT, VERSION, End, Header, Update

__all__ = [
    "Trace",
    "TraceWriter",
    "check_regular",
    "header_from_json",
    "header_to_json",
    "read_trace",
]

Record = Header | Update | End

_JSON_LINES = "a trace is JSON Lines, one whole object a line"


@dataclass(frozen=True)
class Trace:
    """One whole run."""

    header: Header
    updates: tuple[Update, ...]
    end: End


@cache
def _records() -> TypeAdapter[Record]:
    return TypeAdapter(Annotated[Record, Discriminator("record")])


def header_to_json(header: Header) -> str:
    """A header as its line in a trace, for another process."""
    return _records().dump_json(header).decode()


def header_from_json(text: str) -> Header:
    """The header that `header_to_json` gave."""
    return TypeAdapter(Header).validate_json(text)


class TraceWriter:
    """Writes a trace line by line; a context manager.

    The file appears under `path` when `end` is called. If the block is left before that, whether
    by an error or not, nothing remains. Raises `TraceError` if `path` is a folder.
    """

    def __init__(self, path: Path, header: Header) -> None:
        if path.is_dir():
            raise _error(path, None, "a trace is a file", "a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._aside = path.with_name(f".{path.name}.{os.getpid()}")
        self._file = self._aside.open("wb")
        self._write(header)

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._aside.unlink(missing_ok=True)

    def update(self, update: Update) -> None:
        """Add one update."""
        self._write(update)

    def end(self, end: End) -> None:
        """Add the last line and let the file appear under its name."""
        self._write(end)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._aside.replace(self._path)

    def _write(self, record: Record) -> None:
        self._file.write(_records().dump_json(record) + b"\n")


def read_trace(path: Path) -> Trace:
    """Read a whole trace.

    Raises `TraceError`, with file and line, for anything that is not exactly one header, the
    updates that it announces in order, and one end.
    """
    check_regular(path, "a trace is a readable file")
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise _error(path, None, "a trace is a readable file", str(error.strerror)) from None
    _check_first(path, lines[0] if lines else b"")
    records = [_parse(path, number, line) for number, line in enumerate(lines, start=1)]
    match records:
        case [Header() as header, *middle, End() as end]:
            updates = tuple(_in_order(path, middle))
            if len(updates) != header.total_updates:
                rule = f"the first line announces total_updates {header.total_updates}"
                raise _error(path, len(records), rule, f"{len(updates)} updates before the end")
            return Trace(header, updates, end)
        case _:
            rule = "the last line of a trace is its end: the run was cut short"
            raise _error(path, len(records), rule, records[-1].record)


def check_regular(path: Path, rule: str) -> None:
    """Refuse what is there but is no regular file.

    A named pipe would be waited for, and a device may never end. Raises `TraceError`.
    """
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device, socket or pipe"
        raise _error(path, None, rule, kind)


def _check_first(path: Path, line: bytes) -> None:
    """Say so when this is another kind of file, before its fields are looked at."""
    try:
        first = json.loads(line)
    except (ValueError, RecursionError):
        received = _shortened(repr(line.decode(errors="replace")))
        raise _error(path, 1, _JSON_LINES, received) from None
    first = first if isinstance(first, dict) else {}
    for key, expected in (("format", FORMAT), ("version", VERSION), ("record", "header")):
        if first.get(key) != expected:
            received = repr(first[key]) if key in first else f"no {key!r}"
            raise _error(path, 1, f"a trace's first line has {key!r}: {expected!r}", received)


def _parse(path: Path, number: int, line: bytes) -> Record:
    try:
        return _records().validate_json(line)
    except ValidationError as error:
        rule, received = _explain(error.errors(include_url=False)[0])
        raise _error(path, number, rule, received) from None


def _explain(error: Any) -> tuple[str, str]:
    """(rule, received) of a pydantic error; `loc` starts with the kind of line."""
    kind, *place = [str(part) for part in error["loc"]] or ["line"]
    where = f"{kind} {'.'.join(place)}".rstrip()
    value = error["input"]
    value = value.decode(errors="replace") if isinstance(value, bytes) else value
    received = _shortened(repr(value))
    match error["type"]:
        case "json_invalid":
            return _JSON_LINES, received
        case "union_tag_invalid" | "union_tag_not_found" | "dict_type" | "dataclass_type":
            return "each line is a JSON object whose 'record' is header, update or end", received
        case "missing":
            return f"{where} is required", "a line without it"
        case "greater_than_equal":
            return f"{where} must be >= {error['ctx']['ge']}", received
        case "unexpected_keyword_argument" | "extra_forbidden":
            return f"{where} is not a field of dualtrain-trace {VERSION}", received
        case _:
            message = str(error["msg"]).removeprefix("Value error, ")
            return f"{where}: {message[0].lower()}{message[1:]}", received


def _in_order(path: Path, records: list[Record]) -> Iterator[Update]:
    """The lines between header and end."""
    expected = {0}
    for number, record in enumerate(records, start=2):
        if not isinstance(record, Update):
            rule = "between header and end there are updates only"
            raise _error(path, number, rule, record.record)
        if record.attempt not in (None, number - 2):
            rule = f"updates are in order: attempt is {number - 2} here"
            raise _error(path, number, rule, str(record.attempt))
        if record.t not in expected:
            rule = f"updates are in order: t is {' or '.join(map(str, sorted(expected)))} here"
            raise _error(path, number, rule, str(record.t))
        # A skipped update holds the clock or advances it: `Plan.holds_on_skip`.
        expected = {record.t, record.t + 1} if record.skipped else {record.t + 1}
        yield record


def _error(path: Path, line: int | None, rule: str, received: str) -> TraceError:
    problem = Problem(where="", rule=rule, received=received, file=str(path), line=line)
    return TraceError(str(problem))


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
