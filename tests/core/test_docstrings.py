"""Every example in a docstring of the core holds, but for those that need a framework."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import dualtrain
from tests.docstrings import IN_A_FRAMEWORK, SETTINGS, examples, run, short

EXAMPLES = {short(test): test for test in examples(dualtrain)}


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - IN_A_FRAMEWORK))
def test_it_holds(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = SETTINGS[name](tmp_path) if name in SETTINGS else {}
    assert run(EXAMPLES[name], made) == ""


def test_what_is_taken_for_granted_is_needed() -> None:
    assert {*SETTINGS, *IN_A_FRAMEWORK} <= EXAMPLES.keys()


def test_the_check_can_fail() -> None:
    (test,) = doctest.DocTestFinder().find(wrong, "wrong", globs={"__name__": "tests"})
    assert "Expected:\n    3\nGot:\n    2" in run(test, {})
    assert "NameError: name 'unknown' is not defined" in run(test, {})


def wrong() -> None:
    """Two that do not hold.

    >>> 1 + 1
    3
    >>> unknown
    """
