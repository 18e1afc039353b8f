"""The conformance suite serves a backend from outside as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.meta.third_backend import NAME, write_backend

NAMES = ("run", "clip", "schedules", "averages", "masters")
ROOT = Path(__file__).parents[2]


def conformance(folder: Path, *selected: str) -> tuple[int, str]:
    """Exit status and output of the suite, run on the third backend alone."""
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *selected],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "DUALTRAIN_BACKENDS": NAME},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_backend_from_outside_passes_unchanged(tmp_path: Path) -> None:
    """Only the long ones among random specs are left out; averages and masters are the core's."""
    write_backend(tmp_path)
    files = [f"tests/conformance/test_{name}.py" for name in NAMES]
    status, output = conformance(tmp_path, *files, "-k", "not random and not any_schedule")
    assert status == 0, output
    assert "passed" in output and "skipped" not in output


def test_a_backend_that_lacks_a_verb_does_not_pass(tmp_path: Path) -> None:
    write_backend(tmp_path, without="clear_gradients")
    status, output = conformance(tmp_path, "tests/conformance/test_clip.py", "-x")
    assert status == 1, output
    assert f"module '{NAME}_backend' has no attribute 'clear_gradients'" in output
