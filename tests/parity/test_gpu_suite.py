"""`make test-gpu` where there is no GPU: it refuses, and its dry run says what it ran."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]

without_gpu = pytest.mark.skipif(
    torch.cuda.is_available(), reason="here is a GPU: `make test-gpu` itself runs"
)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@without_gpu
def test_it_refuses_before_anything_is_set_up() -> None:
    done = python("tests/gpu/device.py", "cuda")
    assert done.returncode == 2
    assert "needs a CUDA device that torch sees" in done.stderr
    assert f"Received: 'cuda', torch {torch.__version__} with 0 CUDA devices" in done.stderr
    assert "Traceback" not in done.stderr


@without_gpu
def test_its_tests_refuse_too() -> None:
    done = python("-m", "pytest", "-q", "tests/gpu")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "needs a CUDA device that torch sees" in done.stderr


def test_all_tests_do_not_collect_it() -> None:
    """Of this folder and that one, without what they hold else, this alone."""
    beside = ("--ignore-glob=tests/[!gp]*", "--ignore-glob=tests/parity/test_[!g]*")
    done = python("-m", "pytest", "-q", "--collect-only", "tests", *beside)
    assert done.returncode == 0, done.stdout[-2000:]
    tests = [line for line in done.stdout.splitlines() if "::" in line]
    assert {test.partition("::")[0] for test in tests} == {"tests/parity/test_gpu_suite.py"}


def test_a_dry_run_reports_what_it_ran(tmp_path: Path) -> None:
    """One file of its own and one of the conformance suite."""
    file = tmp_path / "gpu.json"
    tests = ("tests/gpu/test_fused.py", "tests/conformance/test_momentum.py")
    done = python("-m", "pytest", "-q", *tests, "--device", "cpu", "--json", str(file))
    assert done.returncode == 0, done.stdout[-2000:]
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["device"] == "cpu"
    assert report["versions"]["torch"] == str(torch.__version__)
    own, suite = report["parts"]
    assert (own["where"], suite["where"]) == ("tests/gpu/test_fused.py", "tests/conformance")
    assert (own["passed"], own["failed"], own["not run"]) == (4, [], 0)
    assert suite["passed"] > 0
    assert own["title"].startswith("Fused optimizers: ")
    assert set(own["measured"]) >= {"adamw, from the unfused", "adamw, from the rule"}
