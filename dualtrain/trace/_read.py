"""Reading a trace file, whole or up to where it was cut. What is read was checked line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dualtrain.trace._header import FORMAT, VERSION, Header
from dualtrain.trace._lines import (
    JSON_LINES,
    VERSIONS,
    check_regular,
    error_at,
    record_of,
    shortened,
)
from dualtrain.trace._records import DONE, End, Evaluation, Record, Trace, Update
from dualtrain.trace._version_2 import upgraded

__all__ = ["read_trace"]

Numbered = tuple[int, Record]
"""A line's number in its file, from 1, and what it says."""


def read_trace(path: str | Path) -> Trace:
    """Read a trace of version 3 or 2, whole or cut.

    A run that was killed leaves no end, and maybe half a line: that line is dropped, and `end` is
    None. Anything else that is not exactly one header, updates in order with evaluations
    among them, and one end raises `TraceError`, with file and line.
    """
    path = Path(path)
    check_regular(path, "a trace is a readable file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise error_at(path, None, "a trace is a readable file", str(error.strerror)) from None
    lines = content.splitlines()
    version = _version(path, lines[0] if lines else b"")
    if len(lines) > 1 and not content.endswith(b"\n") and not _is_json(lines[-1]):
        lines.pop()
    read = [record_of(line, path, number, version) for number, line in enumerate(lines, start=1)]
    made = [[record] for record in read] if version == VERSION else upgraded(read)
    return _trace(path, [(n, one) for n, several in enumerate(made, 1) for one in several])


def _version(path: Path, line: bytes) -> int:
    """The version; says so when this is another kind of file, before its fields are looked at."""
    try:
        first = json.loads(line)
    except (ValueError, RecursionError):
        received = shortened(repr(line.decode(errors="replace")))
        raise error_at(path, 1, JSON_LINES, received) from None
    first = first if isinstance(first, dict) else {}
    allowed: dict[str, tuple[Any, ...]] = {
        "format": (FORMAT,),
        "version": VERSIONS,
        "record": ("header",),
    }
    for key, values in allowed.items():
        if first.get(key) not in values:
            received = shortened(repr(first[key])) if key in first else f"no {key!r}"
            told = " or ".join(map(repr, values))
            raise error_at(path, 1, f"a trace's first line has {key!r}: {told}", received)
    return int(first["version"])


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _trace(path: Path, records: list[Numbered]) -> Trace:
    """The records as one trace, when they are in the order of one."""
    (_, header), *rest = records
    assert isinstance(header, Header), "the first line was looked at"
    last = rest[-1][1] if rest else None
    end = last if isinstance(last, End) else None
    middle = list(_in_order(path, rest if end is None else rest[:-1]))
    updates = [(number, one) for number, one in middle if isinstance(one, Update)]
    if header.plan is not None:
        _check_count(path, records[-1][0], header.plan.total_updates, updates, end)
    return Trace(
        header,
        tuple(update for _, update in updates),
        tuple(one for _, one in middle if isinstance(one, Evaluation)),
        end,
    )


def _in_order(path: Path, records: list[Numbered]) -> Iterator[tuple[int, Update | Evaluation]]:
    """The lines between header and end."""
    attempt, clock = 0, {0}
    for number, record in records:
        if not isinstance(record, Update | Evaluation):
            rule = "between header and end there are updates and evaluations only"
            raise error_at(path, number, rule, record.record)
        if isinstance(record, Update) and record.attempt != attempt:
            rule = f"updates are in order: attempt is {attempt} here"
            raise error_at(path, number, rule, str(record.attempt))
        if record.t not in clock:
            rule = (
                f"{record.record}s are in order: t is {' or '.join(map(str, sorted(clock)))} here"
            )
            raise error_at(path, number, rule, str(record.t))
        if isinstance(record, Update):
            attempt += 1
            # A skipped update holds the clock or advances it: `Plan.holds_on_skip`.
            clock = {record.t, record.t + 1} if record.skipped else {record.t + 1}
        yield number, record


def _check_count(
    path: Path, last: int, total: int, updates: list[tuple[int, Update]], end: End | None
) -> None:
    """A run makes no more updates than it planned; one that is done, as many.

    last: the number of the last line.
    """
    rule = f"the first line announces total_updates {total}"
    if len(updates) > total:
        raise error_at(path, updates[total][0], rule, "one more update")
    if end is not None and end.reason == DONE and len(updates) < total:
        raise error_at(path, last, rule, f"{len(updates)} updates before the end")
