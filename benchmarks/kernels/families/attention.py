"""Attention: operator by operator, the fused functions, the layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.kernels._case import Array, Build, Case, Inputs, at
from benchmarks.kernels.families import _math as m

__all__ = ["CASES"]


def _attention(q: Array, k: Array, v: Array, mask: Array | None = None) -> Any:
    """softmax(q k^T / sqrt(d) + mask) v; (samples, heads, positions, size)."""
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    return m.softmax(scores if mask is None else scores + mask) @ v


def _kept(q: Array, k: Array, v: Array, keep: Array) -> Any:
    """With True where attention may look."""
    return _attention(q, k, v, np.where(keep, 0.0, -np.inf))


def _causal(q: Array, k: Array, v: Array) -> Any:
    return _kept(q, k, v, np.tri(q.shape[-2], k.shape[-2], dtype=bool))


def _multi_head(
    x: Array,
    q_weight: Array,
    q_bias: Array,
    k_weight: Array,
    k_bias: Array,
    v_weight: Array,
    v_bias: Array,
    out_weight: Array,
    out_bias: Array,
    heads: int,
) -> Any:
    """x: (samples, positions, width); weights are (out, in)."""

    def split(weight: Array, bias: Array) -> Any:
        y = x @ weight.T + bias
        return y.reshape(*y.shape[:2], heads, -1).swapaxes(1, 2)

    y = _attention(split(q_weight, q_bias), split(k_weight, k_bias), split(v_weight, v_bias))
    return y.swapaxes(1, 2).reshape(x.shape) @ out_weight.T + out_bias


def _layer(width: int, samples: int, positions: int) -> Build:
    def build(random: np.random.Generator) -> Inputs:
        inputs = {"x": random.standard_normal((samples, positions, width))}
        for part in ("q", "k", "v", "out"):
            weight = random.standard_normal((width, width)) / math.sqrt(width)
            inputs |= {f"{part}_weight": weight, f"{part}_bias": random.standard_normal(width)}
        return inputs

    return build


def _shapes(
    samples: int, heads: int, queries: int, keys: int, size: int
) -> dict[str, tuple[int, ...]]:
    head = (samples, heads)
    return {"q": (*head, queries, size), "k": (*head, keys, size), "v": (*head, keys, size)}


SMALL = _shapes(2, 3, 4, 5, 8)


def _with_mask(low: float) -> Build:
    """The last keys of the second sample are padding."""

    def build(random: np.random.Generator) -> Inputs:
        mask = np.zeros((2, 1, 1, 5))
        mask[1, ..., 3:] = low
        return at(1.0, **SMALL)(random) | {"mask": mask}

    return build


def _with_keep(random: np.random.Generator) -> Inputs:
    keep = np.ones((2, 3, 4, 5), bool)
    keep[1, ..., 3:] = False
    return at(1.0, **SMALL)(random) | {"keep": keep}


PLAIN: dict[str, Build] = {
    "2 x 3 x 4 x 8": at(1.0, **SMALL),
    "one key": at(1.0, **_shapes(2, 1, 3, 1, 4)),
    "2 x 2 x 33 x 16": at(1.0, **_shapes(2, 2, 33, 33, 16)),
    "scores of 1e4": at(60.0, **SMALL),
    "zeros": at(0.0, **SMALL),
    "1e-15": at(1e-15, **SMALL),
}
SATURATED = {"scores of 1e4": 1e4}
MASKED = {f"{low:g}": _with_mask(low) for low in (-1e4, -1e9, -3.4e38, -np.inf)}

CASES = [
    Case(name="attention, operator by operator", formula=_attention, inputs=PLAIN, tails=SATURATED),
    Case(
        name="attention, operator by operator, masked",
        formula=_attention,
        inputs=MASKED,
        constants=frozenset({"mask"}),
    ),
    Case(name="scaled_dot_product_attention", formula=_attention, inputs=PLAIN, tails=SATURATED),
    Case(
        name="scaled_dot_product_attention, added mask",
        formula=_attention,
        inputs=MASKED,
        constants=frozenset({"mask"}),
    ),
    Case(
        name="scaled_dot_product_attention, boolean mask",
        formula=_kept,
        inputs={"padding": _with_keep},
    ),
    Case(
        name="scaled_dot_product_attention, causal",
        formula=_causal,
        inputs={"7 x 7": at(1.0, **_shapes(2, 3, 7, 7, 8))},
    ),
    Case(
        name="MultiHeadAttention",
        formula=_multi_head,
        inputs={"8": _layer(8, 2, 5), "24": _layer(24, 1, 7)},
        settings={"heads": 2},
        tails={"8": 1.0, "24": 1.0},  # the bias of the keys moves nothing: its gradient is 0
    ),
]
