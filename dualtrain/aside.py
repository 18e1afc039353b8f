"""Files written aside, synced, then renamed: nothing half-written stands under the final name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["write_aside"]


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """A temporary name in the same folder; renamed to `path` when the block ends well.

    If the block raises, nothing is left and an older file at `path` stays as it was. The folder is
    made if needed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        with temporary.open("r+b") as written:
            os.fsync(written.fileno())  # else a power cut may leave the new name on an empty file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
