"""Evaluation mode is a choice: what the user's model has of it, a run keeps and puts back."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain import fit
from dualtrain.backend import Backend, backend_of
from dualtrain.errors import LedgerError
from tests import builders

pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track")

RANDOM = np.random.default_rng(0)
BATCHES = [
    {"x": RANDOM.normal(2.0, 3.0, (6, 3)).astype("float32"), "labels": RANDOM.integers(0, 2, 6)}
    for _ in range(2)
]


class TorchBlock(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(3)
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, x: Any) -> Any:
        return self.drop(self.norm(x))


class TorchNet(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = TorchBlock()
        self.second = torch.nn.BatchNorm1d(3)
        self.head = torch.nn.Linear(3, 2)

    def forward(self, x: Any) -> Any:
        return self.head(self.second(self.first(x)))


class PaddleBlock(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.norm = paddle.nn.BatchNorm1D(3)
        self.drop = paddle.nn.Dropout(0.5)

    def forward(self, x: Any) -> Any:
        return self.drop(self.norm(x))


class PaddleNet(paddle.nn.Layer):
    second: Any

    def __init__(self) -> None:
        super().__init__()
        self.first = PaddleBlock()
        self.second = paddle.nn.BatchNorm1D(3)
        self.head = paddle.nn.Linear(3, 2)

    def forward(self, x: Any) -> Any:
        return self.head(self.second(self.first(x)))


each_side = pytest.mark.parametrize("build", [TorchNet, PaddleNet], ids=["torch", "paddle"])
Build = Callable[[], Any]


spec_of = partial(builders.spec_of, optimizer={"name": "sgd", "lr": 0.1}, duration={"epochs": 3})


PLATEAU = {
    "name": "reduce_on_plateau",
    "mode": "min",
    "factor": 0.5,
    "patience": 1,
    "cooldown": 0,
    "min_lr": 0.0,
    "eps": 0.0,
    "threshold": 0.0,
    "threshold_mode": "rel",
}


def modes(model: Any) -> dict[str, bool]:
    return {path: module.training for path, module in backend_of(model).modules(model).items()}


def statistics(model: Any) -> dict[str, Any]:
    held = backend_of(model).dump_weights(model)
    return {name: array for name, array in held.items() if "running" in name}


def watched(backend: Backend, seen: list[dict[str, bool]]) -> Any:
    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        seen.append(modes(model))
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    return loss


def told(text: str) -> Any:
    return pytest.warns(UserWarning, match=rf"evaluation mode and stay so: {text}\. Call model")


@each_side
def test_a_batch_norm_in_evaluation_mode_stays_there(build: Build) -> None:
    """Its statistics stand still and it normalises by them, in every update; it is told of."""
    model = build()
    model.train()
    model.second.eval()
    before, seen = statistics(model), list[dict[str, bool]]()
    with told("second"):
        fit(spec_of(), model, BATCHES, loss=watched(backend_of(model), seen))
    after = statistics(model)
    for name, array in before.items():
        assert np.array_equal(array, after[name]) == name.startswith("second"), name
    assert len(seen) == 6
    for each in seen:
        assert not each.pop("second")
        assert all(each.values())


@each_side
def test_only_the_outermost_part_is_named(build: Build) -> None:
    model = build()
    model.train()
    model.first.eval()
    with told("first"):
        fit(spec_of(), model, BATCHES)
    assert [path for path, mode in modes(model).items() if not mode] == [
        "first",
        "first.norm",
        "first.drop",
    ]


def test_a_layer_that_is_built_for_evaluation_stays_there() -> None:
    """Paddle's old `BatchNorm(is_test=True)`, which a plain loop's `train()` would undo."""
    model = PaddleNet()
    model.second = paddle.nn.BatchNorm(3, is_test=True)
    before = statistics(model)
    with told("second"):
        fit(spec_of(), model, BATCHES)
    after = statistics(model)
    assert all(np.array_equal(before[n], after[n]) for n in before if n.startswith("second"))


@each_side
def test_a_part_that_trains_inside_one_that_does_not_trains(build: Build) -> None:
    """Each module's own mode counts, as in the frameworks."""
    model = build()
    model.train()
    model.first.eval()
    model.first.drop.train()
    with told("first"):
        fit(spec_of(), model, BATCHES)
    assert [path for path, mode in modes(model).items() if not mode] == ["first", "first.norm"]


