"""Reading a trace file, whole or up to where it was cut.

What is read was checked: each line for itself (`_lines.py`), the first against itself
(`_consistency.py`), the others against each other and against the first (`_sequence.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dualtrain.errors import TraceError
from dualtrain.files import read_bytes, reason
from dualtrain.printable import shown
from dualtrain.trace._consistency import contradictions
from dualtrain.trace._header import FORMAT, VERSION, Header
from dualtrain.trace._lines import VERSIONS, error_at, parsed, record_of
from dualtrain.trace._records import End, Evaluation, Trace, Update
from dualtrain.trace._sequence import Numbered, check_end, check_updates, in_order
from dualtrain.trace._version_2 import upgraded

__all__ = ["read_trace", "version_of"]


def read_trace(path: str | Path) -> Trace:
    """Read a trace of version 3 or 2, whole or cut; all of it is held in memory.

    A run that was killed leaves no end, and maybe half a line: that line is dropped, and `end` is
    None. Anything else that is not exactly one header, updates in order with evaluations
    among them, and one end raises `TraceError`, with file and line; so does what no run could have
    written, such as sizes that the spec in the first line does not have.
    """
    path = Path(path)
    try:
        content = read_bytes(path)
    except OSError as error:
        raise error_at(path, None, "a trace is a readable file", reason(error)) from None
    lines = content.splitlines()
    version = version_of(path, lines[0] if lines else b"")
    if len(lines) > 1 and not content.endswith(b"\n") and not _is_json(path, lines[-1]):
        lines.pop()
    read = [record_of(line, path, number, version) for number, line in enumerate(lines, start=1)]
    made = [[record] for record in read] if version == VERSION else upgraded(read)
    numbered = [(number, one) for number, several in enumerate(made, 1) for one in several]
    return _trace(path, numbered, version)


def version_of(path: Path, line: bytes) -> int:
    """The version; says so when this is another kind of file, before its fields are looked at."""
    first = parsed(line, path, 1)
    first = first if isinstance(first, dict) else {}
    allowed: dict[str, tuple[Any, ...]] = {
        "format": (FORMAT,),
        "version": VERSIONS,
        "record": ("header",),
    }
    for key, values in allowed.items():
        if first.get(key) not in values:
            received = shown(first[key]) if key in first else f"no {key!r}"
            told = " or ".join(map(repr, values))
            raise error_at(path, 1, f"a trace's first line has {key!r}: {told}", received)
    return int(first["version"])


def _is_json(path: Path, line: bytes) -> bool:
    try:
        parsed(line, path, 0)
    except TraceError:
        return False
    return True


def _trace(path: Path, records: Sequence[Numbered], version: int) -> Trace:
    """The records as one trace, when they are in the order of one, and of one run."""
    (_, header), *rest = records
    assert isinstance(header, Header), "the first line was looked at"
    for rule, received in contradictions(header):
        raise error_at(path, 1, rule, received)
    last = rest[-1][1] if rest else None
    end = last if isinstance(last, End) else None
    middle = list(in_order(path, rest if end is None else rest[:-1], header.plan))
    updates = [(number, one) for number, one in middle if isinstance(one, Update)]
    check_updates(path, records[-1][0], header, updates, end)
    if end is not None:
        skipped = sum(update.skipped for _, update in updates)
        check_end(path, records[-1][0], end, skipped, digests=version == VERSION)
    return Trace(
        header,
        tuple(update for _, update in updates),
        tuple(one for _, one in middle if isinstance(one, Evaluation)),
        end,
    )
