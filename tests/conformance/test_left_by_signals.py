"""A command that a signal ends saves its run, leaves with the signal's status, and goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dualtrain.backend import Backend
from dualtrain.checkpoints import newest
from dualtrain.trace import read_trace
from tests.tasks import small_spec, write_task


def command(folder: Path, backend: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dualtrain", "train", *words, "--backend", backend],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_a_signal_saves_and_leaves(backend: Backend, tmp_path: Path, name: str) -> None:
    number = getattr(signal, name)
    write_task(tmp_path)
    spec = small_spec(tmp_path, duration={"updates": 3000})
    (tmp_path / "spec.json").write_text(json.dumps(spec.model_dump(mode="json")))
    trace = tmp_path / "t.jsonl"
    words = ("spec.json", "--checkpoints", "kept", "--trace", "t.jsonl")
    with command(tmp_path, backend.NAME, *words) as running:
        while running.poll() is None and len(rows(trace)) < 4:
            time.sleep(0.05)
        running.send_signal(number)
        _, told = running.communicate()
    assert running.returncode == 128 + number, told
    assert f"{name}: the run is saved and left after this update" in told
    made = newest(tmp_path / "kept")[1].made
    assert f"update-{made:08}" in told.replace("\n", "")
    assert len(read_trace(trace).updates) == made > 2
    shorter = spec.model_copy(update={"duration": type(spec.duration)(updates=made + 2)})
    (tmp_path / "spec.json").write_text(json.dumps(shorter.model_dump(mode="json")))
    with command(tmp_path, backend.NAME, "spec.json", "--resume", "kept") as refused:
        _, told = refused.communicate()
    assert (refused.returncode, "duration.updates" in told) == (2, True)
    more = ("spec.json", "--resume", "kept", "--allow-spec-change")
    with command(tmp_path, backend.NAME, *more) as running:
        said, told = running.communicate()
    assert running.returncode == 0, told
    assert f"goes on after {made} updates" in said
    assert len(read_trace(trace).updates) == made + 2


def rows(trace: Path) -> list[str]:
    return trace.read_text(encoding="utf-8").splitlines() if trace.exists() else []
