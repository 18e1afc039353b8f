"""The fuzzers' short form: every mutant is refused in a short message, or judged truly."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.fuzz.kinds import KINDS

FUZZ = """\
import sys
sys.executable = {python!r}  # which makes the runs that are damaged
from benchmarks.fuzz.__main__ import main
sys.exit(main(["--count", "400", "--shown", "10"]))
"""


@pytest.fixture(scope="module")
def answers(warm_python: Path) -> str:
    """What is said of all kinds, which share the runs that they damage.

    In a process of its own: it forks, and a framework's threads would not outlive that.
    """
    command = [sys.executable, "-c", FUZZ.format(python=str(warm_python))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_is_right(answers: str, kind: str) -> None:
    (told,) = re.findall(rf"^{kind}: .* (\d+) answered wrong$", answers, re.MULTILINE) or [answers]
    assert told == "0", answers
