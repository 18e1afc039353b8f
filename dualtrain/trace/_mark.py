"""Up to where a trace was written when a state was kept: what a run that goes on begins with.

The rows count, the lines behind the header: a framework that takes a run over writes a header of
its own, and an older state of the run must still find its rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dualtrain.errors import TraceError
from dualtrain.files import irregular, reason
from dualtrain.trace._header import Header
from dualtrain.trace._lines import error_at, record_of
from dualtrain.trace._read import version_of

__all__ = ["TraceMark", "header_of_rows", "rows_of"]

CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class TraceMark:
    """A trace's rows at one time."""

    file: str
    """Its absolute path then."""
    size: int
    """Bytes of the rows."""
    sha256: str
    """Of these bytes, in hex."""
    updates: int
    """How many of the rows are updates."""


def header_of_rows(path: Path, mark: TraceMark) -> tuple[Header, int]:
    """The header of a trace that begins with a mark's rows, and where they begin.

    What is behind the rows is not looked at. Raises `TraceError` where the file has other rows.
    """
    kind = irregular(path)
    if kind is not None:
        raise error_at(path, None, "a trace is a regular file", kind)
    try:
        with path.open("rb") as file:
            line = file.readline()
        version = version_of(path, line)
        header = record_of(line, path, 1, version)
        digest, size = hashlib.sha256(), 0
        for part in rows_of(path, len(line), mark.size):
            digest.update(part)
            size += len(part)
    except OSError as error:
        raise error_at(path, None, "a trace is a readable file", reason(error)) from None
    if size < mark.size:
        raise _other_rows(path, mark, f"{size} bytes behind the first line")
    if digest.hexdigest() != mark.sha256:
        raise _other_rows(path, mark, "other bytes")
    assert isinstance(header, Header), "the first line was looked at"
    return header, len(line)


def rows_of(path: Path, begin: int, size: int) -> Iterator[bytes]:
    """Bytes of a file from a place on, piece by piece; fewer where it ends before."""
    with path.open("rb") as file:
        file.seek(begin)
        while size > 0 and (part := file.read(min(size, CHUNK))):
            size -= len(part)
            yield part


def _other_rows(path: Path, mark: TraceMark, received: str) -> TraceError:
    rule = (
        f"a trace that goes on must have what it had when the state was kept: {mark.updates} "
        f"updates, {mark.size} bytes behind its first line"
    )
    return error_at(path, None, rule, received)