@each_side
def test_a_model_that_is_whole_in_evaluation_mode_trains_whole(build: Build) -> None:
    """So a checkpoint is loaded; nothing is told."""
    model, seen = build(), list[dict[str, bool]]()
    model.eval()
    before = statistics(model)
    fit(spec_of(), model, BATCHES, loss=watched(backend_of(model), seen))
    assert all(all(each.values()) for each in seen)
    assert not any(np.array_equal(before[n], a) for n, a in statistics(model).items())


@each_side
@pytest.mark.parametrize("then", ["eval", "train"])
def test_a_metric_leaves_no_mode_behind(build: Build, then: str) -> None:
    """Whatever it ends with: after it every module is as it was before."""
    model, seen = build(), list[dict[str, bool]]()
    model.train()
    model.first.norm.eval()

    def metric(model: Any) -> float:
        model.eval()
        getattr(model, then)()
        return 1.0

    spec = spec_of(schedule=PLATEAU)
    with told("first.norm"):
        fit(spec, model, BATCHES, loss=watched(backend_of(model), seen), metric=metric)
    assert len(seen) == 6
    assert all([path for path, mode in each.items() if not mode] == ["first.norm"] for each in seen)


@each_side
def test_the_probe_of_a_trace_leaves_no_mode_behind(build: Build, tmp_path: Any) -> None:
    model = build()
    model.train()
    model.second.eval()
    with told("second"):
        fit(spec_of(), model, BATCHES, trace=tmp_path / "trace.jsonl")
    assert [path for path, mode in modes(model).items() if not mode] == ["second"]


@each_side
def test_a_kept_layer_is_no_choice_of_the_users(build: Build) -> None:
    """After `batch_stats: keep` the next run trains the statistics again, and tells nothing."""
    model = build()
    model.train()
    kept = {"patterns": ["second.*"], "batch_stats": "keep"}
    for freeze in (kept, kept, None):
        before = statistics(model)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            warnings.filterwarnings("ignore", "When training, we now always track")
            fit(spec_of(freeze=freeze), model, BATCHES)
        same = [np.array_equal(before[n], a) for n, a in statistics(model).items() if "second" in n]
        assert same == [freeze is not None] * 2


@each_side
def test_a_kept_layer_that_the_user_holds_as_well_stays_held(build: Build) -> None:
    model = build()
    model.train()
    model.second.eval()
    for freeze in ({"patterns": ["second.*"], "batch_stats": "keep"}, None):
        before = statistics(model)
        with told("second"):
            fit(spec_of(freeze=freeze), model, BATCHES)
        for name, array in statistics(model).items():
            assert np.array_equal(before[name], array) == name.startswith("second")


def test_statistics_that_no_mode_keeps_are_refused() -> None:
    """Paddle's `use_global_stats=False` follows the batch in evaluation mode too."""
    model = PaddleNet()
    model.second = paddle.nn.BatchNorm1D(3, use_global_stats=False)
    spec = spec_of(freeze={"patterns": ["second.*"], "batch_stats": "keep"})
    with pytest.raises(LedgerError, match=r"without use_global_stats=False\. Received: a Batch"):
        fit(spec, model, BATCHES)
    assert not model.second.weight.stop_gradient
    moved = paddle.nn.BatchNorm1D(3, use_global_stats=False)
    moved.eval()
    moved(paddle.to_tensor(BATCHES[0]["x"]))
    assert np.abs(moved._mean.numpy()).max() > 0.0
    fit(spec_of(freeze={"patterns": ["second.*"]}), model, BATCHES)


def test_statistics_of_the_old_layer_that_no_mode_keeps_are_refused() -> None:
    for trained, refused in ((True, True), (False, False)):
        model = PaddleNet()
        model.second = paddle.nn.BatchNorm(3, trainable_statistics=trained)
        before = statistics(model)
        spec = spec_of(freeze={"patterns": ["second.*"], "batch_stats": "keep"})
        if refused:
            with pytest.raises(LedgerError, match=r"statistics stand still in evaluation mode"):
                fit(spec, model, BATCHES)
            continue
        fit(spec, model, BATCHES)
        after = statistics(model)
        assert all(np.array_equal(before[n], after[n]) for n in before if n.startswith("second"))


@pytest.mark.parametrize("setting", [None, True])
def test_statistics_that_stand_still_in_evaluation_mode_can_be_kept(setting: bool | None) -> None:
    model = PaddleNet()
    model.second = paddle.nn.BatchNorm1D(3, use_global_stats=setting)
    before = statistics(model)
    fit(spec_of(freeze={"patterns": ["second.*"], "batch_stats": "keep"}), model, BATCHES)
    assert all(
        np.array_equal(before[name], array)
        for name, array in statistics(model).items()
        if name.startswith("second")
    )
