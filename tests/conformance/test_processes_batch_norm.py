"""Batch norm in several processes has the mean and the variance of all rows, as in one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import dualtrain
from dualtrain.backend import Backend
from dualtrain.lockstep import Pass, read_led
from dualtrain.tasks.image_classification import CnnConfig
from dualtrain.training import train
from tests.builders import spec_of
from tests.conformance.test_image_classification import CNN, write_images
from tests.forked import SPLITS, check_alike, forked
from tests.tasks import small_spec

CONFIG = CnnConfig(inputs=2, channels=(4, 6), classes=3)


def apart(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """The relative distance of two sets of arrays, each as one vector."""
    assert a.keys() == b.keys()
    left, right = (np.concatenate([np.ravel(c[n]) for n in sorted(a)]).astype("f8") for c in (a, b))
    return float(np.linalg.norm(left - right) / np.linalg.norm(right))


def batch(rows: int, seed: int = 2) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    images = draw.normal(3.0, 2.0, (rows, 2, 8, 8)).astype("float32")
    return {"images": images, "labels": draw.integers(0, 3, rows)}


def passes(backend: Backend, folder: Path, size: int, *given: Any, **words: Any) -> list[Pass]:
    """The first pass of one process, and that of several."""
    backend.seed_everything(6)
    weights = backend.dump_weights(backend.build_model(CONFIG))

    def fitted(name: str, **more: Any) -> None:
        own = backend.build_model(CONFIG)
        backend.load_weights(own, weights)
        spec = spec_of(batch={"accumulate": len(given)}, duration={"epochs": 1}, **words)
        dualtrain.fit(spec, own, list(given), states=folder / name, **more)

    fitted("alone")
    forked(size, lambda: fitted("shared"))
    return [read_led(folder / name, 0).passed for name in ("alone", "shared")]


@pytest.mark.parametrize("rule", ["torch", "paddle"])
@pytest.mark.parametrize(("size", "rows"), [(2, 8), (3, 7), (3, 2), (2, 1)])
def test_gradients_and_statistics_are_those_of_one_process(
    backend: Backend, tmp_path: Path, size: int, rows: int, rule: str
) -> None:
    """Of even and of uneven shares, of none, and over two micro-batches."""
    alone, shared = passes(backend, tmp_path, size, batch(rows), batch(rows, 3), batch_norm=rule)
    assert apart(shared.gradients, alone.gradients) < 1e-6
    assert apart(shared.statistics, alone.statistics) < 1e-6
    assert shared.losses == pytest.approx(alone.losses, rel=1e-6)


@pytest.mark.parametrize("shard", ["none", "split"])
@pytest.mark.parametrize("size", [2, 3])
def test_the_image_task_trains_as_in_one_process(
    backend: Backend, tmp_path: Path, size: int, shard: Any
) -> None:
    write_images(tmp_path)
    files = {"train": "train.npz", "eval": "eval.npz"}
    task = {"name": "image_classification", "model": CNN, **files}
    spec = small_spec(tmp_path, task=task, ema={"decay": 0.9, "statistics": True})
    shard = SPLITS[backend.NAME] if shard == "split" else shard

    def trained(name: str, shard: Any = "none") -> None:
        trace = tmp_path / f"{name}.jsonl"
        train(spec, backend.NAME, trace=trace, output=tmp_path / name, shard=shard)

    trained("alone")
    forked(size, lambda: trained("shared", shard))
    check_alike(tmp_path, size)
    for file in ("model", "ema"):
        alone, shared = (
            load_file(tmp_path / n / f"{file}.safetensors") for n in ("alone", "shared")
        )
        assert apart(shared, alone) < 1e-5


def test_what_holds_a_batch_norm_is_none(backend: Backend) -> None:
    """Though its name says so: the layer in it has the rows of all."""
    model = backend.build_model(CONFIG)
    modules = backend.modules(model)
    held = type(modules["stages.0"])
    modules["stages.0"].__class__ = type("ConvBatchNormAct", (held,), {})
    undo = backend.share_batch_norm(model, "torch", lambda: True)
    assert "forward" in vars(modules["stages.0.norm"])
    undo()


def test_a_copy_of_the_model_is_no_part_of_the_run(backend: Backend) -> None:
    """Such as a callback makes, to evaluate it in one process."""
    model = backend.build_model(CONFIG)
    undo = backend.share_batch_norm(model, "torch", lambda: True)
    copied = backend.modules(copy.deepcopy(model))
    for path, layer in backend.modules(model).items():
        if path.endswith("norm"):
            assert "forward" in vars(layer)
            assert copied[path].forward.__self__ is copied[path]
    undo()
    assert all("forward" not in vars(layer) for layer in backend.modules(model).values())
    backend.share_batch_norm(copied[""], "torch", lambda: True)()
