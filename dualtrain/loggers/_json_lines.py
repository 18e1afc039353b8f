"""A logger that needs no package: a file with one JSON object a line."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from dualtrain.errors import OutputError
from dualtrain.files import reason
from dualtrain.loggers._logger import Logger
from dualtrain.outputs import check_file

__all__ = ["JsonLines"]

_BEGIN = b'{"step": '


class JsonLines(Logger):
    """Lines behind those that the file has: `{"step": 1, "time": 1764316800.0, "train/lr": 0.0}`.

    time: seconds since 1970, of the writing. A number that is none is null. A run that goes on from
    a checkpoint may log steps again that were logged after it: the last line of a step counts.

    Raises `OutputError` for a file that is no log, or cannot be written.
    """

    def __init__(self, path: Path | str, *, every: int = 1) -> None:
        super().__init__(every=every)
        self._path = Path(path)
        _check(self._path)
        self._file: TextIO | None = None

    def open(self, config: Mapping[str, Any]) -> None:
        """Go on behind the last line; one that was cut stays alone. Raises `OutputError`."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Line by line: what is logged can be read while the run goes on.
            self._file = self._path.open("a", encoding="utf-8", buffering=1)
            if _is_cut(self._path):
                self._file.write("\n")
        except OSError as error:
            raise self._refused(error) from error

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write one line."""
        assert self._file is not None, "a logger is opened before it logs"
        told = {name: value if math.isfinite(value) else None for name, value in values.items()}
        row = {"step": step, "time": round(time.time(), 3), **told}
        try:
            self._file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise self._refused(error) from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(f"{self._path}: the log cannot be written. Received: {reason(error)}")


def _check(path: Path) -> None:
    """Refuse a place where no log can be written, or stands what is none."""
    check_file(path, "a log")
    if path.exists():
        with path.open("rb") as file:
            start = file.read(40)
        if start and not start.startswith(_BEGIN):
            raise OutputError(
                f"{path}: a log goes on behind an earlier one, and behind nothing else: choose "
                f"another file. Received: a file that begins with "
                f"{start.decode(errors='replace')!r}"
            )


def _is_cut(path: Path) -> bool:
    """Whether the last line has no end."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
