"""Writing a trace: each line as soon as it is known, so that a run cut short leaves what it did."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dualtrain.errors import TraceError
from dualtrain.trace._header import Header
from dualtrain.trace._lines import check_regular, line_of
from dualtrain.trace._records import End, Evaluation, Record, Update

__all__ = ["TraceWriter"]


class TraceWriter:
    """Writes a trace under its own name, line by line; a context manager.

    It takes the place of an older one. The file can be read at any time, up to where it has come
    (`read_trace`). A block that an error leaves before `end` was called ends the trace with that
    reason. Raises `TraceError` if `path` is there and is no regular file.
    """

    def __init__(self, path: Path, header: Header) -> None:
        check_regular(path, "a trace is a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self._write(header)

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

    def evaluation(self, evaluation: Evaluation) -> None:
        """Add one evaluation."""
        self._write(evaluation)

    def end(self, end: End) -> None:
        """Add the last line and close the file."""
        self._write(end)
        os.fsync(self._file.fileno())
        self._file.close()

    def _write(self, record: Record) -> None:
        if self._file.closed:
            raise TraceError(f"a trace is over at its end. Received: one more {record.record}")
        self._file.write(line_of(record))
        self._file.flush()


def _reason(error: BaseException) -> str:
    if not isinstance(error, Exception):  # Ctrl-C, an exit, a generator that nobody asks any more
        return "interrupted"
    told = f"error: {type(error).__name__}: {error}"
    return told.encode(errors="replace").decode()  # JSON has no word for half a surrogate pair
