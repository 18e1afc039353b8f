"""Honest runs are silent in lockstep, however chaotic: each update is judged from one state."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import zoo
from dualtrain.lockstep import Lockstep, Reading
from dualtrain.testing import assert_lockstep
from tests.builders import spec_of
from tests.nets import TORCH, Build, Layers, cnn, images, mlp, pair_of, points, vit

ADAMW = {"name": "adamw", "lr": 1e-2}
MOMENTUM = {"name": "momentum", "lr": 0.1, "momentum": 0.9}


def gravest(lockstep: Lockstep, what: str) -> Reading:
    return max(
        (r for update in lockstep.updates for r in update.readings if r.what == what),
        key=lambda reading: reading.times,
    )


@pytest.mark.parametrize(
    ("build", "data", "spec"),
    [
        pytest.param(mlp(depth=4), points(), {"optimizer": {"name": "sgd", "lr": 0.5}}, id="ReLU"),
        pytest.param(mlp("Tanh"), points(), {"optimizer": MOMENTUM}, id="tanh with momentum"),
        pytest.param(cnn(bias=False), images(), {"optimizer": ADAMW}, id="batch norm"),
        pytest.param(cnn(bias=True), images(), {"optimizer": ADAMW}, id="a bias before batch norm"),
        pytest.param(cnn(bias=True), images(2), {"optimizer": ADAMW}, id="two samples"),
        pytest.param(vit, points(9, 16), {"optimizer": ADAMW}, id="a class token"),
    ],
)
def test_plain_nets(build: Build, data: Any, spec: dict[str, Any]) -> None:
    made = spec_of(
        **spec, duration={"updates": 8}, batch={"accumulate": 2}, clip={"global_norm": 1}
    )
    lockstep = assert_lockstep(made, pair_of(build), data)
    assert lockstep.total == len(lockstep.updates) == 8


def test_losses_in_the_thousands() -> None:
    random = np.random.default_rng(0)
    data = [
        (x, (60 + 40 * random.standard_normal((len(x), 1))).astype(np.float32)) for x, _ in points()
    ]
    spec = spec_of(optimizer=ADAMW, duration={"updates": 8})
    lockstep = assert_lockstep(spec, pair_of(mlp("Tanh", outputs=1)), data, loss=squared_error)
    assert gravest(lockstep, "loss").times < 1


def squared_error(model: Any, batch: dict[str, Any]) -> Any:
    labels = batch.pop("labels")
    (x,) = batch.values()
    return ((model(x) - labels) ** 2).sum()


@pytest.mark.parametrize("name", ["bert", "gpt", "llama"])
def test_models_of_the_libraries_at_a_high_rate(name: str) -> None:
    """llama computes in float32 inside: there the passes in float32 decide, and it is told."""
    pair = zoo.pair(name, updates=6, batches=6, optimizer={"name": "adamw", "lr": 1e-2})
    lockstep = assert_lockstep(pair.spec, pair.models, pair.batches, every=3)
    assert [update.attempt for update in lockstep.updates] == [0, 3, 5]
    told = {r.what for update in lockstep.updates for r in update.readings if r.outcome == "told"}
    assert told == ({"float64"} if name == "llama" else set())


def test_two_thousand_updates() -> None:
    """Whose ends are far apart."""
    spec = spec_of(optimizer=MOMENTUM, duration={"updates": 2000})
    lockstep = assert_lockstep(spec, pair_of(mlp("ReLU", width=16)), points(), every=500)
    assert [update.attempt for update in lockstep.updates] == [0, 500, 1000, 1500, 1999]


class Otherwise(torch.nn.Linear):
    """A Linear that adds up its inputs from the last to the first."""

    def forward(self, input: Any) -> Any:
        back = torch.arange(input.shape[-1] - 1, -1, -1)
        return input[:, back] @ self.weight[:, back].T + self.bias


@pytest.mark.parametrize(
    "amp",
    [
        {"dtype": "bfloat16", "level": "O1"},
        {"dtype": "bfloat16", "level": "O2"},
        {"dtype": "float16", "level": "O1"},
    ],
    ids=lambda amp: f"{amp['dtype']} {amp['level']}",
)
def test_coarse_types(amp: dict[str, Any]) -> None:
    """In torch, and in torch again with its sums in another order: Paddle has none on the CPU."""
    usual, otherwise = pair_of(mlp(depth=3), mlp(depth=3), of=(TORCH, torch_with(Otherwise)))
    spec = spec_of(optimizer=ADAMW, duration={"updates": 6}, amp=amp)
    lockstep = assert_lockstep(spec, [usual, otherwise], points())
    apart = gravest(lockstep, "gradient")
    assert apart.detail == f"in {amp['dtype']}"
    assert apart.value > 1e-3, "rounding is coarse"


def torch_with(linear: type[Any]) -> Layers:
    """torch's layers, but for another Linear."""
    names = ("ReLU", "Dropout", "Sequential")
    nn = SimpleNamespace(Linear=linear, **{name: getattr(torch.nn, name) for name in names})
    return replace(TORCH, nn=nn)
