"""Each typical porting mistake, seeded on one side, is found and named; without one, parity.

The comparison is the command's own: its exit status and the first stage it names count.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.mistakes import faults
from dualtrain.cli import main
from dualtrain.trace import read_trace
from dualtrain.training import train
from tests.tasks import small_spec, write_task


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The task's data, and the torch side's trace of a run without a fault."""
    folder = tmp_path_factory.mktemp("task")
    write_task(folder)
    train(small_spec(folder), "torch", trace=folder / "torch.jsonl", output=folder / "torch")
    return folder


def run(report: Path, *arguments: str) -> tuple[Any, dict[str, Any]]:
    """Exit status of a command, and the first difference in its summary (empty if none)."""
    with pytest.raises(SystemExit) as exit_:
        main([*arguments, "--report", str(report)])
    summary = json.loads((report / "summary.json").read_text(encoding="utf-8"))
    findings = {finding["stage"]: finding for finding in summary["findings"]}
    return exit_.value.code, findings.get(summary["first"], {})


def diff(folder: Path, other: Path, report: Path) -> tuple[Any, dict[str, Any]]:
    return run(report, "diff", str(folder / "torch.jsonl"), str(other))


def test_without_a_fault_there_is_parity(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "paddle.jsonl"
    train(small_spec(folder), "paddle", trace=trace, output=tmp_path / "paddle")
    assert diff(folder, trace, tmp_path / "report") == (0, {})


@pytest.mark.parametrize(
    ("fault", "stage", "update"),
    [
        (faults.decay_biases, "decay", None),
        (faults.decay_norms, "decay", None),
        (faults.forget_the_clip, "clip", 0),
        (faults.leave_square_matrices_untransposed, "initial output", None),
        (faults.swap_two_batches, "batches", 4),  # micro-batches 2 and 3 of epoch 1
        (faults.divide_the_tail_by_the_full_count, "accumulation", 3),  # the first epoch's last
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_fault_is_found_and_named(
    fault: faults.Fault,
    stage: str,
    update: int | None,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fault(monkeypatch)
    trace = tmp_path / "paddle.jsonl"
    train(small_spec(folder), "paddle", trace=trace, output=tmp_path / "paddle")
    status, first = diff(folder, trace, tmp_path / "report")
    assert (1, stage, update) == (status, first["stage"], first["first_update"])


def test_another_warmup_rounding_is_found_and_named(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "paddle.jsonl"
    spec = small_spec(folder, warmup={"proportion": 0.1, "rounding": "ceil"})
    train(spec, "paddle", trace=trace, output=tmp_path / "paddle")
    status, first = diff(folder, trace, tmp_path / "report")
    assert (status, first["stage"], first["knob"]) == (1, "plan", "warmup.rounding")


FAULTY_PYTHON = """\
#!/bin/sh
exec {python} -c '
import runpy, sys
sys.path.insert(0, "{tests}")
import pytest
from benchmarks.mistakes import faults
faults.{fault}(pytest.MonkeyPatch())
sys.argv = ["worker", sys.argv[3]]
runpy.run_module("dualtrain.workers", run_name="__main__")
' "$@"
"""


@pytest.fixture
def faulty_python(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """An interpreter, as `--paddle-python` takes one, in which the fault is already made."""
    path = tmp_path / "python"
    tests = Path(__file__).parents[2]
    path.write_text(FAULTY_PYTHON.format(python=sys.executable, tests=tests, fault=request.param))
    path.chmod(0o755)
    yield path


@pytest.mark.parametrize(
    ("faulty_python", "stage", "trained"),
    [
        ("leave_square_matrices_untransposed", "initial output", False),
        ("forget_the_clip", "rule", True),
    ],
    indirect=["faulty_python"],
)
def test_the_whole_command_exits_with_1(
    faulty_python: Path, stage: str, trained: bool, folder: Path, tmp_path: Path
) -> None:
    """Sides that do not start alike are not trained at all."""
    spec = folder / "spec.json"
    spec.write_text(small_spec(folder).model_dump_json(), encoding="utf-8")
    report = tmp_path / "report"
    options = ("--floor", "--paddle-python", str(faulty_python))
    status, first = run(report, "parity", str(spec), *options)
    assert (1, stage) == (status, first["stage"])
    assert trained == (report / "paddle.trace.jsonl").exists()
    if trained:
        assert (first["first_update"], first["knob"]) == (0, "clip")
        assert ", paddle: clip" in first["detail"]
        plain, nudged = (
            read_trace(report / f"{side}.trace.jsonl").header for side in ("torch", "torch-nudged")
        )
        assert not plain.initial_digest.items() & nudged.initial_digest.items()
