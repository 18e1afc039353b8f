"""What `dualtrain train` says of a run's end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dualtrain.backend import Backend
from dualtrain.trace import Evaluation, read_trace
from tests.command import Run, run
from tests.tasks import number_spec, write_numbers

__all__ = ["run"]


def train(run: Run, backend: Backend, folder: Path, **changes: Any) -> str:
    """Standard output of the command for numbers, in eight epochs with an evaluation each."""
    write_numbers(folder)
    words = {"duration": {"epochs": 8}, "evaluation": {"every": {"epochs": 1}}} | changes
    spec = folder / "spec.json"
    spec.write_text(number_spec(folder, **words).model_dump_json(exclude_none=True))
    trace = folder / "trace.jsonl"
    status, out, err = run("train", spec, "--backend", backend.NAME, "--trace", trace)
    assert status == 0, err
    return out


def evaluations(folder: Path) -> list[Evaluation]:
    return list(read_trace(folder / "trace.jsonl").evaluations)


def test_why_a_run_ended_before_its_plan_is_said(
    backend: Backend, run: Run, tmp_path: Path
) -> None:
    stopping = {"metric": "mae", "patience": 2, "threshold": 1e6}
    out = train(run, backend, tmp_path, early_stopping=stopping)
    trace = read_trace(tmp_path / "trace.jsonl")
    assert trace.end is not None
    planned = json.loads((tmp_path / "trace.jsonl").read_text().splitlines()[0])["plan"]
    assert len(trace.updates) < planned["total_updates"]
    told = f"ended after {len(trace.updates)} of {planned['total_updates']} updates by "
    assert told + trace.end.reason in out.splitlines()
    assert trace.end.reason.startswith("early stopping: mae no better for 2 evaluations")


@pytest.mark.parametrize("is_kept", [True, False])
def test_the_best_evaluation_is_said(
    backend: Backend, run: Run, tmp_path: Path, is_kept: bool
) -> None:
    """With `best`; a run that ends as it was planned says nothing of its end."""
    words = {"best": {"metric": "r2"}} if is_kept else {}
    out = train(run, backend, tmp_path, **words)
    best = max(evaluations(tmp_path), key=lambda one: one.metrics["r2"])
    told = f"best r2 {best.metrics['r2']:.4f}, after {best.t} updates"
    assert (told in out.splitlines()) == is_kept
    assert "ended" not in out
