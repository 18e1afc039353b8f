"""A task of the user's own: its object is asked, held to its contract, run where it is needed."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain import write_script
from dualtrain.backend import Backend
from dualtrain.errors import CheckpointError, DataError, MetricError, SpecError
from dualtrain.spec import Spec
from dualtrain.trace import read_trace
from dualtrain.training import predict, train
from tests.tasks import prepare, small_spec

OWN = """
import numpy as np

class Make:
    def read(self, path):
        table = np.loadtxt(path, delimiter=",", dtype=np.float64)
        return {"x": table[:, :3], "labels": table[:, 3].astype(np.int32)}

    def model(self, backend):
        if backend == "torch":
            import torch
            class Net(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.first = torch.nn.Linear(3, 8)
                    self.norm = torch.nn.BatchNorm1d(8)
                    self.last = torch.nn.Linear(8, 2)
                def forward(self, x):
                    return self.last(self.norm(torch.tanh(self.first(x))))
            return Net()
        import paddle
        class Layers(paddle.nn.Layer):
            def __init__(self):
                super().__init__()
                self.first = paddle.nn.Linear(3, 8)
                self.norm = paddle.nn.BatchNorm1D(8)
                self.last = paddle.nn.Linear(8, 2)
            def forward(self, x):
                return self.last(self.norm(paddle.tanh(self.first(x))))
        return Layers()
"""
LOSS = """
    def loss(self, output, labels):
        return ((output[:, 0] - labels * 1.0) ** 2).sum()
"""
SCORE = """
    def score(self, output, labels):
        error = (output[:, 0] - labels) ** 2
        return {"loss": error.mean(), "largest": error.max()}
"""
PREDICT = """
    def predict(self, output):
        return [{"first": float(a), "second": float(b)} for a, b in output]
"""


def write(folder: Path, code: str = OWN) -> None:
    """task.py, and train.csv and eval.csv: three numbers, and whether their sum is above 0."""
    (folder / "task.py").write_text(textwrap.dedent(code), encoding="utf-8")
    draw = np.random.RandomState(2)
    for name, count in (("train", 76), ("eval", 24)):
        x = draw.normal(size=(count, 3))
        table = np.concatenate([x, x.sum(1, keepdims=True) > 0], axis=1)
        np.savetxt(folder / f"{name}.csv", table, delimiter=",")


def spec_of(folder: Path, task: dict[str, Any] | None = None, **changes: Any) -> Spec:
    own = {"name": "module", "module": "task.py:Make", "train": "train.csv", "eval": "eval.csv"}
    return small_spec(folder, task=own | (task or {}), **changes)


def test_classes_are_scored_as_logits_are(backend: Backend, tmp_path: Path) -> None:
    """Without a loss and a score of its own: cross-entropy; by numpy from the predictions."""
    write(tmp_path, OWN + PREDICT)
    score = train(spec_of(tmp_path, duration={"epochs": 20}), backend.NAME, output=tmp_path / "out")
    rows = predict(tmp_path / "out", tmp_path / "eval.csv")
    logits = np.array([[row["first"], row["second"]] for row in rows])
    labels = np.loadtxt(tmp_path / "eval.csv", delimiter=",")[:, 3].astype(int)
    assert [row["sample"] for row in rows] == list(range(24))
    assert score is not None
    right_ones = int((logits.argmax(1) == labels).sum())
    assert score.correct == right_ones
    assert right_ones > 18
    right = np.exp(logits)[np.arange(24), labels] / np.exp(logits).sum(1)
    assert score.loss == pytest.approx(-np.log(right).mean(), rel=1e-5)


def test_a_loss_and_a_score_of_its_own(backend: Backend, tmp_path: Path) -> None:
    """Trained by one and judged by the other; the trace has what numpy makes of the first batch."""
    write(tmp_path, OWN + LOSS + SCORE + PREDICT)
    spec = spec_of(tmp_path, duration={"epochs": 5})
    score = train(spec, backend.NAME, output=tmp_path / "out", trace=tmp_path / "t.jsonl")
    rows = predict(tmp_path / "out", tmp_path / "eval.csv")
    labels = np.loadtxt(tmp_path / "eval.csv", delimiter=",")[:, 3]
    errors = (np.array([row["first"] for row in rows]) - labels) ** 2
    assert score is not None
    assert score.loss == pytest.approx(errors.mean(), rel=1e-5)
    assert score.metrics == {"largest": pytest.approx(errors.max(), rel=1e-5)}
    assert score.examples == 24


def test_a_run_ends_by_a_metric_of_its_own(backend: Backend, tmp_path: Path) -> None:
    """The first evaluation is better than none, and the second by far too little."""
    write(tmp_path, OWN + LOSS + SCORE)
    stopping = {"metric": "largest", "mode": "max", "patience": 1, "threshold": 1e9}
    spec = spec_of(tmp_path, duration={"epochs": 5}, early_stopping=stopping, best={})
    train(spec, backend.NAME, output=tmp_path / "out", trace=tmp_path / "t.jsonl")
    trace = read_trace(tmp_path / "t.jsonl")
    assert len(trace.evaluations) == 2
    assert trace.outcome.startswith("early stopping")
    unknown = stopping | {"metric": "smallest"}
    spec = spec_of(tmp_path, duration={"epochs": 5}, early_stopping=unknown)
    with pytest.raises(MetricError, match="must give the metric 'smallest'"):
        train(spec, backend.NAME)


def test_initial_weights_are_the_seeds(backend: Backend, tmp_path: Path) -> None:
    """Under one name one array, whoever builds the model; running statistics 0 and 1."""
    write(tmp_path)
    spec = spec_of(tmp_path, duration={"updates": 1})
    train(spec, backend.NAME, output=tmp_path / "out", trace=tmp_path / "t.jsonl")
    from safetensors.numpy import load_file

    found = load_file(tmp_path / "out" / "initial.safetensors")
    assert found["first.weight"].shape == (8, 3)
    assert found["first.weight"].std() == pytest.approx(3**-0.5, rel=0.3)
    np.testing.assert_array_equal(found["norm.weight"], np.ones(8))
    np.testing.assert_array_equal(found["first.bias"], np.zeros(8))
    np.testing.assert_array_equal(found["norm.running_mean"], np.zeros(8))
    np.testing.assert_array_equal(found["norm.running_var"], np.ones(8))


def test_reading_a_spec_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text("raise RuntimeError('run')", encoding="utf-8")
    spec = spec_of(tmp_path)
    with pytest.raises(DataError, match=r"task\.py must not fail.*RuntimeError: run .*task\.py:1"):
        prepare(spec)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("class Make: pass", r"task\.py:Make: .*methods read and model.*a Make without read and"),
        ("Make = 3", "must have a function 'Make'"),
        (
            OWN.replace('"labels"', '"y"'),
            r"train\.csv: what read gives must have 'labels'.*'x', 'y'",
        ),
        (OWN.replace("return {", "return 3, {"), "read must give a mapping.*tuple"),
        (OWN.replace("table[:, :3]", "table[3:, :3]"), "as many samples.*x of 73, labels of 76"),
        (OWN.replace(".astype(np.int32)", ".astype(str)"), "arrays of numbers.*labels: str"),
        (
            OWN.replace("np.loadtxt", "np.load_text"),
            r"read must not fail.*AttributeError.*task\.py:6",
        ),
    ],
)
def test_what_is_no_task_is_refused(tmp_path: Path, code: str, message: str) -> None:
    write(tmp_path, code)
    with pytest.raises(DataError, match=message):
        prepare(spec_of(tmp_path))


def test_data_without_an_end_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, OWN)
    (tmp_path / "train.csv").unlink()
    (tmp_path / "train.csv").symlink_to(os.devnull)
    with pytest.raises(DataError, match=r"train\.csv: data must be a file or a folder.*a device"):
        prepare(spec_of(tmp_path))


def test_both_splits_have_arrays_of_one_shape(tmp_path: Path) -> None:
    write(tmp_path, OWN.replace("table[:, :3]", 'table[:, : 2 + ("train" in str(path))]'))
    with pytest.raises(DataError, match=r"eval\.csv: must have the train split's arrays"):
        prepare(spec_of(tmp_path))


def test_what_else_is_refused(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"task\.module: must be path\.py:function.*'task\.py'"):
        spec_of(tmp_path, {"module": "task.py"})
    with pytest.raises(DataError, match=r"task\.py: must be a file of Python"):
        prepare(spec_of(tmp_path))
    write(tmp_path, OWN + LOSS)
    with pytest.raises(DataError, match=r"with a loss must have score\(output, labels\)"):
        train(spec_of(tmp_path, duration={"updates": 1}), backend.NAME)
    other = tmp_path / "other"
    other.mkdir()
    write(other, OWN + SCORE.replace('"loss"', '"mse"'))
    with pytest.raises(DataError, match="score must give a mapping of metrics by name, loss among"):
        train(spec_of(other, duration={"updates": 1}), backend.NAME)


def test_no_script_passes_over_its_loss(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(
        SpecError, match=r"task\.module: a script for .* its loss may be one of your"
    ):
        write_script(spec_of(tmp_path), backend.NAME)


def test_predictions_need_their_method(backend: Backend, tmp_path: Path) -> None:
    write(tmp_path)
    train(spec_of(tmp_path, duration={"updates": 1}), backend.NAME, output=tmp_path / "out")
    copied = (tmp_path / "out" / "module.task.py").read_text(encoding="utf-8")
    assert copied == (tmp_path / "task.py").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "out" / "task.json").read_text())["task"]["name"] == "module"
    with pytest.raises(CheckpointError, match=r"must have the method predict\(output\)"):
        predict(tmp_path / "out", tmp_path / "eval.csv")
