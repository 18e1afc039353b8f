"""Regression in both frameworks: they agree, and a planted mistake is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.mistakes.faults import forget_the_clip
from dualtrain.parity import Comparison, compare_files
from dualtrain.spec import Spec
from dualtrain.tasks.regression import Regression
from dualtrain.training import train
from tests.tasks import number_spec, write_numbers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_numbers(tmp_path)
    return tmp_path


def side(folder: Path, backend: str, spec: Spec) -> Path:
    trace = folder / f"{backend}.trace.jsonl"
    train(spec, backend, trace=trace, output=folder / backend)
    return trace


def first(comparison: Comparison) -> str | None:
    return None if comparison.first is None else comparison.first.stage


@pytest.mark.parametrize("activation", ["gelu", "silu", "tanh"])
def test_both_sides_agree(folder: Path, activation: str) -> None:
    task = number_spec(folder).model_dump()["task"]
    task["model"]["activation"] = activation
    spec = number_spec(folder, task=task)
    comparison = compare_files(*(side(folder, name, spec) for name in ("torch", "paddle")))
    assert comparison.agrees, comparison.findings


def test_a_forgotten_clip_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = side(folder, "torch", number_spec(folder))
    forget_the_clip(monkeypatch)
    assert first(compare_files(right, side(folder, "paddle", number_spec(folder)))) == "clip"


def test_a_mean_in_place_of_a_sum_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is divided by the number of samples twice."""
    right = side(folder, "torch", number_spec(folder))
    loss = Regression.loss
    assert loss is not None
    mean = replace(loss, total=lambda output, labels: loss.total(output, labels) / len(labels))
    monkeypatch.setattr(Regression, "loss", mean)
    assert first(compare_files(right, side(folder, "paddle", number_spec(folder)))) == "loss"


def test_another_activation_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = side(folder, "torch", number_spec(folder))
    monkeypatch.setattr("paddle.nn.functional.tanh", lambda x: x)
    found = compare_files(right, side(folder, "paddle", number_spec(folder)))
    assert first(found) == "initial output"
