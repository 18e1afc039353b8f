"""Masters of several processes, at level O2: whole, split, and gone on with."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import dualtrain
from dualtrain.backend import load_backend
from tests.builders import spec_of
from tests.conformance.test_checkpoints import left_after
from tests.forked import SPLITS, forked
from tests.nets import PADDLE, TORCH, Layers

LAYERS = {"torch": TORCH, "paddle": PADDLE}
SPEC = spec_of(
    amp={"dtype": "bfloat16", "level": "O2"},
    optimizer={"name": "adamw", "lr": 0.01},
    batch={"accumulate": 2},
    clip={"global_norm": 0.5},
    duration={"epochs": 2},
    ema={"decay": 0.8},
    checkpoint={"every": {"updates": 1}, "keep": 2},
)
DRAWN = np.random.default_rng(3)
BATCHES = [
    {"x": DRAWN.normal(size=(6, 5)).astype("float32"), "labels": DRAWN.integers(0, 4, 6)}
    for _ in range(6)
]
BAR = 2e-3
"""Gradients are averaged in bfloat16, whose epsilon is 8e-3: of a rate of 0.01."""


def wide_net(layers: Layers) -> Any:
    """Low weights, and float32 products: the CPU's Paddle has no low ones."""
    base: Any = layers.module

    class Wide(base):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = layers.parameter(5, 8), layers.parameter(8, 4)
            self.norm = layers.nn.LayerNorm(8)

        def forward(self, x: Any) -> Any:
            wide = load_backend("torch" if layers is TORCH else "paddle").scaled
            return self.norm(x @ wide(self.first, 1.0)) @ wide(self.second, 1.0)

    return Wide()


def fitted(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **words: Any) -> None:
    backend = load_backend(name)
    monkeypatch.setattr(backend, "check_amp", lambda amp, device: None)
    monkeypatch.setattr(backend, "autocast", lambda amp, device: nullcontext())
    model = wide_net(LAYERS[name])
    start = np.random.default_rng(5)
    weights = {
        key: start.normal(size=array.shape).astype("float32")
        for key, array in sorted(backend.dump_weights(model).items())
    }
    backend.load_weights(model, weights)

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    dualtrain.fit(SPEC, model, BATCHES, loss=loss, output=folder, backend=name, **words)


@pytest.mark.parametrize("shard", ["none", "split"])
@pytest.mark.parametrize("name", LAYERS)
def test_masters_are_those_of_one_process(
    tmp_path: Path, name: str, shard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the end, and left by two processes and gone on with by one."""
    shard = SPLITS[name] if shard == "split" else shard
    kept = tmp_path / "kept"
    fitted(name, tmp_path / "alone", monkeypatch)
    forked(2, lambda: fitted(name, tmp_path / "shared", monkeypatch, shard=shard))

    def left() -> None:
        with pytest.raises(SystemExit):
            words: dict[str, Any] = {"checkpoints": kept, "stop": left_after(3), "shard": shard}
            fitted(name, tmp_path / "resumed", monkeypatch, **words)

    forked(2, left)
    fitted(name, tmp_path / "resumed", monkeypatch, checkpoints=kept, resume=True)
    for file in ("model", "ema"):
        alone, *others = (
            load_file(tmp_path / run / f"{file}.safetensors")
            for run in ("alone", "shared", "resumed")
        )
        for other in others:
            for key, array in alone.items():
                np.testing.assert_allclose(other[key], array, atol=BAR, err_msg=key)
