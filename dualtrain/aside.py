"""Files written aside, synced, then renamed: nothing half-written stands under the final name."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

__all__ = ["save_arrays", "write_aside"]

_SYSTEM = re.compile(r"\(os error (\d+)\)")
"""How safetensors tells what the system said."""


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """A temporary name in the same folder; renamed to `path` when the block ends well.

    If the block raises, nothing is left and an older file at `path` stays as it was. The folder is
    made if needed. Raises `OSError`, of `path`, for what cannot be written, and where something
    stands that is no regular file: a device is not replaced.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "what stands there is not a regular file", str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        with temporary.open("r+b") as written:
            os.fsync(written.fileno())  # else a power cut may leave the new name on an empty file
        temporary.replace(path)
    except OSError as error:
        if error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):  # a name that is too long was never made
            temporary.unlink(missing_ok=True)


def save_arrays(
    path: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> None:
    """Write arrays as a safetensors file, aside.

    Raises `OSError`, of `path`, where it cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    with write_aside(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode
        try:
            save_file(
                dict(arrays), temporary, metadata=None if metadata is None else dict(metadata)
            )
        except SafetensorError as error:
            found = _SYSTEM.search(str(error))
            if found is None:
                raise
            raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from None
        temporary.chmod(mode)  # safetensors lets nobody else read it
