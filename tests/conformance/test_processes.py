"""Several processes make the updates of one: the same curve, order and decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dualtrain.backend import Backend
from dualtrain.training import train
from tests.forked import check_alike, forked
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


SHARDED: dict[str, dict[str, Any]] = {
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
    shard = {"torch": "full", "paddle": "optimizer"}[backend.NAME]
    forked(size, lambda: trained(backend, tmp_path, "shared", shard, **SHARDED[case]))
    check_alike(tmp_path, size)
