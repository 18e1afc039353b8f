"""Two frameworks follow one run: in float64 they are one, but where float32 computes inside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import paddle
import pytest
import torch
from numpy.typing import NDArray

import dualtrain_paddle
import dualtrain_torch
from benchmarks import zoo
from dualtrain import Spec, fit
from dualtrain.lockstep import Led, Pass, Shown, read_led, read_states
from dualtrain.state import RunState
from dualtrain.training import follow
from tests import builders

PARTS: dict[str, Any] = {
    "optimizer": {"name": "adamw", "lr": 1e-2},
    "duration": {"updates": 3},
    "weight_decay": {"value": 0.1},
    "clip": {"global_norm": 1.0},
}
SPEC = builders.spec_of(**PARTS)


class Two(NamedTuple):
    """What both sides show of one update."""

    led: Led
    a: Shown
    b: Shown


def both(
    spec: Spec, models: tuple[Any, Any], batches: Any, folder: Path, *, every: int = 1
) -> Iterator[Two]:
    """The first one leads, and both follow."""
    a, b = models
    dualtrain_paddle.load_weights(b, dualtrain_torch.dump_weights(a))
    fit(spec, a, batches, states=folder, every=every)
    sides = [follow(spec, model, batches, states=folder) for model in models]
    for one, other in zip(*sides, strict=True):
        yield Two(read_led(folder, one.attempt), one, other)


def apart(a: Pass, b: Pass) -> float:
    """The largest relative distance of two gradients of a tensor, those that are 0 left out."""
    norms = {name: np.linalg.norm(gradient) for name, gradient in b.gradients.items()}
    whole = np.sqrt(sum(norm**2 for norm in norms.values()))
    return max(
        float(np.linalg.norm(a.gradients[name] - b.gradients[name]) / norm)
        for name, norm in norms.items()
        if norm > 1e-13 * whole
    )


def flat(state: RunState) -> dict[str, Any]:
    return {**state.scalars(), **{n: a.tolist() for n, a in state.arrays().items()}}


class TorchBlock(torch.nn.Module):
    """A vision transformer's: patches, a class token, torch's attention with q, k, v in one."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = torch.nn.Conv2d(1, 8, 4, 4)
        self.token = torch.nn.Parameter(torch.randn(1, 1, 8))
        self.attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = torch.nn.LayerNorm(8)
        self.head = torch.nn.Linear(8, 3)

    def forward(self, pixels: Any) -> Any:
        x = self.patch(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.head(self.norm(x)[:, 0])


class PaddleAttention(paddle.nn.Layer):
    """The same, written out."""

    def __init__(self) -> None:
        super().__init__()
        self.in_proj_weight = self.create_parameter([24, 8])
        self.in_proj_bias = self.create_parameter([24], is_bias=True)
        self.out_proj = paddle.nn.Linear(8, 8)

    def forward(self, x: Any) -> Any:
        count, length, _ = x.shape
        fused = paddle.matmul(x, self.in_proj_weight, transpose_y=True) + self.in_proj_bias
        parts = fused.reshape([count, length, 3, 2, 4]).transpose([2, 0, 3, 1, 4])
        q, k, v = parts[0], parts[1], parts[2]
        weights = paddle.nn.functional.softmax(q @ k.transpose([0, 1, 3, 2]) / 2.0, axis=-1)
        mixed = (weights @ v).transpose([0, 2, 1, 3]).reshape([count, length, 8])
        return self.out_proj(mixed)


class PaddleBlock(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.patch = paddle.nn.Conv2D(1, 8, 4, 4)
        self.token = self.create_parameter([1, 1, 8])
        self.attention = PaddleAttention()
        self.norm = paddle.nn.LayerNorm(8, epsilon=1e-5)
        self.head = paddle.nn.Linear(8, 3)

    def forward(self, pixels: Any) -> Any:
        x = self.patch(pixels).flatten(2).transpose([0, 2, 1])
        x = paddle.concat([self.token.expand([x.shape[0], -1, -1]), x], 1)
        return self.head(self.norm(x + self.attention(x))[:, 0])


def vit() -> tuple[Any, Any]:
    return TorchBlock(), PaddleBlock()


def convolution() -> tuple[Any, Any]:
    """Its bias before batch norm has no gradient."""
    t, p = torch.nn, paddle.nn
    return (
        t.Sequential(t.Conv2d(1, 4, 3), t.BatchNorm2d(4), t.ReLU(), t.Flatten(), t.Linear(144, 3)),
        p.Sequential(p.Conv2D(1, 4, 3), p.BatchNorm2D(4), p.ReLU(), p.Flatten(), p.Linear(144, 3)),
    )


def perceptron(dropout: float = 0.0) -> tuple[Any, Any]:
    t, p = torch.nn, paddle.nn
    return (
        t.Sequential(t.Flatten(), t.Linear(64, 16), t.ReLU(), t.Dropout(dropout), t.Linear(16, 3)),
        p.Sequential(p.Flatten(), p.Linear(64, 16), p.ReLU(), p.Dropout(dropout), p.Linear(16, 3)),
    )


def images(count: int = 6) -> list[dict[str, NDArray[Any]]]:
    random = np.random.default_rng(3)
    return [
        {
            "pixels": random.normal(size=(5, 1, 8, 8)).astype(np.float32),
            "labels": random.integers(0, 3, 5),
        }
        for _ in range(count)
    ]


def named(batches: list[dict[str, NDArray[Any]]]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """For models whose input has another name on each side."""
    return [(batch["pixels"], batch["labels"]) for batch in batches]


MODELS = {"vit": vit, "convolution": convolution, "perceptron": perceptron}
FROZEN = {"vit": "norm.*", "convolution": "1.*", "perceptron": "1.bias"}
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "groups": {
        "batch": {"accumulate": 2, "normalise": "token_mean"},
        "ema": {"decay": 0.9},
        "batch_norm": "paddle",
    },
    "tail": {"batch": {"accumulate": 4, "tail": "drop"}},
    "leak": {"batch": {"accumulate": 4, "tail": "leak", "normalise": "sum"}},
    "frozen": {},
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", KINDS)
def test_float64_is_one_on_both_sides(name: str, kind: str, tmp_path: Path) -> None:
    """Conv and batch norm, a class token, attention in one tensor: to 1e-9, most to 1e-15."""
    torch.manual_seed(0)
    changes = KINDS[kind]
    if kind == "frozen":
        changes = {"freeze": {"patterns": [FROZEN[name]], "batch_stats": "keep"}}
    spec = builders.spec_of(**PARTS | changes)
    for led, a, b in both(spec, MODELS[name](), named(images()), tmp_path):
        assert a.wide is not None
        assert b.wide is not None
        assert (a.narrow, b.narrow, a.random, b.random) == ("", "", "", "")
        assert apart(a.wide, b.wide) < 1e-9
        assert flat(a.moved.after) == flat(led.after)
        assert a.passed.gradients.keys() == b.passed.gradients.keys() == led.passed.gradients.keys()
        for statistic, value in a.passed.statistics.items():
            np.testing.assert_allclose(value, b.passed.statistics[statistic], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["bert", "gpt", "cnn, ReLU"])
def test_models_of_libraries_are_one_in_float64(name: str, tmp_path: Path) -> None:
    """Paddle's BERT makes its mask in the default type."""
    models, batches, spec = _of_the_zoo(name)
    for _, a, b in both(spec, models, batches, tmp_path, every=2):
        assert a.wide is not None
        assert b.wide is not None
        assert (a.narrow, b.narrow) == ("", "")
        assert apart(a.wide, b.wide) < 1e-10


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_models_that_compute_in_float32_inside_are_told(name: str, tmp_path: Path) -> None:
    """Norms and softmax in both libraries."""
    models, batches, spec = _of_the_zoo(name)
    for _, a, b in both(spec, models, batches, tmp_path, every=2):
        for side in (a, b):
            assert side.wide is not None
            assert "float32 computes inside the model" in side.narrow
            assert side.random == ""


def _of_the_zoo(name: str) -> tuple[tuple[Any, Any], Any, Spec]:
    found = zoo.pair(name, updates=3, batches=3)
    return found.models, found.batches, found.spec


def test_dropout_left_on_is_told_on_both_sides(tmp_path: Path) -> None:
    """The leading run repeats its own all the same: where its numbers stood is in the state."""
    for led, a, b in both(SPEC, perceptron(0.5), named(images()), tmp_path):
        for side in (a, b):
            assert "made twice, the gradient of" in side.random
        assert flat(a.moved.after) == flat(led.after)


@pytest.mark.parametrize("level", ["O1", "O2"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_run_in_a_low_type_repeats_itself_to_the_bit(
    level: str, dtype: str, tmp_path: Path
) -> None:
    """In torch's autocast on the CPU; its pass in float64 is that of the masters, in float64."""
    spec = builders.spec_of(**PARTS | {"amp": {"dtype": dtype, "level": level}})
    model, batches = perceptron()[0], named(images())
    fit(spec, model, batches, states=tmp_path)
    unit = {"bfloat16": 2.0**-8, "float16": 2.0**-11}[dtype]
    for shown in follow(spec, perceptron()[0], batches, states=tmp_path):
        led = read_led(tmp_path, shown.attempt)
        assert flat(shown.moved.after) == flat(led.after)
        assert shown.wide is not None
        assert unit / 100 < apart(shown.wide, shown.passed) < 20 * unit
    assert read_states(tmp_path).header.computation.dtype == dtype
