"""Several processes make the updates of one: the same curve, order and decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain.backend import Backend
from dualtrain.lockstep import read_led
from dualtrain.training import train
from tests.forked import SPLITS, check_alike, forked
from tests.tasks import small_spec, write_task

SIZES = (2, 4)
WORDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "token_mean": {"batch": {"size": 8, "accumulate": 3, "normalise": "token_mean"}},
    "leak": {"batch": {"size": 8, "accumulate": 3, "tail": "leak"}},
    "averages": {"ema": {"decay": 0.9}},
    "fewer rows than processes": {
        "batch": {"size": 2, "accumulate": 1},
        "duration": {"updates": 4},
    },
    "early stop": {"early_stopping": {"patience": 1, "threshold": 0.3}, "duration": {"epochs": 4}},
}


def trained(backend: Backend, folder: Path, name: str, shard: Any = "none", **words: Any) -> None:
    spec = small_spec(folder, **words)
    train(spec, backend.NAME, trace=folder / f"{name}.jsonl", output=folder / name, shard=shard)


@pytest.mark.parametrize(
    ("size", "case"), [*((size, "plain") for size in SIZES), *((3, case) for case in WORDS)]
)
def test_the_updates_are_those_of_one_process(
    backend: Backend, tmp_path: Path, size: int, case: str
) -> None:
    words = WORDS[case]
    write_task(tmp_path)
    trained(backend, tmp_path, "alone", **words)
    forked(size, lambda: trained(backend, tmp_path, "shared", **words))
    check_alike(tmp_path, size)


@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("normalise", ["micro_mean", "token_mean"])
def test_gradients_are_those_of_one_process(
    backend: Backend, tmp_path: Path, size: int, normalise: str
) -> None:
    """Of the first update, from the same weights, and of the last one of an epoch, of 4 samples."""
    write_task(tmp_path)
    words: dict[str, Any] = {
        "batch": {"size": 8, "accumulate": 3, "normalise": normalise},
        "duration": {"epochs": 1},
    }
    spec = small_spec(tmp_path, **words)
    train(spec, backend.NAME, states=tmp_path / "alone")
    forked(size, lambda: train(spec, backend.NAME, states=tmp_path / "shared"))
    for attempt in (0, 3):
        alone, shared = (
            read_led(tmp_path / name, attempt).passed.gradients for name in ("alone", "shared")
        )
        assert alone.keys() == shared.keys()
        apart = np.sqrt(sum(((alone[n] - shared[n]) ** 2).sum() for n in alone))
        whole = np.sqrt(sum((alone[n] ** 2).sum() for n in alone))
        assert apart <= (1e-6 if attempt == 0 else 1e-4) * whole


SHARDED: dict[str, dict[str, Any]] = {
    "lamb": {"optimizer": {"name": "lamb", "lr": 5e-3, "eps": 1e-6}},
    "plain": {},
    "averages": {"ema": {"decay": 0.9}, "best": {"metric": "loss", "mode": "min"}},
    "by value": {"clip": {"value": 1e-3}},
    "by norm": {"clip": {"norm": 1e-3}},
}


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("case", SHARDED)
def test_a_sharded_run_makes_the_same_updates(
    backend: Backend, tmp_path: Path, size: int, case: str
) -> None:
    write_task(tmp_path)
    trained(backend, tmp_path, "alone", **SHARDED[case])
    shard = SPLITS[backend.NAME]
    forked(size, lambda: trained(backend, tmp_path, "shared", shard, **SHARDED[case]))
    check_alike(tmp_path, size)


def test_a_split_run_leaves_whole_states(backend: Backend, tmp_path: Path) -> None:
    write_task(tmp_path)
    spec = small_spec(tmp_path, duration={"epochs": 1})
    train(spec, backend.NAME, states=tmp_path / "alone")
    shard: Any = SPLITS[backend.NAME]
    forked(2, lambda: train(spec, backend.NAME, states=tmp_path / "shared", shard=shard))
    for attempt in (0, 3):
        alone, shared = (read_led(tmp_path / name, attempt) for name in ("alone", "shared"))
        expected, received = alone.after.tensors, shared.after.tensors
        pairs = [(alone.passed.gradients, shared.passed.gradients)]
        pairs += [(expected.weights, received.weights)]
        pairs += [
            (expected.optimizer[name], received.optimizer[name]) for name in expected.optimizer
        ]
        assert expected.optimizer.keys() == received.optimizer.keys()
        for left, right in pairs:
            assert left.keys() == right.keys()
            for name, array in left.items():
                np.testing.assert_allclose(right[name], array, rtol=1e-3, atol=1e-5, err_msg=name)
