"""Where a run would write: refused before it begins, and nothing is changed."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path

from dualtrain.errors import OutputError
from dualtrain.files import irregular, reason
from dualtrain.outputs._draft import MANIFEST, left_in
from dualtrain.outputs._lock import lock, locked
from dualtrain.outputs._told import told

__all__ = ["check_apart", "check_file", "check_folder", "check_room"]


def check_file(path: Path, what: str) -> None:
    """Refuse a place where `what` cannot stand as a regular file; nothing is changed.

    Raises `OutputError` with what stands there, or why no file can be made.
    """
    kind = irregular(path)
    if kind is not None:
        raise OutputError(f"{path}: {what} is a regular file. Received: {kind}")
    with told(path, f"{what} must be where a file can be written"):
        if _is_there(path):
            with path.open("r+b") as file:
                lock(file.fileno(), path, what)
                return
        _try_in(path.parent)


def check_folder(
    path: Path,
    what: str,
    own: Iterable[str],
    *,
    left: Iterable[str] | None = None,
    manifest: str = MANIFEST,
) -> None:
    """Refuse a place where `what` cannot stand as a folder; nothing is changed.

    own: names or patterns of what a run writes there. What of it is there already must be `left` by
    an earlier run: by default what the manifest says. Raises `OutputError`.
    """
    with told(path, f"{what} must be where files can be written"):
        is_there = _is_there(path)
        if is_there and not path.is_dir():
            kind = irregular(path) or "a file"
            raise OutputError(f"{path}: {what} is a folder. Received: {kind}")
        _try_in(path)
        entries = {entry.name for entry in path.iterdir()} if is_there else set()
        with locked(path if is_there else None, what):
            pass
    strange = entries - (left_in(path) if left is None else set(left))
    for name in sorted(strange):
        if any(fnmatch(name, one) for one in own):
            why = "which it does not name" if manifest in entries else f"without {manifest}"
            raise OutputError(
                f"{path}: {what} replaces what an earlier run has left there, as {manifest} says, "
                f"and nothing else: choose another folder. Received: {name!r}, {why}"
            )


def check_apart(path: Path, what: str, inputs: Mapping[str, Path], *, whole: bool = False) -> None:
    """Refuse to write where a run reads, by whatever name.

    inputs: what a spec calls it -> where it is. whole: all that is inside `path` is replaced.
    Raises `OutputError`.
    """
    for name, read in inputs.items():
        if _same(path, read) or (whole and _inside(read, path)):
            raise OutputError(
                f"{path}: {what} must not take the place of what the run reads: choose another. "
                f"Received: {name}, {str(read)!r}"
            )


def check_room(folder: Path, needed: int, what: str) -> None:
    """Refuse a disk that has not `needed` bytes. Raises `OutputError`."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"{folder}: {what} must have room, {_size(needed)}. Received: {_size(free)} free"
        )


def _is_there(path: Path) -> bool:
    """Raises `OSError` or `ValueError` where nothing can be called so."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def _try_in(folder: Path) -> None:
    """Make a file without a name in the folder, or in the nearest one above it that is there."""
    while not _is_there(folder):
        if folder.is_symlink():
            raise OSError(errno.ENOENT, "a link to nothing", str(folder))
        folder = folder.parent
    if not folder.is_dir():
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, reason(error), str(folder)) from None


def _same(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except (OSError, ValueError):
        return _resolved(a) == _resolved(b)


def _inside(inner: Path, outer: Path) -> bool:
    return _resolved(inner).is_relative_to(_resolved(outer))


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _size(count: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} bytes"
