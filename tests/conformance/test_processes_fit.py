"""`fit` in several processes: they draw and decide alike, and what differs is refused."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualtrain
from dualtrain.backend import Backend
from dualtrain.errors import DualtrainError
from dualtrain.tasks.image_classification import CnnConfig
from dualtrain.trace import read_trace
from tests.builders import plateau_spec, spec_of
from tests.conformance.test_checkpoints import left_after
from tests.forked import SPLITS, forked, forked_as_one

SPEC = spec_of(batch={"accumulate": 2}, duration={"epochs": 3}, clip={"global_norm": 0.01})


class Shuffled:
    """Five micro-batches, in an order and with noise of the moment, from numpy and from Python."""

    def __len__(self) -> int:
        return 5

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for index in np.random.permutation(5):
            x = np.full((4, 3), float(index), "float32") + random.random() * np.eye(4, 3)
            yield {"x": x.astype("float32"), "labels": np.arange(4) % 2}


def rank() -> int:
    return int(os.environ.get("RANK", "0"))


def entropy(backend: Backend) -> Any:
    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    return loss


def refusals(folder: Path, size: int, work: Any) -> list[str]:
    """What each process says of the work that it cannot do."""

    def told() -> None:
        try:
            work()
        except DualtrainError as error:
            (folder / f"{rank()}.txt").write_text(str(error), encoding="utf-8")

    forked(size, told)
    return [(folder / f"{n}.txt").read_text(encoding="utf-8") for n in range(size)]


def test_micro_batches_are_drawn_as_by_one_process(backend: Backend, tmp_path: Path) -> None:
    """Each process has random states and weights of its own at first."""

    def fitted(name: str) -> None:
        seed = 1 + rank()
        random.seed(seed)
        np.random.seed(seed)
        backend.seed_everything(seed)
        model = backend.build_linear(3, 2)
        updates = dualtrain.fit(
            SPEC, model, Shuffled(), loss=entropy(backend), trace=tmp_path / f"{name}.jsonl"
        )
        losses = json.dumps([update.loss for update in updates])
        (tmp_path / f"{name}.{rank()}").write_text(losses, encoding="utf-8")

    fitted("alone")
    forked(3, lambda: fitted("shared"))
    alone, shared = (read_trace(tmp_path / f"{name}.jsonl") for name in ("alone", "shared"))
    assert [u.batches for u in shared.updates] == [u.batches for u in alone.updates]
    assert len({u.batches for u in shared.updates}) == len(shared.updates)
    assert shared.header.initial_digest == alone.header.initial_digest
    for name in ("loss", "grad_norm"):
        np.testing.assert_allclose(
            [getattr(u, name) for u in shared.updates],
            [getattr(u, name) for u in alone.updates],
            rtol=1e-5,
        )
    told = {(tmp_path / f"shared.{n}").read_text(encoding="utf-8") for n in range(3)}
    assert told == {json.dumps([u.loss for u in shared.updates])}


def test_a_run_that_goes_on_draws_the_same_micro_batches(backend: Backend, tmp_path: Path) -> None:
    """Not by the numbers that its dropout draws, though it draws all of them from one stream."""
    kept = tmp_path / "checkpoints"
    kept.mkdir()

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        backend.build_linear(4, 4)
        random.random()
        np.random.rand()
        return entropy(backend)(model, tensors)

    def fitted(name: str, **words: Any) -> None:
        random.seed(rank())
        np.random.seed(rank())
        backend.seed_everything(rank())
        model, trace = backend.build_linear(3, 2), tmp_path / f"{name}.jsonl"
        dualtrain.fit(SPEC, model, Shuffled(), loss=loss, trace=trace, **words)

    def left(made: int) -> None:
        with pytest.raises(SystemExit):
            fitted(f"left {made}", checkpoints=kept / str(made), stop=left_after(made))
        fitted(f"left {made}", checkpoints=kept / str(made), resume=True)

    left_at = (3, 4)  # between two epochs, and within one
    forked_as_one(backend, 2, [partial(fitted, "whole"), *(partial(left, n) for n in left_at)])
    whole = read_trace(tmp_path / "whole.jsonl").updates
    assert len(whole) == 9
    for made in left_at:
        went_on = read_trace(tmp_path / f"left {made}.jsonl").updates
        assert [u.batches for u in went_on] == [u.batches for u in whole]


def test_dropout_draws_other_masks_in_each_process(backend: Backend, tmp_path: Path) -> None:
    batches = [{"x": np.ones((4, 3), "float32"), "labels": np.zeros(4, "int64")}] * 2

    def masked() -> None:
        seen: list[Any] = []

        def loss(model: Any, tensors: dict[str, Any]) -> Any:
            seen.append(backend.to_numpy(backend.build_linear(4, 4).weight).tolist())
            return entropy(backend)(model, tensors)

        dualtrain.fit(spec_of(), backend.build_linear(3, 2), batches, loss=loss)
        (tmp_path / str(rank())).write_text(json.dumps(seen), encoding="utf-8")

    forked(3, masked)
    seen = [json.loads((tmp_path / str(n)).read_text("utf-8")) for n in range(3)]
    masks = [json.dumps(mask) for of_one in seen for mask in of_one]
    assert len(set(masks)) == len(masks) > 3


def test_a_metric_is_the_first_process_s(backend: Backend, tmp_path: Path) -> None:
    """Each measures another: were it its own, the rates would part."""
    spec = plateau_spec()

    def fitted() -> None:
        updates = dualtrain.fit(
            spec,
            backend.build_linear(3, 2),
            Shuffled(),
            loss=entropy(backend),
            metric=lambda model: 1.0 if rank() == 0 else -random.random(),
        )
        rates = json.dumps([update.lr for update in updates])
        (tmp_path / str(rank())).write_text(rates, encoding="utf-8")

    forked(2, fitted)
    first, second = (json.loads((tmp_path / str(n)).read_text("utf-8")) for n in range(2))
    assert first == second
    assert first[-1] < first[0]


def test_a_share_of_the_data_is_refused(backend: Backend, tmp_path: Path) -> None:
    def fitted() -> None:
        batches = [{"x": np.full((4, 3), rank(), "float32"), "labels": np.arange(4) % 2}]
        dualtrain.fit(spec_of(), backend.build_linear(3, 2), batches, loss=entropy(backend))

    told = refusals(tmp_path, 2, fitted)
    rule = "with several processes an epoch's micro-batches must be the same in each"
    assert told[1].startswith(rule)
    assert "in process 1 of 2" in told[1]
    assert rule in told[0]
    assert "process 1 of 2" in told[0]


def test_another_spec_is_refused(backend: Backend, tmp_path: Path) -> None:
    def fitted() -> None:
        spec = spec_of(seed=rank())
        dualtrain.fit(spec, backend.build_linear(3, 2), Shuffled(), loss=entropy(backend))

    told = refusals(tmp_path, 2, fitted)
    assert told[1].startswith("with several processes the spec must be the same in each")


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("rows", "with several processes each array of a micro-batch must have a row for each"),
        ("shard", "shard must be one of none, optimizer, full. Received: 'zero'"),
    ],
)
def test_what_cannot_be_shared_is_refused(
    backend: Backend, tmp_path: Path, case: str, rule: str
) -> None:
    x = np.ones((4, 3), "float32")
    batch = {"x": x, "labels": np.arange(4) % 2}
    if case == "rows":
        batch["weight"] = np.ones(1, "float32")
    shard: Any = "zero" if case == "shard" else "none"

    def fitted() -> None:
        model = backend.build_linear(3, 2)
        dualtrain.fit(spec_of(), model, [batch], loss=entropy(backend), shard=shard)

    assert any(rule in text for text in refusals(tmp_path, 2, fitted))


@pytest.mark.parametrize("whose", ["class", "layer"])
def test_a_batch_norm_of_one_s_own_is_refused(backend: Backend, tmp_path: Path, whose: str) -> None:
    """Nobody knows what it computes: it may not be given the rows of all."""
    config = CnnConfig(inputs=1, channels=(2,), classes=2)
    batch = {"pixel_values": np.ones((4, 1, 4, 4), "float32"), "labels": np.arange(4) % 2}

    def fitted() -> None:
        model = backend.build_model(config)
        norm = backend.modules(model)["stages.0.norm"]
        own = {"forward": lambda self, x: x} if whose == "class" else {}
        norm.__class__ = type("BatchNormOfMine", (type(norm),), own)
        if whose == "layer":
            norm.forward = lambda x: x
        dualtrain.fit(spec_of(), model, [batch])

    rule = "with several processes a batch norm that trains must be the framework's own"
    told = "Received: 'stages.0.norm', a BatchNormOfMine with a forward pass of its own"
    assert all(t.startswith(rule) and t.endswith(told) for t in refusals(tmp_path, 2, fitted))


@pytest.mark.parametrize("word", ["checkpoints", "states"])
def test_a_state_that_an_engine_does_not_give_is_refused_before_the_first_update(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(backend.Spread, "gives_state", False)
    batch = {"x": np.ones((4, 3), "float32"), "labels": np.arange(4) % 2}
    more: Any = {word: tmp_path / "kept"}

    def fitted() -> None:
        model = backend.build_linear(3, 2)
        dualtrain.fit(spec_of(), model, [batch], loss=entropy(backend), **more)

    rule = "checkpoints and states are of the whole run, which this framework does not gather"
    assert any(t.startswith(rule) for t in refusals(tmp_path, 2, fitted))
    assert not any(path.is_file() for path in (tmp_path / "kept").rglob("*.safetensors"))


@pytest.mark.usefixtures("without_autocast")
def test_an_overflow_in_one_process_skips_the_update_in_all(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the last row of one micro-batch, which the second process has."""
    monkeypatch.setattr(backend, "autocast", lambda amp, device: nullcontext())
    batches = [{"x": np.ones((4, 3), "float32"), "labels": np.arange(4) % 2} for _ in range(4)]
    batches[1]["x"][3] = 1e36
    spec = spec_of(amp={"dtype": "float16"}, duration={"epochs": 2})

    def fitted(name: str, **more: Any) -> None:
        model = backend.build_linear(3, 2)
        weights = {"weight": np.ones((2, 3), np.float32), "bias": np.zeros(2, np.float32)}
        backend.load_weights(model, weights)
        updates = dualtrain.fit(spec, model, batches, loss=entropy(backend), **more)
        told = [(u.skipped, u.loss_scale, u.lr) for u in updates]
        (tmp_path / f"{name}.{rank()}").write_text(json.dumps(told), encoding="utf-8")

    fitted("alone")
    alone = json.loads((tmp_path / "alone.0").read_text("utf-8"))
    assert [skipped for skipped, *_ in alone] == [False, True, False, False] * 2
    for shard in ("none", SPLITS[backend.NAME]):
        forked(2, partial(fitted, shard, shard=shard))
        for process in range(2):
            assert json.loads((tmp_path / f"{shard}.{process}").read_text("utf-8")) == alone
