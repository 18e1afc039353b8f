"""What several processes are told and hold alike: callbacks, loggers, buffers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualtrain
from dualtrain.backend import Backend
from dualtrain.loggers import JsonLines
from dualtrain.tasks.image_classification import CnnConfig
from dualtrain.training import Callback
from tests.builders import spec_of
from tests.forked import SPLITS, forked


def rank() -> int:
    return int(os.environ.get("RANK", "0"))


class Counts(Callback):
    """Writes down how many updates it was told of, and in which process."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._seen = folder, 0

    def updated(self, run: Any, update: Any) -> None:
        self._seen += 1

    def ended(self, run: Any) -> None:
        (self._folder / f"counted.{rank()}").write_text(str(self._seen), encoding="utf-8")


class First(Counts):
    """In the first process alone."""

    everywhere = False

    def ended(self, run: Any) -> None:
        (self._folder / f"first.{rank()}").write_text(str(self._seen), encoding="utf-8")


def test_callbacks_are_told_in_each_process_and_loggers_in_the_first(
    backend: Backend, tmp_path: Path
) -> None:
    batches = [{"x": np.ones((4, 3), "float32"), "labels": np.arange(4) % 2}] * 2

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    def fitted() -> None:
        callbacks = [Counts(tmp_path), First(tmp_path), JsonLines(tmp_path / f"log.{rank()}")]
        model = backend.build_linear(3, 2)
        dualtrain.fit(spec_of(), model, batches, loss=loss, callbacks=callbacks)

    forked(2, fitted)
    found = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    made = int(found["first.0"])
    assert sorted(found) == ["counted.0", "counted.1", "first.0", "log.0"]
    assert [int(found[f"counted.{n}"]) for n in range(2)] == [made, made]
    assert len(found["log.0"].splitlines()) == made > 0


@pytest.mark.parametrize("is_split", [False, True])
def test_buffers_are_those_of_the_first_process(
    backend: Backend, tmp_path: Path, is_split: bool
) -> None:
    """Running statistics that a batch norm in evaluation mode normalises by."""
    shard: Any = SPLITS[backend.NAME] if is_split else "none"
    batch = {"images": np.ones((4, 1, 4, 4), "float32"), "labels": np.arange(4) % 2}

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["images"]), tensors["labels"])

    def fitted() -> None:
        model = backend.build_model(CnnConfig(inputs=1, channels=(2,), classes=2))
        weights = {**backend.dump_weights(model), **backend.dump_statistics(model)}
        statistics = {n: a + rank() for n, a in backend.dump_statistics(model).items()}
        backend.load_weights(model, weights | statistics)
        model.train()
        for module in backend.modules(model).values():
            if "BatchNorm" in type(module).__name__:
                module.eval()
        with pytest.warns(UserWarning, match="evaluation mode and stay so"):
            dualtrain.fit(spec_of(), model, [batch], loss=loss, shard=shard)
        held: dict[str, Any] = {**backend.dump_statistics(model)}
        np.savez(tmp_path / f"{rank()}.npz", **held)

    forked(2, fitted)
    first, second = (dict(np.load(tmp_path / f"{n}.npz")) for n in range(2))
    assert first.keys() == second.keys() != set()
    for name, array in first.items():
        np.testing.assert_array_equal(second[name], array)
