"""docs/divergences.md ends every measured row in a verdict, and names tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "divergences.md"


def rows(text: str) -> list[list[str]]:
    """The cells of every row, but for the tables' heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "what differs" and set(row[0]) != {"-"}]


@cache
def names_in(path: str) -> set[str]:
    """The names of a file's test functions."""
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def problems(row: list[str]) -> list[str]:
    """What is wrong with a row's verdict."""
    what, verdict = row[0], row[-1]
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", verdict)
    kind = verdict.partition(":")[0]
    if kind == "outside":
        return [] if len(verdict) > len("outside: ") else [f"{what}: no reason"]
    if kind not in ("same", "refused"):
        return [f"{what}: the verdict must be same, refused or outside. Received: {verdict!r}"]
    if not named:
        return [f"{what}: no test"]
    return [
        f"{what}: there is no test {name} in {path}"
        for path, name in named
        if name not in names_in(path)
    ]


def test_every_row_has_a_verdict_that_holds() -> None:
    found = rows(PAGE.read_text(encoding="utf-8"))
    assert len(found) > 100
    assert [problem for row in found for problem in problems(row)] == []


@pytest.mark.parametrize(
    ("verdict", "problem"),
    [
        ("maybe", "must be same, refused or outside"),
        ("same", "no test"),
        ("refused: `core/test_divergences.py::test_absent`", "there is no test test_absent"),
        ("outside:", "no reason"),
    ],
)
def test_a_verdict_that_does_not_hold_is_found(verdict: str, problem: str) -> None:
    assert problem in problems(["a row", verdict])[0]
