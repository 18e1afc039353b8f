"""Sums, means, norms and the like; choosing and joining; what optimizers and averages use."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.kernels._case import Array, Build, Case, Inputs, at
from benchmarks.kernels.families import _math as m

__all__ = ["CASES"]

ANY: dict[str, Build] = {
    "4 x 7": at(1.0, x=(4, 7)),
    "one": at(1.0, x=(1, 1)),
    "33 x 1025": at(1.0, x=(33, 1025)),
    "1e4": at(1e4, x=(4, 7)),
    "1e-15": at(1e-15, x=(4, 7)),
}
LONG: dict[str, Build] = {
    "a million around 1": lambda random: {"x": 1 + 0.1 * random.standard_normal((1000, 1000))}
}
ZEROS: dict[str, Build] = {"zeros": at(0.0, x=(3, 4))}
SHORT: dict[str, Build] = {kind: build for kind, build in ANY.items() if kind != "33 x 1025"}
OFFSET: dict[str, Build] = {
    "around 100": lambda random: {"x": 100 + random.standard_normal((5, 9))}
}
TIES: dict[str, Build] = {
    "whole numbers": lambda random: {"x": random.integers(0, 3, (5, 6)) + 0.0}
}


def _variance(x: Array) -> Any:
    """Of a sample: over n - 1."""
    d = x - x.mean(-1, keepdims=True)
    return (d * d).sum(-1) / (x.shape[-1] - 1)


def _chosen(random: np.random.Generator) -> Inputs:
    return at(1.0, x=(4, 5), y=(4, 5))(random) | {"mask": random.random((4, 5)) < 0.5}


def _rows(random: np.random.Generator) -> Inputs:
    return {"x": random.standard_normal((6, 3)), "ids": np.array([5, 0, 0, 3, 0])}


CASES = [
    Case(name="sum", formula=lambda x: x.sum(), inputs=ANY | ZEROS | LONG),
    Case(name="mean", formula=lambda x: x.mean(), inputs=ANY | ZEROS | LONG),
    Case(name="sum of an axis", formula=lambda x: x.sum(-1), inputs=ANY),
    Case(name="mean of an axis", formula=lambda x: x.mean(-1), inputs=ANY),
    Case(
        name="variance",
        formula=_variance,
        inputs={"4 x 7": ANY["4 x 7"], "1e4": ANY["1e4"]} | OFFSET,
    ),
    Case(
        name="standard deviation",
        formula=lambda x: np.sqrt(_variance(x)),
        inputs={"4 x 7": ANY["4 x 7"], "1e4": ANY["1e4"]} | OFFSET,
    ),
    Case(name="norm", formula=lambda x: np.sqrt((x * x).sum()), inputs=ANY | LONG),
    Case(name="norm of an axis", formula=lambda x: np.sqrt((x * x).sum(-1)), inputs=ANY),
    Case(
        name="normalize",
        formula=lambda x: x / np.sqrt((x * x).sum(-1, keepdims=True)),
        inputs={"4 x 7": ANY["4 x 7"], "1e4": ANY["1e4"]},
    ),
    Case(
        name="max of an axis",
        formula=lambda x: m.largest(x, -1),
        inputs=ANY | TIES,
        at_kinks=frozenset(TIES),
    ),
    Case(
        name="maximum",
        formula=lambda x, y: np.where(x.real > y.real, x, y),
        inputs={"4 x 7": at(1.0, x=(4, 7), y=(4, 7))},
    ),
    Case(name="cumsum", formula=lambda x: x.cumsum(-1), inputs=SHORT),
    Case(name="prod", formula=lambda x: x.prod(-1), inputs={"4 x 7": ANY["4 x 7"]}),
    Case(name="where", formula=lambda x, y, mask: np.where(mask, x, y), inputs={"4 x 5": _chosen}),
    Case(
        name="masked_fill",
        formula=lambda x, y, mask: np.where(mask, -1e4, x) * y,
        inputs={"4 x 5": _chosen},
    ),
    Case(name="index_select", formula=lambda x, ids: x[ids], inputs={"repeated": _rows}),
    Case(
        name="gather",
        formula=lambda x, ids: np.take_along_axis(x, ids[:, None], 1),
        inputs={
            "labels": lambda random: {
                "x": random.standard_normal((5, 7)),
                "ids": random.integers(0, 7, 5),
            }
        },
    ),
    Case(
        name="concat, split, stack",
        formula=lambda x, y: np.stack(np.split(np.concatenate([x, y], 1), 2, 1), 0),
        inputs={"3 x 4": at(1.0, x=(3, 4), y=(3, 4))},
    ),
    Case(
        name="transpose, reshape",
        formula=lambda x: x.transpose(0, 2, 1).reshape(2, -1),
        inputs={"2 x 3 x 5": at(1.0, x=(2, 3, 5))},
    ),
    Case(name="dropout, eval", formula=lambda x: x * 1.0, inputs=ANY),
    Case(
        name="lerp",
        formula=lambda x, y: x + 0.001 * (y - x),
        inputs={
            "N(0, 1)": at(1.0, x=(4, 7), y=(4, 7)),
            "1e-15": at(1e-15, x=(4, 7), y=(4, 7)),
            "many": at(1.0, x=(65, 257), y=(65, 257)),
        },
        constants=frozenset({"x", "y"}),
    ),
    Case(
        name="global_norm",
        formula=lambda x, y: np.sqrt((x * x).sum() + (y * y).sum()),
        inputs={
            "N(0, 1)": at(1.0, x=(4, 7), y=(5,)),
            "zeros": at(0.0, x=(4, 7), y=(5,)),
            "1e4": at(1e4, x=(4, 7), y=(5,)),
            "1e-15": at(1e-15, x=(4, 7), y=(5,)),
            "a million": at(1e-3, x=(1000, 1000), y=(33,)),
            "ten million": at(1e-3, x=(10_000, 1000), y=(33,)),
        },
        constants=frozenset({"x", "y"}),
    ),
]
