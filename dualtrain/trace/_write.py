"""Writing a trace: each line as soon as it is known, so that a run cut short leaves what it did."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from dualtrain.aside import write_aside
from dualtrain.errors import OutputError, TraceError
from dualtrain.outputs import check_file, lock
from dualtrain.trace._header import FORMAT, Header
from dualtrain.trace._lines import line_of
from dualtrain.trace._mark import TraceMark, header_of_rows, rows_of
from dualtrain.trace._records import End, Evaluation, Record, Update

__all__ = ["TraceWriter", "check_trace_file"]

_WHAT = "a trace"


def check_trace_file(path: Path) -> None:
    """Refuse a place where no trace can be written, or stands what is none; nothing is changed.

    An earlier trace may be replaced, and an empty file. Raises `OutputError`.
    """
    check_file(path, _WHAT)
    if path.exists():
        with path.open("rb") as file:
            start = file.read(256)
        if start and f'"{FORMAT}"'.encode() not in start:
            raise OutputError(
                f"{path}: a trace replaces an earlier one, and nothing else: choose another file. "
                f"Received: a file that begins with {start[:40].decode(errors='replace')!r}"
            )


class TraceWriter:
    """Writes a trace under its own name, line by line; a context manager.

    It takes the place of an older one. The file can be read at any time, up to where it has come
    (`read_trace`). A block that an error leaves before `end` was called ends the trace with that
    reason. Raises `OutputError` for a place that is not a trace's, or where another run writes one,
    and `OSError` for a line that cannot be written, of which nothing is left.

    rows: those of a trace of the same run, which this one begins with; what its file has behind
        them is cut, also where that is `path` itself. Raises `TraceError` where they are not there.
    """

    def __init__(self, path: Path, header: Header, *, rows: TraceMark | None = None) -> None:
        check_trace_file(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        self._path, self._size = path, 0
        self._rows, self._begin, self._updates = hashlib.sha256(), 0, 0
        if rows is not None:
            self._copy(header, rows)
        # Not emptied before it is known to be ours alone; unbuffered, for what is not written must
        # not be tried again when the file is closed.
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | _BINARY, 0o666), "r+b", 0)
        try:
            lock(self._file.fileno(), path, _WHAT)
            if rows is None:
                self._write(header)
            self._file.truncate(self._size)
        except BaseException:
            self._file.close()
            if is_new:
                path.unlink(missing_ok=True)
            raise

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, *_: object
    ) -> None:
        if error is not None and not self._file.closed:
            with suppress(OSError):  # a full disk, say: that is the error, and the trace is cut
                self.end(End(reason=_reason(error)))
        self._file.close()

    def update(self, update: Update) -> None:
        """Add one update."""
        self._write(update)
        self._updates += 1

    def evaluation(self, evaluation: Evaluation) -> None:
        """Add one evaluation."""
        self._write(evaluation)

    def end(self, end: End) -> None:
        """Add the last line and close the file."""
        self._write(end)
        os.fsync(self._file.fileno())
        self._file.close()

    def mark(self) -> TraceMark:
        """Up to where it is written; what is there is on the disk then. Raises `OSError`."""
        os.fsync(self._file.fileno())
        return TraceMark(
            file=str(self._path.absolute()),
            size=self._size - self._begin,
            sha256=self._rows.hexdigest(),
            updates=self._updates,
        )

    def _copy(self, header: Header, rows: TraceMark) -> None:
        """Let the file begin with a header and the rows, unless that is what it begins with."""
        source = Path(rows.file)
        _, begin = header_of_rows(source, rows)
        first = line_of(header)
        for part in rows_of(source, begin, rows.size):
            self._rows.update(part)
        with source.open("rb") as file:
            is_there = source.absolute() == self._path.absolute() and file.readline() == first
        if not is_there:
            with write_aside(self._path) as aside, aside.open("wb") as file:
                file.write(first)
                file.writelines(rows_of(source, begin, rows.size))
        self._begin, self._size = len(first), len(first) + rows.size
        self._updates = rows.updates

    def _write(self, record: Record) -> None:
        """Add a line behind the last whole one: one that broke off is written over."""
        if self._file.closed:
            raise TraceError(f"a trace is over at its end. Received: one more {record.record}")
        line = memoryview(line_of(record))
        try:
            self._file.seek(self._size)
            self._file.truncate()
            written = 0
            while written < len(line):
                written += self._file.write(line[written:]) or 0
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self._size)
            raise OSError(error.errno, error.strerror, str(self._path)) from None
        self._size += len(line)
        if isinstance(record, Header):
            self._begin = self._size
        else:
            self._rows.update(line)


_BINARY = getattr(os, "O_BINARY", 0)  # Windows


def _reason(error: BaseException) -> str:
    if not isinstance(error, Exception):  # Ctrl-C, an exit, a generator that nobody asks any more
        return "interrupted"
    told = f"error: {type(error).__name__}: {error}"
    return told.encode(errors="replace").decode()  # JSON has no word for half a surrogate pair
