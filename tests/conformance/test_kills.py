"""SIGKILL at random moments, also while saving: the run goes on, and ends to the bit alike."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from dualtrain.backend import Backend
from dualtrain.checkpoints import _files, newest
from tests.builders import spec_of
from tests.conformance.test_checkpoints import Job, micro_batches

KILLS = int(os.environ.get("DUALTRAIN_KILLS", "12"))
SLOW = 0.004
"""Seconds that each step of a save is slowed down by, so that kills fall into it."""


def test_a_killed_run_loses_no_whole_checkpoint(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(duration={"epochs": 6}, checkpoint={"every": {"updates": 1}, "keep": 1})
    job, draw = Job(backend, spec, micro_batches, tmp_path), random.Random(1)
    job("warm")  # the first run of a process takes longer
    begun = time.monotonic()
    job("whole")
    usual = time.monotonic() - begun
    for name in ("_write_document", "_sync", "save_arrays"):
        whole = getattr(_files, name)

        def slowed(*given: object, whole: object = whole) -> None:
            time.sleep(SLOW)
            whole(*given)  # type: ignore[operator]
            time.sleep(SLOW)

        monkeypatch.setattr(_files, name, slowed)
    kept, last, killed, saving = tmp_path / "left" / "kept", 0, 0, 0
    while killed < KILLS:
        child = os.fork()
        if child == 0:
            job("left", resume=True)
            os._exit(0)
        time.sleep(draw.uniform(0.01, usual))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
        saving += any(kept.glob(".dualtrain-draft-*"))
        if _files.entries(kept):
            made = newest(kept)[1].made
            assert made >= last
            last = made
        if not os.WIFSIGNALED(status):  # it was done: once more from its begin
            assert os.WEXITSTATUS(status) == 0
            assert job.held("left") == job.held("whole")
            (tmp_path / "left").rename(tmp_path / f"done-{killed}-{time.monotonic_ns()}")
            last = 0
    job("left", resume=True)
    assert job.held("left") == job.held("whole")
    print(f"{killed} kills, {saving} while saving")
