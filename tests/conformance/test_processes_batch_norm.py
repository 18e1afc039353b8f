"""Batch norm in several processes has the mean and the variance of all rows, as in one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import dualtrain
from dualtrain.backend import Backend
from dualtrain.lockstep import read_led
from dualtrain.spec import BatchNormRule
from dualtrain.tasks.image_classification import CnnConfig
from dualtrain.training import train
from tests.builders import spec_of
from tests.conformance.test_image_classification import CNN, write_images
from tests.forked import SPLITS, check_alike, forked_as_one
from tests.tasks import short_spec

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


SHARES = [(2, 8), (3, 7), (3, 2), (2, 1)]
"""How many processes, and the rows of a micro-batch: even and uneven shares, and of none."""
RULES: tuple[BatchNormRule, ...] = ("torch", "paddle")


def fitted(
    backend: Backend, folder: Path, weights: Any, rows: int, rule: BatchNormRule, name: str
) -> None:
    own = backend.build_model(CONFIG)
    backend.load_weights(own, weights)
    given = [batch(rows), batch(rows, 3)]
    spec = spec_of(batch={"accumulate": len(given)}, duration={"epochs": 1}, batch_norm=rule)
    dualtrain.fit(spec, own, given, states=folder / f"{rows} {rule} {name}")


@pytest.fixture(scope="module")
def passed(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The states that one process leaves, and those that several leave."""
    folder = tmp_path_factory.mktemp("passed")
    backend.seed_everything(6)
    weights = backend.dump_weights(backend.build_model(CONFIG))
    for size in (2, 3):
        several = []
        for rows, rule in product([rows for count, rows in SHARES if count == size], RULES):
            fitted(backend, folder, weights, rows, rule, "alone")
            several.append(partial(fitted, backend, folder, weights, rows, rule, "shared"))
        forked_as_one(backend, size, several)
    return folder


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("size", "rows"), SHARES)
def test_gradients_and_statistics_are_those_of_one_process(
    passed: Path, size: int, rows: int, rule: str
) -> None:
    """Of even and of uneven shares, of none, and over two micro-batches."""
    alone, shared = (
        read_led(passed / f"{rows} {rule} {name}", 0).passed for name in ("alone", "shared")
    )
    assert apart(shared.gradients, alone.gradients) < 1e-6
    assert apart(shared.statistics, alone.statistics) < 1e-6
    assert shared.losses == pytest.approx(alone.losses, rel=1e-6)


def trained(backend: Backend, folder: Path, name: str, shard: Any) -> None:
    files = {"train": "train.npz", "eval": "eval.npz"}
    task = {"name": "image_classification", "model": CNN, **files}
    spec = short_spec(folder, task=task, ema={"decay": 0.9, "statistics": True})
    trace = folder / f"{name}.jsonl"
    train(spec, backend.NAME, trace=trace, output=folder / name, shard=shard)


@pytest.fixture(scope="module")
def images(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The task as one process trains it, and as two and three do, whole and split."""
    folder = tmp_path_factory.mktemp("images")
    write_images(folder, train=28)
    trained(backend, folder, "alone", "none")
    shards = {"none": "none", "split": SPLITS[backend.NAME]}
    for size in (2, 3):
        works = [
            partial(trained, backend, folder, f"{size} {name}", shard)
            for name, shard in shards.items()
        ]
        forked_as_one(backend, size, works)
    return folder


@pytest.mark.parametrize("shard", ["none", "split"])
@pytest.mark.parametrize("size", [2, 3])
def test_the_image_task_trains_as_in_one_process(images: Path, size: int, shard: str) -> None:
    name = f"{size} {shard}"
    check_alike(images, size, name)
    for file in ("model", "ema"):
        alone, shared = (load_file(images / n / f"{file}.safetensors") for n in ("alone", name))
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
