"""A copy of the sources in which faults are planted; the checkout itself is never touched."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import cache_from_source
from pathlib import Path

from benchmarks.mutants._mutant import Mutant

__all__ = ["ROOT", "Tree"]

ROOT = Path(__file__).parents[2]


def _left_out(folder: str, names: list[str]) -> set[str]:
    """What is no source; reports and environments lie beside the packages."""
    found = shutil.ignore_patterns(".git", "__pycache__", ".*_cache")(folder, names)
    if Path(folder) == ROOT:
        found |= shutil.ignore_patterns(".venv*", "report*")(folder, names)
    return found


class Tree:
    """The copy, at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    @contextmanager
    def copied(cls) -> Iterator[Tree]:
        """A copy of the checkout in a temporary folder."""
        with tempfile.TemporaryDirectory(prefix="dualtrain-mutants-") as temporary:
            path = Path(temporary) / "tree"
            shutil.copytree(ROOT, path, ignore=_left_out)
            yield cls(path)

    @contextmanager
    def planted(self, mutant: Mutant) -> Iterator[None]:
        """The fault is in the copy until the block is left."""
        file = self.path / mutant.file
        text = file.read_text(encoding="utf-8")
        try:
            _write(file, mutant.planted(text))
            yield
        finally:
            _write(file, text)


def _write(file: Path, text: str) -> None:
    """Write a source, and forget what was compiled of it: by its time it may look unchanged."""
    file.write_text(text, encoding="utf-8")
    Path(cache_from_source(str(file))).unlink(missing_ok=True)
