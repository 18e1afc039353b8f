"""Normalisation: over features, groups, samples, and by running statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.kernels._case import Array, Build, Case, Inputs

__all__ = ["CASES"]

EPSILON = 1e-5


def _normalised(x: Array, axes: tuple[int, ...], epsilon: float) -> Any:
    d = x - x.mean(axes, keepdims=True)
    return d / np.sqrt((d * d).mean(axes, keepdims=True) + epsilon)


def _layer_norm(x: Array, weight: Array, bias: Array, epsilon: float) -> Any:
    axes = tuple(range(x.ndim - weight.ndim, x.ndim))
    return _normalised(x, axes, epsilon) * weight + bias


def _rms_norm(x: Array, weight: Array, epsilon: float) -> Any:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight


def _of_channels(vector: Array, like: Array) -> Any:
    """A channel's number beside the channel, which is axis 1."""
    return vector.reshape(1, -1, *(1,) * (like.ndim - 2))


def _batch_norm(x: Array, weight: Array, bias: Array, epsilon: float) -> Any:
    axes = (0, *range(2, x.ndim))
    return _normalised(x, axes, epsilon) * _of_channels(weight, x) + _of_channels(bias, x)


def _in_eval(
    x: Array, weight: Array, bias: Array, mean: Array, variance: Array, epsilon: float
) -> Any:
    scale = weight / np.sqrt(variance + epsilon)
    return (x - _of_channels(mean, x)) * _of_channels(scale, x) + _of_channels(bias, x)


def _statistics(x: Array, mean: Array, variance: Array) -> tuple[Any, Any]:
    """With the variance of all elements and a tenth of the new, as Paddle has it."""
    axes = (0, *range(2, x.ndim))
    return 0.9 * mean + 0.1 * x.mean(axes), 0.9 * variance + 0.1 * x.var(axes)


def _instance_norm(x: Array, weight: Array, bias: Array, epsilon: float) -> Any:
    axes = tuple(range(2, x.ndim))
    return _normalised(x, axes, epsilon) * _of_channels(weight, x) + _of_channels(bias, x)


def _group_norm(x: Array, weight: Array, bias: Array, groups: int, epsilon: float) -> Any:
    apart = x.reshape(len(x), groups, -1)
    h = _normalised(apart, (2,), epsilon).reshape(x.shape)
    return h * _of_channels(weight, x) + _of_channels(bias, x)


def _affine(*shape: int, of: tuple[int, ...], scale: float = 1.0, offset: float = 0.0) -> Build:
    """N(offset, scale^2), with a weight around 1 and a bias."""

    def build(random: np.random.Generator) -> Inputs:
        weight: Any = 1.0 + 0.5 * random.standard_normal(of)
        x: Any = offset + scale * random.standard_normal(shape)
        return {"x": x, "weight": weight, "bias": random.standard_normal(of)}

    return build


def _all_equal(*shape: int, of: tuple[int, ...]) -> Build:
    return lambda random: _affine(*shape, of=of)(random) | {"x": np.full(shape, 2.5)}


def _one_huge(*shape: int, of: tuple[int, ...]) -> Build:
    def build(random: np.random.Generator) -> Inputs:
        inputs = _affine(*shape, of=of)(random)
        inputs["x"].flat[1] = 1e4
        return inputs

    return build


def _without(build: Build, *names: str) -> Build:
    return lambda random: {n: a for n, a in build(random).items() if n not in names}


def _with_statistics(build: Build) -> Build:
    def built(random: np.random.Generator) -> Inputs:
        inputs = build(random)
        channels = inputs["x"].shape[1]
        mean: Any = random.standard_normal(channels)
        variance: Any = random.uniform(0.5, 2.0, channels)
        return inputs | {"mean": mean, "variance": variance}

    return built


