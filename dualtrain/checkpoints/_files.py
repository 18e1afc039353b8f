"""A checkpoint on disk: put together aside, synced, renamed; read only if nothing of it is lost."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dualtrain.aside import save_arrays, write_aside
from dualtrain.checkpoints._checkpoint import Checkpoint
from dualtrain.errors import CheckpointError, DualtrainError, TrainingWarning
from dualtrain.fields import problems_of
from dualtrain.files import parse_json, read_bytes, read_header, reason
from dualtrain.outputs import DRAFT
from dualtrain.printable import escaped, printable
from dualtrain.spec import Spec

__all__ = ["check_holds_them", "entries", "newest", "read", "write"]

_ARRAYS, _DOCUMENT = "state.safetensors", "checkpoint.json"
_VERSION = 1
_NAME = re.compile(r"update-(\d{8,})(?:-(\d+))?", re.ASCII)


def entries(folder: Path) -> list[Path]:
    """The checkpoints of a folder, whole or not, the oldest first."""
    try:
        return sorted(filter(_place, folder.iterdir()), key=_place)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _place(path: Path) -> tuple[int, ...]:
    """Of how many updates a checkpoint is, and how often there was one; empty for what is none."""
    named = _NAME.fullmatch(path.name)
    return () if named is None else (int(named[1]), int(named[2] or 0))


def write(folder: Path, checkpoint: Checkpoint) -> Path:
    """Add a checkpoint to a folder; where it is. Raises `OSError`, and nothing is left then.

    One of the same update that is there already stays: the new one has a number behind its name.
    """
    name = f"update-{checkpoint.made:08}"
    same = [again for made, again in map(_place, entries(folder)) if made == checkpoint.made]
    path = folder / (f"{name}-{max(same) + 1}" if same else name)
    draft = folder / f"{DRAFT}{name}"
    try:
        draft.mkdir()
        save_arrays(draft / _ARRAYS, checkpoint.arrays())
        _write_document(draft, replace(checkpoint, place=str(folder.absolute())))
        _sync(draft)
        draft.rename(path)
        _sync(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return path


def _write_document(draft: Path, checkpoint: Checkpoint) -> None:
    arrays = draft / _ARRAYS
    files = {_ARRAYS: {"size": arrays.stat().st_size, "sha256": _sha256_of(arrays)}}
    told = {"version": _VERSION, "files": files, **checkpoint.document()}
    signed = {"sha256": _sha256(told), "checkpoint": told}
    with write_aside(draft / _DOCUMENT) as aside:
        aside.write_text(json.dumps(signed, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Checkpoint:
    """The checkpoint of a folder `update-...`. Raises `CheckpointError` if it is not whole."""
    from safetensors import safe_open

    file = path / _DOCUMENT
    try:
        signed = parse_json(read_bytes(file))
        told = signed["checkpoint"]
        if told["version"] != _VERSION:
            raise _error(file, f"its version must be {_VERSION}", repr(told["version"]))
        if signed["sha256"] != _sha256(told):
            raise _error(file, "it must be as it was written", "another digest")
        file = path / _ARRAYS
        _check_whole(file, told["files"][_ARRAYS])
        with safe_open(file, framework="np") as opened:
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        return Checkpoint.joined(arrays, told)
    except OSError as error:
        raise _error(file, "it must be a readable file", reason(error)) from None
    except CheckpointError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, DualtrainError) as error:
        raise _error(file, "it must be what dualtrain has written", _what(error)) from None


def _what(error: Exception) -> str:
    """What a file has in place of a checkpoint; Python's own words would be about Python."""
    if isinstance(error, ValidationError):
        return "; ".join(map(str, problems_of(error, Spec)))
    if isinstance(error, KeyError):
        return f"a document without {error}"
    if isinstance(error, ValueError | DualtrainError):
        return str(error)
    return "other parts than a checkpoint has"


def _check_whole(file: Path, told: dict[str, Any]) -> None:
    """Refuse a file that is not to the byte what it was."""
    size = file.stat().st_size
    if size != told["size"]:
        raise _error(file, f"it must have {told['size']} bytes", str(size))
    read_header(file)
    if _sha256_of(file) != told["sha256"]:
        raise _error(file, "it must be as it was written", "another digest")


def newest(folder: Path | str) -> tuple[Path, Checkpoint]:
    """The newest whole checkpoint of a folder; a warning says which are passed over, and why.

    Raises `CheckpointError` where none is whole, with what is wrong with each.
    """
    folder, damaged = Path(folder), list[str]()
    check_holds_them(folder)
    for path in reversed(entries(folder)):
        try:
            found = read(path)
        except CheckpointError as error:
            damaged.append(str(error))
            continue
        for problem in damaged:
            told = f"a damaged checkpoint is passed over: {problem}; the run goes on from {path}"
            warnings.warn(told, TrainingWarning, stacklevel=3)
        return path, found
    raise CheckpointError(
        f"{escaped(str(folder))}: a folder of checkpoints must have a whole one. "
        f"Received: {'; '.join(damaged) or 'none at all'}"
    )


def check_holds_them(folder: Path) -> None:
    """Raise `CheckpointError` for a checkpoint itself in place of the folder that it stands in."""
    if (folder / _DOCUMENT).exists():
        rule = f"name the folder that the checkpoints stand in, {folder.absolute().parent}"
        raise _error(folder, rule, "one of them")


def _sync(folder: Path) -> None:
    """Let the names in a folder be on the disk; some systems open no folder."""
    with suppress(PermissionError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _sha256(document: Any) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _sha256_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while part := opened.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _error(file: Path, rule: str, received: str) -> CheckpointError:
    told = f"{printable(rule)}. Received: {printable(received)}"
    return CheckpointError(f"{escaped(str(file))}: {told}")
