"""SIGKILL at random moments, also while saving: the run goes on, and ends to the bit alike."""

from __future__ import annotations

import mmap
import os
import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dualtrain.backend import Backend
from dualtrain.checkpoints import _files, newest
from dualtrain.training.loop import _loop
from tests.builders import spec_of
from tests.conformance.test_checkpoints import Job, micro_batches

KILLS = int(os.environ.get("DUALTRAIN_KILLS", "12"))
MANY = 100
"""So many must have been everywhere."""
SLOW = 0.004
"""Seconds that each step of a save is slowed down by, so that kills fall into it."""

BEGINS, BETWEEN = "the run begins, or is read and goes on", "between two updates, and the end"
STEPS: dict[str, tuple[Any, str, float]] = {
    "an update": (_loop, "make_update", 0.0),
    "saving: the arrays": (_files, "save_arrays", SLOW),
    "saving: the document": (_files, "_write_document", SLOW),
    "saving: synced, before and after the name": (_files, "_sync", SLOW),
    "an older one is removed": (shutil, "rmtree", SLOW),
}
"""Where a kill may fall -> the function that is running then, and by how much it is slowed down."""
PLACES = (BEGINS, BETWEEN, *STEPS)


class Cell:
    """Where a child is, for its parent to read when it is dead."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def set(self, place: str) -> None:
        self._shared[0] = PLACES.index(place)

    def get(self) -> str:
        return PLACES[self._shared[0]]

    def told(self, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
        """Let a function say that it is running, and take its time."""
        module, name, pause = STEPS[place]
        usual = getattr(module, name)

        def wrapped(*given: Any, **more: Any) -> Any:
            has_begun = name == "make_update" or self.get() != BEGINS
            self.set(place)
            time.sleep(pause)
            done = usual(*given, **more)
            time.sleep(pause)
            self.set(BETWEEN if has_begun else BEGINS)
            return done

        monkeypatch.setattr(module, name, wrapped)


def test_a_killed_run_loses_no_whole_checkpoint(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(duration={"epochs": 6}, checkpoint={"every": {"updates": 1}, "keep": 1})
    job, draw, cell = Job(backend, spec, micro_batches, tmp_path), random.Random(1), Cell()
    job("warm")  # the first run of a process takes longer
    begun = time.monotonic()
    job("whole")
    usual = time.monotonic() - begun
    for place in STEPS:
        cell.told(monkeypatch, place)
    kept, last, fell = tmp_path / "left" / "kept", 0, Counter[str]()
    while fell.total() < KILLS:
        cell.set(BEGINS)
        child = os.fork()
        if child == 0:
            job("left", resume=True)
            os._exit(0)
        time.sleep(draw.uniform(0.01, usual))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        fell[cell.get()] += os.WIFSIGNALED(status)
        if _files.entries(kept):
            made = newest(kept)[1].made
            assert made >= last
            last = made
        if not os.WIFSIGNALED(status):  # it was done: once more from its begin
            assert os.WEXITSTATUS(status) == 0
            assert job.held("left") == job.held("whole")
            (tmp_path / "left").rename(tmp_path / f"done-{time.monotonic_ns()}")
            last = 0
    job("left", resume=True)
    assert job.held("left") == job.held("whole")
    if KILLS >= MANY:
        assert fell.keys() == {*PLACES}
    print(*(f"| {place} | {fell[place]} |" for place in PLACES), sep="\n")
