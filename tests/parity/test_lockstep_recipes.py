"""The plainest recipes, honest on both sides: lockstep is silent, wherever their free runs end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import zoo
from dualtrain.lockstep import Lockstep
from dualtrain.testing import assert_lockstep
from tests.builders import spec_of
from tests.nets import cnn, images, mlp, pair_of, points

GLUE: dict[str, Any] = {
    "optimizer": {"name": "adamw", "lr": 2e-5},
    "schedule": {"name": "linear"},
    "warmup": None,
    "weight_decay": None,
    "clip": {"global_norm": 1.0},
}
"""As run_glue has it."""


def large(batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Four micro-batches of 8 in one of 32."""
    return [
        {name: np.concatenate([b[name] for b in batches[i : i + 4]]) for name in batches[i]}
        for i in range(0, len(batches), 4)
    ]


def test_glue() -> None:
    """Six seeds; two of them moved a bias farther apart than statistics allowed."""
    for seed in range(6):
        pair = zoo.pair("bert", updates=21, batches=84, seed=seed, **GLUE)
        lockstep = assert_lockstep(pair.spec, pair.models, large(pair.batches), every=10)
        assert [update.attempt for update in lockstep.updates] == [0, 10, 20]
        assert nearest(lockstep) < 1


def test_a_longer_run_at_a_higher_rate() -> None:
    optimizer = {"name": "adamw", "lr": 1e-3}
    pair = zoo.pair("bert", updates=189, batches=32, **{**GLUE, "optimizer": optimizer})
    lockstep = assert_lockstep(pair.spec, pair.models, large(pair.batches), every=63)
    assert [update.attempt for update in lockstep.updates] == [0, 63, 126, 188]
    assert nearest(lockstep) < 1


@pytest.mark.parametrize(
    ("build", "data", "optimizer"),
    [
        (cnn(bias=True), images(), {"name": "adamw", "lr": 1e-3}),
        (mlp(depth=6), points(), {"name": "sgd", "lr": 0.1}),
    ],
    ids=["a bias before batch norm", "a deep ReLU net"],
)
def test_runs_that_rounding_parts(build: Any, data: Any, optimizer: dict[str, Any]) -> None:
    spec = spec_of(optimizer=optimizer, duration={"updates": 200})
    lockstep = assert_lockstep(spec, pair_of(build), data, every=50)
    assert lockstep.total == 200


def nearest(lockstep: Lockstep) -> float:
    """How near its bar the nearest reading is."""
    return max(r.times for u in lockstep.updates for r in u.readings)
