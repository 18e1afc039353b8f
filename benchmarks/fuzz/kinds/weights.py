"""Weights beside traces: two runs agree only while the files hold the very tensors they held."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from random import Random
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load_file

from benchmarks.fuzz._bytes import changed_json, damaged
from benchmarks.fuzz._call import REFUSED
from benchmarks.fuzz._kind import Judgement, Kind, damage
from benchmarks.fuzz._trees import parsed
from benchmarks.fuzz.kinds.traces import STATUSES, verdict
from benchmarks.fuzz.runs import FLOOR, make_runs

__all__ = ["Weights", "changed_tensors", "tensors_of"]


class Weights(Kind):
    """The weights of one of two runs, or of the chaos floor, through `diff`."""

    name = "weights"

    def make(self, folder: Path) -> None:
        """Real runs."""
        make_runs(folder)

    def mutate(self, draw: Random, folder: Path) -> str:
        """A change to the header, to bytes, to what stands there; or another file's content."""
        files = sorted(folder.glob("*/*.safetensors"))
        path = draw.choice(files)
        other = draw.choice(files)
        both = path.is_file() and other.is_file()
        if draw.random() < 0.15 and both and not path.samefile(other):
            shutil.copyfile(other, path)
            return f"{_named(path)} is {_named(other)}"
        return damage(draw, path, changed_tensors)

    def judge(self, original: Path, folder: Path) -> Judgement:
        """Both ways round; safetensors itself says what a file holds."""
        names = {path.relative_to(original) for path in original.glob("*/*.safetensors")}
        answer, faults = verdict(folder, with_floor=(original / FLOOR).exists())
        found = {name: (tensors_of(original / name), tensors_of(folder / name)) for name in names}
        changed = sorted(str(name) for name, (was, now) in found.items() if was != now)
        if changed and answer.status == 0:
            faults.append(f"agrees, though {', '.join(changed)} no longer holds what it held")
        refused_twice = answer.status == REFUSED and not all(_once(folder / name) for name in names)
        if not changed and answer.status != 0 and not refused_twice:
            faults.append(f"{STATUSES[answer.status]}, though every file holds what it held")
        return Judgement(STATUSES[answer.status], tuple(faults))


def _named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def changed_tensors(draw: Random, data: bytes, path: Path) -> tuple[bytes, str]:
    """A safetensors file with one change to its header's JSON, or to its bytes."""
    size = int.from_bytes(data[:8], "little")
    if draw.random() < 0.4 or not 0 < size <= len(data) - 8:
        return damaged(draw, data)
    header, told = changed_json(draw, data[8 : 8 + size])
    return struct.pack("<Q", len(header)) + header + data[8 + size :], told


def tensors_of(path: Path) -> dict[str, Any] | None:
    """Name -> type, shape and bytes, as safetensors reads them; None if it does not."""
    try:
        arrays = load_file(path) if path.is_file() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError):
        return None
    if arrays is None:
        return None
    return {name: (one.dtype.str, one.shape, one.tobytes()) for name, one in arrays.items()}


def _once(path: Path) -> bool:
    """Whether no key stands twice in a file's header."""
    if not path.is_file():
        return False
    data = path.read_bytes()
    try:
        parsed(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except ValueError:
        return False
    return True
