"""What was found out of each fault, kept in a file as it comes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.mutants._mutant import Mutant
from benchmarks.mutants._pytest import run
from benchmarks.mutants._tree import Tree

__all__ = ["Result", "Results", "disowned", "judged"]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one fault."""

    name: str
    new: str
    """The text that was planted: a fault that has changed is another one."""
    found_by: str
    """The first test that fails with it; empty where none does."""
    seconds: float
    """Of all runs of pytest until then."""


def judged(mutant: Mutant, tree: Tree, folder: Path, checks: Sequence[Sequence[str]]) -> Result:
    """Plant a fault, and look for who finds it.

    folder: for what pytest prints. checks: arguments of pytest for one run after the other.
    """
    seconds = 0.0
    with tree.planted(mutant):
        for arguments in checks:
            answer = run(tree.path, ["-x", *arguments], folder / "pytest.txt")
            seconds += answer.seconds
            if answer.failed:
                return Result(
                    name=mutant.name, new=mutant.new, found_by=answer.failed[0], seconds=seconds
                )
    return Result(name=mutant.name, new=mutant.new, found_by="", seconds=seconds)


def disowned(results: Iterable[Result], tree: Tree, folder: Path) -> list[str]:
    """The tests that fail without any fault, too: what they find is nothing."""
    tests = sorted({result.found_by for result in results if result.found_by.startswith("tests/")})
    return [*run(tree.path, tests, folder / "pytest.txt").failed] if tests else []


class Results:
    """The results in a file, one a line."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def of(self, mutants: Iterable[Mutant]) -> dict[str, Result]:
        """Name -> result, of those of these faults that are known."""
        new = {mutant.name: mutant.new for mutant in mutants}
        return {r.name: r for r in self._read() if new.get(r.name) == r.new}

    def add(self, result: Result) -> None:
        """Put one down."""
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(result)) + "\n")

    def _read(self) -> Iterator[Result]:
        if self._file.exists():
            for line in self._file.read_text(encoding="utf-8").splitlines():
                yield Result(**json.loads(line))
