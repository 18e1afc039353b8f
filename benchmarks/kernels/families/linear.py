"""Products of matrices, and tables of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.kernels._case import Array, Case, at

__all__ = ["CASES"]


def _linear(x: Array, weight: Array, bias: Array) -> Any:
    """The weight is (out, in)."""
    return x @ np.swapaxes(weight, 0, 1) + bias


def _embedding(ids: Array, weight: Array) -> Any:
    return weight[ids]


def _padded(ids: Array, weight: Array, padding_idx: int) -> Any:
    """The padding row gets no gradient."""
    still = np.where(np.arange(len(weight))[:, None] == padding_idx, weight.real, weight)
    return still[ids]


def _zero_row(random: np.random.Generator) -> dict[str, Array]:
    weight = random.standard_normal((7, 4))
    weight[2] = 0.0
    return {"ids": np.array([[2, 1, 2, 6], [0, 2, 2, 1]]), "weight": weight}


CASES = [
    Case(
        name="linear",
        formula=_linear,
        inputs={
            "5 x 7": at(1.0, x=(5, 7), weight=(3, 7), bias=(3,)),
            "one row": at(1.0, x=(1, 1), weight=(1, 1), bias=(1,)),
            "2 x 3 x 5": at(1.0, x=(2, 3, 5), weight=(4, 5), bias=(4,)),
            "33 x 257": at(1.0, x=(33, 257), weight=(65, 257), bias=(65,)),
            "1e4": at(1e4, x=(5, 7), weight=(3, 7), bias=(3,)),
            "1e-15": at(1e-15, x=(5, 7), weight=(3, 7), bias=(3,)),
            "200000 rows": at(1.0, x=(200_000, 2), weight=(3, 2), bias=(3,)),
            "zeros": at(0.0, x=(5, 7), weight=(3, 7), bias=(3,)),
        },
    ),
    Case(
        name="matmul",
        formula=lambda x, y: x @ y,
        inputs={
            "4 x 5 x 3": at(1.0, x=(4, 5), y=(5, 3)),
            "batches": at(1.0, x=(2, 3, 4, 5), y=(2, 3, 5, 6)),
            "broadcast": at(1.0, x=(2, 3, 4, 5), y=(5, 6)),
            "long": at(1.0, x=(3, 1023), y=(1023, 2)),
        },
    ),
    Case(name="bmm", formula=lambda x, y: x @ y, inputs={"3": at(1.0, x=(3, 4, 5), y=(3, 5, 2))}),
    Case(
        name="einsum",
        formula=lambda x, y: np.einsum("bhqd,bkhd->bhqk", x, y),
        inputs={"attention": at(1.0, x=(2, 3, 4, 5), y=(2, 6, 3, 5))},
    ),
    Case(
        name="embedding",
        formula=_embedding,
        inputs={
            "repeated": lambda random: {
                "ids": random.integers(0, 11, (3, 17)),
                "weight": random.standard_normal((11, 4)),
            },
            "one id 512 times": lambda random: {
                "ids": np.full((2, 256), 3),
                "weight": random.standard_normal((5, 3)),
            },
            "three ids 200000 times": lambda random: {
                "ids": random.integers(0, 3, 200_000),
                "weight": random.standard_normal((3, 2)),
            },
            "many rows": lambda random: {
                "ids": random.integers(0, 5003, (8, 33)),
                "weight": random.standard_normal((5003, 8)),
            },
        },
    ),
    Case(
        name="embedding, padding_idx",
        formula=_padded,
        inputs={"a row of zeros": _zero_row},
        settings={"padding_idx": 2},
    ),
]
