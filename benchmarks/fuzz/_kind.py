"""What a kind of input must say of itself to be fuzzed."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import ClassVar

from benchmarks.fuzz._places import replaced

__all__ = ["Judgement", "Kind", "Mutant", "damage", "judged", "mutant_of"]


@dataclass(frozen=True)
class Judgement:
    """What dualtrain said of a mutant, and what is wrong with that."""

    verdict: str
    """For the counts: `refused`, `accepted`, `agrees`."""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mutant:
    """A damaged copy, in a folder of its own, of one of the originals."""

    original: Path
    folder: Path
    told: str
    """What was changed."""


class Kind(ABC):
    """One kind of input: where originals come from, what may be changed, what is a right answer."""

    name: ClassVar[str]

    @abstractmethod
    def make(self, folder: Path) -> None:
        """Write the originals, each in a folder of its own."""

    @abstractmethod
    def mutate(self, draw: Random, folder: Path) -> str:
        """Change what is in a copy of an original; says what."""

    @abstractmethod
    def judge(self, original: Path, folder: Path) -> Judgement:
        """Ask dualtrain about a copy of an original, and hold its answer against the oracle."""


def mutant_of(kind: Kind, originals: Path, seed: int, index: int, folder: Path) -> Mutant:
    """The mutant of this number, written to a new folder."""
    draw = Random(f"{kind.name} {seed} {index}")
    original = draw.choice(sorted(originals.iterdir()))
    shutil.copytree(original, folder)
    told = [kind.mutate(draw, folder) for _ in range(draw.choice((1, 1, 1, 2)))]
    return Mutant(original, folder, "; ".join(told))


def judged(kind: Kind, original: Path, folder: Path) -> Judgement:
    """The judgement; a fault too is any file that came, went or changed meanwhile."""
    before = _seen(folder)
    judgement = kind.judge(original, folder)
    after = _seen(folder)
    touched = sorted(name for name in before | after if before.get(name) != after.get(name))
    if not touched:
        return judgement
    told = f"files that were written, changed or taken away: {', '.join(touched)}"
    return Judgement(judgement.verdict, (*judgement.faults, told))


def _seen(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): _look(path) for path in sorted(folder.rglob("*"))}


def _look(path: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode):
        return hashlib.blake2b(path.read_bytes()).hexdigest()
    return str(path.readlink()) if path.is_symlink() else oct(mode)


Damage = Callable[[Random, bytes, Path], tuple[bytes, str]]
"""A file's bytes -> others, and what was changed in words."""


def damage(draw: Random, path: Path, change: Damage) -> str:
    """Change a file's bytes; one time in ten put something else in its place."""
    if not os.path.lexists(path) or not stat.S_ISREG(path.lstat().st_mode):
        return f"{path.name} stays as it is"
    if draw.random() < 0.1:
        return replaced(draw, path)
    data, told = change(draw, path.read_bytes(), path)
    path.write_bytes(data)
    return f"{path.name}: {told}"
