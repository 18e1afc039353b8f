"""The fuzzers' short form: every mutant is refused in a short message, or judged truly."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.fuzz.kinds import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_is_right(kind: str) -> None:
    """In a process of its own: it forks, and a framework's threads would not outlive that."""
    command = [sys.executable, "-m", "benchmarks.fuzz", kind, "--count", "400", "--shown", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "; 0 answered wrong" in done.stdout
