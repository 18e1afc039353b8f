"""What a run writes: refused before it begins, put together aside, and whole or not there.

A place is locked while a run writes there, by a lock of the system on the folder or the file
itself, which ends with its process however that ends and leaves nothing behind. A folder is put
together in a draft inside it, so that publishing it is renaming, and its manifest says what the
next run may replace.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

from dualtrain.errors import OutputError
from dualtrain.files import irregular, parse_json, read_bytes, reason
from dualtrain.version import __version__

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "DRAFT",
    "MANIFEST",
    "check_apart",
    "check_file",
    "check_folder",
    "check_room",
    "clear_abandoned",
    "drafted",
    "lock",
    "publish",
]

DRAFT = ".dualtrain-draft-"
"""What the name of a draft begins with: a folder inside the one that is written."""

MANIFEST = "dualtrain.json"
"""The file that names what a run has left in a folder."""


def check_file(path: Path, what: str) -> None:
    """Refuse a place where `what` cannot stand as a regular file; nothing is changed.

    Raises `OutputError` with what stands there, or why no file can be made.
    """
    kind = irregular(path)
    if kind is not None:
        raise OutputError(f"{path}: {what} is a regular file. Received: {kind}")
    with _told(path, f"{what} must be where a file can be written"):
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
    with _told(path, f"{what} must be where files can be written"):
        is_there = _is_there(path)
        if is_there and not path.is_dir():
            kind = irregular(path) or "a file"
            raise OutputError(f"{path}: {what} is a folder. Received: {kind}")
        _try_in(path)
        entries = {entry.name for entry in path.iterdir()} if is_there else set()
        with _locked(path if is_there else None, what):
            pass
    strange = entries - (_left_in(path) if left is None else set(left))
    for name in sorted(strange):
        if any(fnmatch(name, one) for one in own):
            told = "which it does not name" if manifest in entries else f"without {manifest}"
            raise OutputError(
                f"{path}: {what} replaces what an earlier run has left there, as {manifest} says, "
                f"and nothing else: choose another folder. Received: {name!r}, {told}"
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


@contextmanager
def drafted(folder: Path, what: str) -> Iterator[Path]:
    """A draft of what the folder is to hold, for one run at a time: see `publish`.

    The folder is made if needed. However the block ends, the draft is gone then, and so is a
    folder that was made for it and has stayed empty. A draft that a killed run has left is cleared.

    Raises `OutputError` if another run writes into the folder.
    """
    with _told(folder, f"{what} must be where files can be written"):
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder, what) as is_ours:
        for left in folder.glob(f"{DRAFT}*") if is_ours else ():
            shutil.rmtree(left, ignore_errors=True)
        with _told(folder, f"{what} must be where files can be written"):
            draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=folder))
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            if made:
                with suppress(OSError):
                    folder.rmdir()


def clear_abandoned(draft: Path) -> bool:
    """Remove a draft whose run is gone, which is known by its lock; whether it is removed."""
    with suppress(OSError, OutputError), _locked(draft.parent, "a draft") as is_ours:
        if is_ours and draft.name.startswith(DRAFT):
            shutil.rmtree(draft, ignore_errors=True)
            return True
    return False


def publish(draft: Path, folder: Path) -> None:
    """Replace what an earlier run has left in the folder by what is in the draft.

    The manifest first: what it names the next run replaces, should this one be cut here.
    """
    files = sorted(entry.name for entry in draft.iterdir())
    earlier = _left_in(folder)
    manifest = draft / MANIFEST
    told = {"dualtrain": __version__, "files": files}
    manifest.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    manifest.replace(folder / MANIFEST)
    for name in earlier - {MANIFEST, *files}:
        (folder / name).unlink(missing_ok=True)
    for name in files:
        (draft / name).replace(folder / name)


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
def _locked(folder: Path | None, what: str) -> Iterator[bool]:
    """The folder, if there is one, locked; whether it is."""
    if folder is None or fcntl is None:  # Windows opens no folder
        yield False
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        yield lock(opened, folder, what)
    finally:
        os.close(opened)


@contextmanager
def _told(path: Path, rule: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        named = error.filename
        where = "" if named is None or Path(named) == path else f": {named}"
        raise OutputError(f"{path}: {rule}. Received: {reason(error)}{where}") from None
    except ValueError as error:  # a NUL in the name
        raise OutputError(f"{path}: {rule}. Received: {error}") from None


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


def _left_in(folder: Path) -> set[str]:
    """The files that an earlier run has left in the folder, as its manifest says."""
    try:
        named = parse_json(read_bytes(folder / MANIFEST))["files"]
        files = {entry.name for entry in folder.iterdir() if not entry.is_dir()}
        return {name for name in (MANIFEST, *named) if name in files}
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def _same(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except (OSError, ValueError):
        return _resolved(a) == _resolved(b)


def _inside(inner: Path, outer: Path) -> bool:
    return _resolved(inner).is_relative_to(_resolved(outer))


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))


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


def _size(count: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} bytes"
