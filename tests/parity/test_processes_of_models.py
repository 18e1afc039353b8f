"""Models of several processes, as users write them: a buffer, a part without a use, low sums."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import paddle
import pytest
import torch

import dualtrain
import dualtrain_paddle
import dualtrain_torch
from dualtrain.trace import read_trace
from dualtrain.world import World
from tests.builders import spec_of
from tests.forked import forked

SIZE = 2


class TorchNet(torch.nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.used, self.spare = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, x: Any) -> Any:
        return self.used(x) * self.scale


class PaddleNet(paddle.nn.Layer):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.used, self.spare = paddle.nn.Linear(3, 2), paddle.nn.Linear(3, 2)
        self.register_buffer("scale", paddle.to_tensor(scale))

    def forward(self, x: Any) -> Any:
        return self.used(x) * self.scale


@pytest.mark.parametrize(
    ("backend", "net", "shard"),
    [
        (dualtrain_torch, TorchNet, "none"),
        (dualtrain_torch, TorchNet, "full"),
        (dualtrain_paddle, PaddleNet, "none"),
        (dualtrain_paddle, PaddleNet, "optimizer"),
    ],
)
def test_the_updates_are_those_of_one_process(
    tmp_path: Path, backend: Any, net: type[Any], shard: Any
) -> None:
    """Each process comes with another buffer, and none uses one of the layers."""
    draw = np.random.default_rng(1)
    batches = [
        {"x": draw.normal(size=(4, 3)).astype("float32"), "labels": np.arange(4) % 2}
        for _ in range(3)
    ]

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    def fitted(name: str, **more: Any) -> None:
        backend.seed_everything(0)
        model = net(1.0 + int(os.environ.get("RANK", "0")))
        trace = tmp_path / f"{name}.jsonl"
        dualtrain.fit(spec_of(), model, batches, loss=loss, trace=trace, **more)

    fitted("alone")
    forked(SIZE, lambda: fitted("shared", shard=shard))
    alone, shared = (read_trace(tmp_path / f"{name}.jsonl").updates for name in ("alone", "shared"))
    assert len(alone) == len(shared) == 4
    np.testing.assert_allclose([u.loss for u in shared], [u.loss for u in alone], rtol=1e-5)


@pytest.mark.parametrize(
    ("backend", "framework"), [(dualtrain_torch, torch), (dualtrain_paddle, paddle)]
)
def test_a_sum_is_not_rounded_on_its_way(
    tmp_path: Path, backend: Any, framework: ModuleType
) -> None:
    """256 + 1 is 256 in bfloat16."""

    def summed() -> None:
        world = World.of(os.environ)
        backend.join(world, backend.open_device("cpu"))
        own = framework.ones([1], dtype=framework.bfloat16) * (1.0 if world.rank else 256.0)
        (tmp_path / str(world.rank)).write_text(str(float(backend.summed(own))), encoding="utf-8")
        backend.leave()

    forked(SIZE, summed)
    assert [(tmp_path / str(n)).read_text("utf-8") for n in range(SIZE)] == ["257.0"] * SIZE