FEATURES: dict[str, Build] = {
    "4 x 6": _affine(4, 6, of=(6,)),
    "8 x 16 x 32": _affine(8, 16, 32, of=(32,)),
    "3 x 5 x 7, over two": _affine(3, 5, 7, of=(5, 7)),
    "3 x 769": _affine(3, 769, of=(769,)),
    "one row": _affine(1, 5, of=(5,)),
    "100000 rows": _affine(100_000, 3, of=(3,)),
    "all equal": _all_equal(3, 8, of=(8,)),
    "zeros": _affine(3, 8, of=(8,), scale=0.0),
    "around 1e3": _affine(4, 6, of=(6,), offset=1e3),
    "one huge": _one_huge(4, 6, of=(6,)),
    "1e4": _affine(4, 6, of=(6,), scale=1e4),
    "1e-30": _affine(4, 6, of=(6,), scale=1e-30),
}
ROOT_MEAN_SQUARES = {
    kind: _without(build, "bias")
    for kind, build in FEATURES.items()
    if kind != "3 x 5 x 7, over two"
}
OF_A_LAYER = {kind: build for kind, build in FEATURES.items() if kind != "3 x 5 x 7, over two"}
IMAGES: dict[str, Build] = {
    "2 x 4 x 5 x 3": _affine(2, 4, 5, 3, of=(4,)),
    "8 x 6 x 9 x 9": _affine(8, 6, 9, 9, of=(6,)),
    "all equal": _all_equal(2, 4, 3, 3, of=(4,)),
    "zeros": _affine(2, 4, 3, 3, of=(4,), scale=0.0),
    "around 1e3": _affine(2, 4, 3, 3, of=(4,), offset=1e3),
    "one huge": _one_huge(2, 4, 3, 3, of=(4,)),
    "1e-30": _affine(2, 4, 3, 3, of=(4,), scale=1e-30),
    "one sample": _affine(1, 4, 5, 3, of=(4,)),
    "100000 elements a channel": _affine(4, 2, 250, 200, of=(2,)),
}
SEQUENCES: dict[str, Build] = {"3 x 4 x 5": _affine(3, 4, 5, of=(4,))}
ROWS: dict[str, Build] = {"5 x 4": _affine(5, 4, of=(4,))}
NOTHING = {"1e-30": 1e-20}  # next to the square root of epsilon
SETTINGS = {"epsilon": EPSILON}

CASES = [
    Case(name="layer_norm", formula=_layer_norm, inputs=FEATURES, settings=SETTINGS),
    Case(
        name="layer_norm, epsilon 1e-12",
        kernel="layer_norm",
        formula=_layer_norm,
        inputs={"8 x 16 x 32": FEATURES["8 x 16 x 32"]},
        settings={"epsilon": 1e-12},
    ),
    Case(name="LayerNorm", formula=_layer_norm, inputs=OF_A_LAYER, settings=SETTINGS),
    Case(name="LayerNorm, dualtrain", formula=_layer_norm, inputs=OF_A_LAYER, settings=SETTINGS),
    Case(
        name="layer_norm without weight and bias",
        formula=lambda x, epsilon: _normalised(x, (-1,), epsilon),
        inputs={
            kind: _without(build, "weight", "bias")
            for kind, build in FEATURES.items()
            if kind != "3 x 5 x 7, over two"
        },
        settings=SETTINGS,
    ),
    Case(name="rms_norm", formula=_rms_norm, inputs=ROOT_MEAN_SQUARES, settings=SETTINGS),
    Case(
        name="rms_norm, operator by operator",
        formula=_rms_norm,
        inputs=ROOT_MEAN_SQUARES,
        settings=SETTINGS,
    ),
    Case(
        name="batch_norm",
        formula=_batch_norm,
        inputs=ROWS | SEQUENCES | IMAGES,
        settings=SETTINGS,
    ),
    Case(
        name="BatchNorm, dualtrain",
        formula=_batch_norm,
        inputs=ROWS | SEQUENCES | IMAGES,
        settings=SETTINGS,
    ),
    Case(
        name="BatchNorm in eval, dualtrain",
        formula=_in_eval,
        inputs={k: _with_statistics(build) for k, build in (ROWS | SEQUENCES | IMAGES).items()},
        settings=SETTINGS,
        constants=frozenset({"mean", "variance"}),
    ),
    Case(
        name="batch_norm, one element a channel",
        kernel="batch_norm",
        formula=_batch_norm,
        inputs={"1 x 4": _affine(1, 4, of=(4,)), "1 x 4 x 1 x 1": _affine(1, 4, 1, 1, of=(4,))},
        settings=SETTINGS,
    ),
    Case(
        name="batch_norm, eval",
        formula=_in_eval,
        inputs={
            kind: _with_statistics(build) for kind, build in (ROWS | SEQUENCES | IMAGES).items()
        },
        settings=SETTINGS,
        constants=frozenset({"mean", "variance"}),
    ),
    Case(
        name="batch_norm, running statistics",
        formula=_statistics,
        inputs={
            kind: _without(_with_statistics(build), "weight", "bias")
            for kind, build in (ROWS | SEQUENCES | IMAGES).items()
        },
        constants=frozenset({"x", "mean", "variance"}),
    ),
    Case(
        name="instance_norm", formula=_instance_norm, inputs=SEQUENCES | IMAGES, settings=SETTINGS
    ),
    Case(
        name="group_norm",
        formula=_group_norm,
        inputs=SEQUENCES | IMAGES,
        settings=SETTINGS | {"groups": 2},
        tails=NOTHING,
    ),
    Case(
        name="group_norm, one group",
        kernel="group_norm",
        formula=_group_norm,
        inputs=SEQUENCES | IMAGES,
        settings=SETTINGS | {"groups": 1},
        tails=NOTHING,
    ),
]
