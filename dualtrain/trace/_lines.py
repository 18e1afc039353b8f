"""Lines of a trace file as records, and what is said of a line that is none."""

from __future__ import annotations

from functools import cache
from json import JSONDecodeError
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, TypeAdapter, ValidationError

from dualtrain.errors import Problem, TraceError
from dualtrain.files import parse_json
from dualtrain.printable import escaped, printable, shown
from dualtrain.trace._header import VERSION, Header
from dualtrain.trace._records import Record
from dualtrain.trace._version_2 import Record2

__all__ = [
    "JSON_LINES",
    "VERSIONS",
    "error_at",
    "header_from_json",
    "header_to_json",
    "line_of",
    "parsed",
    "record_of",
]

VERSIONS = (VERSION, 2)
"""Those that can be read; the first is written."""

JSON_LINES = "a trace is JSON Lines, one whole object a line"


@cache
def _records(version: int = VERSION) -> TypeAdapter[Any]:
    by_kind = Discriminator("record")
    if version == VERSION:
        return TypeAdapter(Annotated[Record, by_kind])
    return TypeAdapter(Annotated[Record2, by_kind])


def line_of(record: Record) -> bytes:
    """A record as the line that says it."""
    return _records().dump_json(record) + b"\n"


def header_to_json(header: Header) -> str:
    """A header as its line in a trace, for another process."""
    return line_of(header).decode().rstrip()


def header_from_json(text: str) -> Header:
    """The header that `header_to_json` gave."""
    return TypeAdapter(Header).validate_json(text)


def record_of(line: bytes, path: Path, number: int, version: int) -> Any:
    """The record of a line. Raises `TraceError` with its place, the rule and what was received."""
    parsed(line, path, number)  # of two keys pydantic takes the last
    try:
        return _records(version).validate_json(line)
    except ValidationError as error:
        rule, received = _explain(error.errors(include_url=False)[0], version)
        raise error_at(path, number, rule, received) from None


def parsed(line: bytes, path: Path, number: int) -> Any:
    """What a line says as JSON. Raises `TraceError` for one that is none, or says a thing twice."""
    try:
        return parse_json(line)
    except (JSONDecodeError, UnicodeDecodeError):
        received = shown(line[:200].decode(errors="replace"))
    except ValueError as error:
        received = str(error)
    raise error_at(path, number, JSON_LINES, received)


def _explain(error: Any, version: int) -> tuple[str, str]:
    """(rule, received) of a pydantic error; `loc` starts with the kind of line."""
    kind, *place = [str(part) for part in error["loc"]] or ["line"]
    where = f"{kind} {'.'.join(place)}".rstrip()
    value = error["input"]
    value = value.decode(errors="replace") if isinstance(value, bytes) else value
    received = shown(value)
    match error["type"]:
        case "json_invalid":  # half a surrogate pair, say
            return JSON_LINES, received
        case "union_tag_invalid" | "union_tag_not_found" | "dict_type" | "dataclass_type":
            return f"each line is a JSON object whose 'record' is {_kinds(version)}", received
        case "missing":
            return f"{where} is required", "a line without it"
        case "greater_than_equal":
            return f"{where} must be >= {error['ctx']['ge']}", received
        case "less_than_equal":
            return f"{where} must be <= {error['ctx']['le']:.0e}", received
        case "unexpected_keyword_argument" | "extra_forbidden":
            return f"{where} is not a field of dualtrain-trace {version}", received
        case _:
            message = str(error["msg"]).removeprefix("Value error, ")
            return f"{where}: {message[0].lower()}{message[1:]}", received


def _kinds(version: int) -> str:
    kinds = ["header", "update", "evaluation", "end"]
    if version == 2:
        kinds.remove("evaluation")
    return f"{', '.join(kinds[:-1])} or {kinds[-1]}"


def error_at(path: Path, line: int | None, rule: str, received: str) -> TraceError:
    """What is wrong with a file, or with a line of it; one line, whatever it quotes."""
    problem = Problem(
        where="",
        rule=printable(rule),
        received=printable(received),
        file=escaped(str(path)),
        line=line,
    )
    return TraceError(str(problem))
