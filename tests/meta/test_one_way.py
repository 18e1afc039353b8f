"""The folders beside the product import one way: benchmarks, then docs, then tests.

A maker of docs writes a page from what `benchmarks` measures; a test holds the page to it. Nothing
is written or measured by a test.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FLOORS = ("dualtrain", "backends", "examples", "benchmarks", "docs", "tests")
"""From the ground up; what the last three know of each other is what is looked at."""


def imported(file: Path) -> Iterator[tuple[str, int]]:
    """(top-level name, line) of every import, those inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.ImportFrom(module=str(module)):
                yield module.partition(".")[0], node.lineno
            case ast.Import(names=names):
                yield from ((name.name.partition(".")[0], node.lineno) for name in names)
            case _:
                pass


def upward(root: Path) -> list[str]:
    """The imports of a folder that stands higher."""
    return [
        f"{file.relative_to(root)}:{line}: imports {name}"
        for number, folder in enumerate(FLOORS)
        for file in sorted((root / folder).rglob("*.py"))
        for name, line in imported(file)
        if name in FLOORS[number + 1 :]
    ]


def test_imports_go_one_way() -> None:
    assert upward(ROOT) == []


@pytest.mark.parametrize(
    ("file", "line", "found"),
    [
        ("docs/make.py", "from tests import zoo", ["docs/make.py:2: imports tests"]),
        ("benchmarks/a/b.py", "import docs.make", ["benchmarks/a/b.py:2: imports docs"]),
        ("dualtrain/a.py", "def f():\n    import tests.a", ["dualtrain/a.py:3: imports tests"]),
        ("tests/test_a.py", "from docs import make\nfrom benchmarks import zoo", []),
        ("docs/make.py", "from benchmarks import zoo\nfrom testsuite import a", []),
    ],
)
def test_the_check_can_fail(file: str, line: str, found: list[str], tmp_path: Path) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(f'"""A file."""\n{line}\n', encoding="utf-8")

    assert upward(tmp_path) == found
