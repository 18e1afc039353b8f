"""The command under each framework's own launcher: the first process speaks, and writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dualtrain.training import train
from tests.forked import check_alike
from tests.tasks import small_spec, write_task

LAUNCHERS: dict[str, list[str]] = {
    "torch": ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"],
    "paddle": ["paddle.distributed.launch", "--nproc_per_node", "2", "--log_dir", "logs"],
}


def launched(folder: Path, launcher: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "command.py").write_text("from dualtrain.cli import main\n\nmain()\n", "utf-8")
    there = {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *LAUNCHERS[launcher], "command.py", *arguments],
        cwd=folder,
        env=os.environ | there,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    ("launcher", "backend"), [("torch", "torch"), ("paddle", "paddle"), ("torch", "paddle")]
)
def test_a_spec_is_trained_under_a_launcher(tmp_path: Path, launcher: str, backend: str) -> None:
    write_task(tmp_path)
    spec = small_spec(tmp_path)
    words: dict[str, Any] = spec.model_dump(mode="json", exclude_unset=True)
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(words), encoding="utf-8")
    score = train(spec, backend, trace=tmp_path / "alone.jsonl", output=tmp_path / "alone")
    files = ["--trace", "shared.jsonl", "--output", "shared"]
    ended = launched(tmp_path, launcher, "train", "spec.yaml", "--backend", backend, *files)
    assert ended.returncode == 0, ended.stderr
    check_alike(tmp_path, 2)
    assert ended.stdout.count(str(score)) == 1, ended.stdout


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_refusal_is_said_by_each_process(tmp_path: Path, launcher: str) -> None:
    (tmp_path / "spec.yaml").write_text("seed: no\n", encoding="utf-8")
    ended = launched(tmp_path, launcher, "train", "spec.yaml", "--backend", launcher)
    assert ended.returncode != 0
    told = ended.stdout + ended.stderr
    told += "".join(path.read_text("utf-8") for path in tmp_path.glob("logs/workerlog.*"))
    assert "spec.yaml" in told
