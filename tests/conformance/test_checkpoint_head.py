"""A checkpoint's own order of labels: in training, score, trace and in what is saved."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dualtrain import Spec
from dualtrain.backend import Backend
from dualtrain.errors import CheckpointError
from dualtrain.trace import read_trace
from dualtrain.training import Observer, train
from tests.tasks import prepare, small_spec, write_task

ORDER = ("river", "fruit", "metal")
"""Sorted they would be fruit, metal, river."""


class Listener(Observer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def notes(self, notes: Any) -> None:
        self.sentences += notes


@pytest.fixture
def folder(backend: Backend, tmp_path: Path) -> Path:
    """A checkpoint whose head says "river" to every text: row 0, by its config.json."""
    write_task(tmp_path)
    train(
        still(tmp_path, small_spec(tmp_path).model_dump()["task"]["model"]),
        backend.NAME,
        output=tmp_path / "checkpoint",
    )
    file = tmp_path / "checkpoint" / "model.safetensors"
    weights = load_file(file)
    weights["classifier.weight"][:] = 0
    weights["classifier.bias"][:] = [5, -5, -5]
    save_file(weights, file, metadata={"format": "pt"})
    change(tmp_path, id2label=dict(enumerate(ORDER)), label2id={n: i for i, n in enumerate(ORDER)})
    return tmp_path


def change(folder: Path, **fields: Any) -> None:
    path = folder / "checkpoint" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | fields), encoding="utf-8")


def still(folder: Path, model: dict[str, Any]) -> Spec:
    """One update that moves next to nothing."""
    task = small_spec(folder).model_dump()["task"] | {"model": model}
    return small_spec(
        folder,
        task=task,
        optimizer={"name": "sgd", "lr": 1e-9},
        schedule={"name": "constant"},
        warmup=None,
        weight_decay=None,
        duration={"updates": 1},
    )


def from_checkpoint(folder: Path, **model: Any) -> Spec:
    return still(folder, {"path": "checkpoint", "max_length": 16, **model})


def count(folder: Path, label: str) -> int:
    rows = csv.DictReader((folder / "eval.csv").read_text(encoding="utf-8").splitlines())
    return sum(row["label"] == label for row in rows)


def test_the_score_is_by_the_checkpoint_s_labels(backend: Backend, folder: Path) -> None:
    """As many are right as there are rivers; the trace, the caller and the saved folder know."""
    listener = Listener()
    trace, output = folder / "trace.jsonl", folder / "again"
    score = train(
        from_checkpoint(folder), backend.NAME, trace=trace, output=output, observer=listener
    )
    note = "the checkpoint's head is kept: 0 is 'river', 1 is 'fruit', 2 is 'metal'"
    saved = json.loads((output / "config.json").read_text(encoding="utf-8"))

    assert score is not None and score.loss is not None
    assert score.correct == count(folder, "river") != count(folder, "fruit")
    assert score.loss < 10  # -log softmax of 5 against -5, or of -5 against 5
    assert prepare(from_checkpoint(folder)).classes == ORDER
    assert listener.sentences == [note]
    assert note in read_trace(trace).header.notes
    assert saved["id2label"] == {str(i): label for i, label in enumerate(ORDER)}
    assert saved["label2id"] == {label: i for i, label in enumerate(ORDER)}


def test_another_order_is_another_digest(backend: Backend, folder: Path) -> None:
    """So that parity tells two sides apart whose heads mean other labels."""
    before = prepare(from_checkpoint(folder)).digest
    change(folder, id2label=dict(enumerate(sorted(ORDER))), label2id=None)

    assert prepare(from_checkpoint(folder)).digest != before


def test_a_fresh_head_is_the_way_out(backend: Backend, folder: Path) -> None:
    """Of other labels and another number; the encoder and the pooler are the checkpoint's."""
    change(folder, id2label={"0": "good", "1": "bad"}, label2id=None)
    with pytest.raises(CheckpointError, match=r"task\.model\.head: fresh"):
        train(from_checkpoint(folder), backend.NAME)
    listener = Listener()
    train(
        from_checkpoint(folder, head="fresh"),
        backend.NAME,
        output=folder / "again",
        observer=listener,
    )
    old, new = (load_file(folder / f / "model.safetensors") for f in ("checkpoint", "again"))

    assert listener.sentences == [
        "made anew: classifier.bias, classifier.weight",
        "in the checkpoint and not read: classifier.bias, classifier.weight",
    ]
    assert np.abs(new["classifier.weight"]).max() > 0
    for name in old.keys() - {"classifier.weight", "classifier.bias"}:
        np.testing.assert_allclose(new[name], old[name], rtol=0, atol=1e-6)
