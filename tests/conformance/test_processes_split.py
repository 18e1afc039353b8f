"""What split models and optimizers keep, whole: the state of one process, and gone on from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualtrain
from dualtrain.backend import Backend
from dualtrain.checkpoints import newest
from dualtrain.spec import Spec
from dualtrain.state import Arrays, RunState
from dualtrain.world import World
from tests.builders import spec_of
from tests.conformance.test_checkpoints import left_after
from tests.conformance.test_optimizers import CASES
from tests.forked import SPLITS, forked

KINDS = ("adamw", "lamb", "nadam", "radam", "rprop", "rmsprop_torch")
"""Of each kind of state: powers and counts, numbers beside arrays, and what a rule computes."""
LAST = {
    optimizer["name"]: case for case, (optimizer, _) in CASES.items() if optimizer["name"] in KINDS
}
"""One case of each, the last: with decay, and what else it may keep."""
DRAWN = np.random.default_rng(3)
BATCHES = [
    {"x": DRAWN.normal(size=(6, 5)).astype("float32"), "labels": DRAWN.integers(0, 4, 6)}
    for _ in range(6)
]


def spec_for(case: str) -> Spec:
    optimizer, decay = CASES[case]
    lr = 0.1 if optimizer["name"] == "rprop" else 0.01  # whose steps are about that
    return spec_of(
        optimizer={"lr": lr, **optimizer},
        weight_decay=decay,
        clip={"global_norm": 0.5},
        schedule={"name": "constant"},
        duration={"epochs": 1},
    )


def fitted(backend: Backend, folder: Path, **words: Any) -> None:
    """Each optimizer, in a folder of its own; in one group of processes, if there are several."""
    world = World.of(os.environ)
    if world.size > 1:
        backend.join(world, backend.open_device("cpu"))
    for case in LAST.values():
        own = {"checkpoints": folder / case, "output": folder / f"{case} trained"}
        if "stop" in words:
            with pytest.raises(SystemExit):
                fit(backend, case, **own | words | {"stop": left_after(3)})
        else:
            fit(backend, case, **own | words)


def fit(backend: Backend, case: str, **words: Any) -> None:
    backend.seed_everything(0)
    model = backend.build_linear(5, 4)
    start = np.random.default_rng(5)
    weights = {
        name: start.normal(size=array.shape).astype("float32")
        for name, array in backend.dump_weights(model).items()
    }
    backend.load_weights(model, weights)

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    dualtrain.fit(spec_for(case), model, BATCHES, loss=loss, **words)


def arrays_of(state: RunState) -> Arrays:
    moments = {
        f"{name}/{kind}": array
        for name, kept in state.tensors.optimizer.items()
        for kind, array in kept.items()
    }
    powers = {key: array for key, array in state.tensors.own.items() if key[:6] == "power/"}
    return {**state.tensors.weights, **moments, **powers}


def check_states(alone: Path, shared: Path) -> None:
    for case in LAST.values():
        expected, received = (newest(folder / case)[1].state for folder in (alone, shared))
        assert received.attempts == expected.attempts
        left, right = arrays_of(expected), arrays_of(received)
        assert left.keys() == right.keys(), case
        for name, array in left.items():
            np.testing.assert_allclose(right[name], array, 1e-4, 1e-6, err_msg=f"{case}: {name}")


def test_each_optimizer_s_state_is_whole_and_split_again(backend: Backend, tmp_path: Path) -> None:
    """Left by two processes after three updates of six, and gone on with by three."""
    shard = SPLITS[backend.NAME]
    alone, whole, shared = (tmp_path / name for name in ("alone", "whole", "shared"))
    fitted(backend, alone, stop=True)
    fitted(backend, whole)
    forked(2, lambda: fitted(backend, shared, stop=True, shard=shard))
    check_states(alone, shared)
    forked(3, lambda: fitted(backend, shared, resume=True, shard=shard))
    check_states(whole, shared)
