"""The fuzzers' short form: every mutant is refused in a short message, or judged truly."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from benchmarks.fuzz.kinds import KINDS


@pytest.fixture(scope="module")
def answers() -> str:
    """What is said of all kinds, which share the runs that they damage.

    In a process of its own: it forks, and a framework's threads would not outlive that.
    """
    command = [sys.executable, "-m", "benchmarks.fuzz", "--count", "400", "--shown", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_is_right(answers: str, kind: str) -> None:
    (told,) = re.findall(rf"^{kind}: .* (\d+) answered wrong$", answers, re.MULTILINE) or [answers]
    assert told == "0", answers
