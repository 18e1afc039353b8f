"""docs/model.md ends every row in a verdict, and names tests that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.core.test_divergences import names_in

PAGE = Path(__file__).parents[2] / "docs" / "model.md"
VERDICTS = ("honoured", "refused", "told")


@cache
def rows() -> tuple[tuple[str, str, str, str], ...]:
    """Where, word, what it says, what becomes of it: of every row but the tables' heads."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            continue
        where, word, says, becomes = (cell.strip() for cell in line.strip("|").split("|"))
        if where != "where" and set(where) != {"-"}:
            found.append((where, word, says, becomes))
    return tuple(found)


def words_of(source: str) -> set[str]:
    """The words that the page has for a class: the names at the start of a row's second cell."""
    return {
        word
        for where, words, _, _ in rows()
        if where == f"`{source}`"
        for word in re.findall(r"`(\w+)`", words)
    }


def problems(row: tuple[str, str, str, str]) -> list[str]:
    """What is wrong with a row's verdict."""
    where, word, _, becomes = row
    what, kind = f"{where} {word}", becomes.partition(":")[0]
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", becomes)
    if kind == "outside":
        return [] if len(becomes) > len("outside: ") else [f"{what}: no reason"]
    if kind not in VERDICTS:
        return [f"{what}: the verdict must be one of {VERDICTS} or outside. Received: {becomes!r}"]
    if not named:
        return [f"{what}: no test"]
    return [f"{what}: no test {n} in {path}" for path, n in named if n not in names_in(path)]


def test_every_row_has_a_verdict_that_holds() -> None:
    assert len(rows()) > 80
    assert [problem for row in rows() for problem in problems(row)] == []


@pytest.mark.parametrize(
    ("becomes", "problem"),
    [
        ("ignored", "must be one of"),
        ("honoured", "no test"),
        ("told: `core/test_model_page.py::test_absent`", "no test test_absent"),
        ("outside:", "no reason"),
    ],
)
def test_a_verdict_that_does_not_hold_is_found(becomes: str, problem: str) -> None:
    assert problem in problems(("a class", "a word", "", becomes))[0]
