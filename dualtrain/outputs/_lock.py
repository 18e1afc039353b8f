"""One run at a time: a lock of the system on the folder or the file itself.

It ends with its process however that ends, and leaves nothing behind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dualtrain.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["lock", "locked"]


def lock(opened: int, path: Path, what: str) -> bool:
    """Lock an open file or folder until it is closed; False where the system has no such locks.

    Raises `OutputError` if another run has it.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(
            f"{path}: {what} is written by one run at a time: wait for the other, close it, or "
            f"choose another place. Received: {_holder(opened)}, which is writing there"
        ) from None
    except OSError:  # a network's file system
        return False
    return True


@contextmanager
def locked(folder: Path | None, what: str) -> Iterator[bool]:
    """The folder, if there is one, locked; whether it is."""
    if folder is None or fcntl is None:  # Windows opens no folder
        yield False
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        yield lock(opened, folder, what)
    finally:
        os.close(opened)


def _holder(opened: int) -> str:
    """Who has the lock, where the system tells it."""
    status = os.fstat(opened)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()
            if fields[1] == "FLOCK" and fields[5] == place:
                return "this process" if int(fields[4]) == os.getpid() else f"process {fields[4]}"
    return "another run"
