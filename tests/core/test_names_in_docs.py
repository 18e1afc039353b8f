"""Documents and docstrings name files and folders that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    path.relative_to(ROOT)
    for pattern in ("dualtrain/**/*.py", "backends/**/*.py", "docs/*.md", "*.md")
    for path in sorted(ROOT.glob(pattern))
]


def missing(text: str, beside: Path) -> list[str]:
    """The names in backticks of private modules, beside the text, and of paths that are not there.

    A path begins with one of our folders; what a run makes (`report/`, `data/`) is none.
    """
    modules = [beside / name for name in re.findall(r"`(_\w+\.py)`", text)]
    paths = re.findall(r"`((?:backends|docs|dualtrain|examples|tests)/[\w./-]*)`", text)
    return [path.name for path in (*modules, *(ROOT / p for p in paths)) if not path.exists()]


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_what_is_named_is_there(source: Path) -> None:
    assert missing((ROOT / source).read_text(encoding="utf-8"), (ROOT / source).parent) == []


def test_the_check_can_fail() -> None:
    text = "`_compare.py`, `_static.py`, `dualtrain/parity/`, `docs/none.md`"
    assert missing(text, ROOT / "dualtrain" / "parity") == ["_static.py", "none.md"]
