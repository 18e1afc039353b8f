"""docs/checkpoints.md says of each field what the code does, and names tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from dualtrain.tasks.encoders.checkpoint._fields import VERDICTS
from dualtrain.tasks.encoders.checkpoint._tokenizer_fields import PIPELINE, SETTINGS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "checkpoints.md").read_text(encoding="utf-8")


TABLES = {
    "config.json": VERDICTS,
    "The tokenizer's files": SETTINGS,
    "tokenizer.json": PIPELINE,
}
"""Section -> the verdicts of its table."""


def rows(section: str) -> list[list[str]]:
    """The cells of the section's table of fields, but for its head."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def verdicts(section: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for fields, verdict, *_ in rows(section):
        for field in re.findall(r"`([\w.]+)`", fields):
            assert field not in found, f"{field} twice"
            found[field] = verdict
    return found


@pytest.mark.parametrize(("section", "expected"), TABLES.items())
def test_the_page_says_what_the_code_does(section: str, expected: dict[str, str]) -> None:
    assert verdicts(section) == expected


@cache
def names_in(path: str) -> set[str]:
    """The names of a file's test functions."""
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def missing(text: str) -> list[str]:
    named = re.findall(r"`([\w/]+\.py)::(?:\w+::)?(\w+)`", text)
    return [f"{path}::{name}" for path, name in named if name not in names_in(path)]


def test_every_row_names_a_test_that_exists() -> None:
    found = [row for section in TABLES for row in rows(section)]
    assert len(found) > 30
    assert [row[0] for row in found if ".py::" not in row[-1]] == []
    assert missing(PAGE) == []


def test_a_test_that_does_not_exist_is_found() -> None:
    assert missing("`core/test_checkpoint_page.py::test_absent`") == [
        "core/test_checkpoint_page.py::test_absent"
    ]
