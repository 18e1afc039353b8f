"""No run is refused as evidence: what dualtrain writes, of every kind of run, is read back."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dualtrain import start
from dualtrain.backend import Backend
from dualtrain.parity import compare_with_plan, read_weights
from dualtrain.report._words import remarks
from dualtrain.trace import Trace, read_trace
from dualtrain.training import train
from tests.builders import PLATEAU, spec_of
from tests.conformance.test_amp import amp_spec
from tests.conformance.test_masters import low_loss
from tests.conformance.test_recorded_loop import linear_of, loss_of
from tests.conformance.test_run import batch
from tests.tasks import number_spec, small_spec, write_numbers, write_task

KINDS: dict[str, dict[str, Any]] = {
    "tail": {"batch": {"size": 8, "accumulate": 3}},
    "dropped tail": {"batch": {"size": 8, "accumulate": 3, "tail": "drop"}},
    "leaking tail": {"batch": {"size": 8, "accumulate": 3, "tail": "leak"}},
    "sum": {"batch": {"size": 8, "accumulate": 3, "normalise": "sum"}},
    "token mean": {"batch": {"size": 8, "accumulate": 2, "normalise": "token_mean"}},
    "updates": {"duration": {"updates": 7}},
    "averages": {"ema": {"decay": 0.9}},
    "rules": {
        "weight_decay": {
            "value": 0.01,
            "exclude": ["embedding"],
            "exclude_patterns": ["*query*"],
            "exclude_regex": ["key.*bias$"],
            "exclude_below_ndim": 2,
            "values": [{"pattern": "*.output.dense.*", "value": 0.5}],
        },
        "lr_multipliers": [
            {"pattern": "classifier.*", "multiplier": 3.0},
            {"pattern": "*.attention.*", "lr": 1e-4},
        ],
        "layer_decay": 0.65,
        "freeze": {"patterns": ["bert.embeddings.*"]},
    },
    "per epoch": {"schedule": {"name": "linear", "per": "epoch"}, "warmup": {"steps": 1}},
    "metrics": {"schedule": PLATEAU, "warmup": None},
    "no clip": {"clip": None, "warmup": None, "weight_decay": None},
}


def believed(path: Path) -> Trace:
    """The trace, whose weights were read and which did what its plan says."""
    trace = read_trace(path)
    weights = read_weights(path, trace)
    assert weights is not None
    assert compare_with_plan(trace).agrees
    return trace


@pytest.mark.parametrize("kind", KINDS)
def test_a_task(backend: Backend, kind: str, tmp_path: Path) -> None:
    write_task(tmp_path)
    spec = small_spec(tmp_path, **KINDS[kind])
    train(spec, backend.NAME, trace=tmp_path / "a.jsonl", output=tmp_path / "out")
    assert believed(tmp_path / "a.jsonl").outcome == "done"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("level", ["O1", "O2"])
@pytest.mark.usefixtures("without_autocast")
def test_mixed_precision(backend: Backend, dtype: str, level: str, tmp_path: Path) -> None:
    """With masters, and with float16 a skip, too."""
    spec = amp_spec({"dtype": dtype, "level": level}, duration={"updates": 4}, ema={"decay": 0.9})
    files: dict[str, Any] = {"trace": tmp_path / "a.jsonl", "output": tmp_path / "out"}
    with start(spec, backend.build_linear(2, 2), micro_batches_per_epoch=1, **files) as run:
        for index in range(4):
            overflows = index == 1 and dtype == "float16"
            run.step(low_loss(run, index) * (math.inf if overflows else 1.0))
    trace = believed(tmp_path / "a.jsonl")
    assert (trace.header.computation.dtype, trace.header.computation.level) == (dtype, level)
    assert sum(update.skipped for update in trace.updates) == (dtype == "float16")


def test_a_regression(backend: Backend, tmp_path: Path) -> None:
    write_numbers(tmp_path)
    train(number_spec(tmp_path), backend.NAME, trace=tmp_path / "a.jsonl", output=tmp_path / "out")
    assert believed(tmp_path / "a.jsonl").outcome == "done"


def loop_left_early(backend: Backend, folder: Path, per: str, steps: tuple[int, ...]) -> Path:
    """Epochs of five micro-batches and three updates, left after so many."""
    spec = spec_of(
        schedule={"name": "linear", "per": per},
        batch={"accumulate": 2},
        duration={"epochs": 3},
    )
    files: dict[str, Any] = {"trace": folder / "a.jsonl", "output": folder / "out"}
    part = batch(4, seed=1)
    with start(spec, linear_of(backend), micro_batches_per_epoch=5, **files) as run:
        for count in steps:
            for _ in range(count):
                run.step(loss_of(run, part) / 4)
            run.begin_epoch()
    return folder / "a.jsonl"


def test_a_loop_that_leaves_its_epochs_early(backend: Backend, tmp_path: Path) -> None:
    """Under a schedule per epoch its clock goes on to the next epoch."""
    trace = believed(loop_left_early(backend, tmp_path, "epoch", (2, 5, 3)))
    assert [update.t for update in trace.updates] == [0, 3, 4, 5, 6]
    assert trace.outcome == "done"
    told = remarks(compare_with_plan(trace))
    assert f"The loop of {backend.NAME} left epochs early: 5 of 9 updates." in told


def test_a_loop_that_leaves_its_epochs_early_and_makes_all_updates(
    backend: Backend, tmp_path: Path
) -> None:
    """Under a schedule per update, in more epochs; the short group is not every third one."""
    trace = believed(loop_left_early(backend, tmp_path, "update", (2, 5, 5, 4)))
    assert [len(update.micro_losses) for update in trace.updates] == [2, 2, 2, 1, 2, 2, 1, 2, 2]


@pytest.mark.parametrize("n", [1, 4])
def test_a_rate_of_an_epoch_that_was_left_is_found_out(
    backend: Backend, n: int, tmp_path: Path
) -> None:
    trace = read_trace(loop_left_early(backend, tmp_path, "epoch", (2, 5, 3)))
    updates = list(trace.updates)
    updates[n] = replace(updates[n], lr=updates[n - 1].lr)
    first = compare_with_plan(replace(trace, updates=tuple(updates))).first
    assert first is not None
    assert (first.stage, first.first_update) == ("learning rate", n)
