"""Convolutions, pooling, padding and resizing; channels are axis 1."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from benchmarks.kernels._case import Array, Build, Case, at
from benchmarks.kernels.families import _math as m

__all__ = ["CASES"]


def _padded(x: Array, padding: int, value: float = 0.0) -> Any:
    width = [(0, 0), (0, 0), *((padding, padding),) * (x.ndim - 2)]
    return np.pad(x, width, constant_values=value)


def _windows(x: Array, size: tuple[int, ...], stride: int, dilation: int = 1) -> Any:
    """(samples, channels, *positions, elements of a window)."""
    spans = [dilation * (s - 1) + 1 for s in size]
    counts = [(n - s) // stride + 1 for n, s in zip(x.shape[2:], spans, strict=True)]
    parts = []
    for offset in product(*map(range, size)):
        slices = tuple(
            slice(dilation * o, dilation * o + stride * (c - 1) + 1, stride)
            for o, c in zip(offset, counts, strict=True)
        )
        parts.append(x[(slice(None), slice(None), *slices)])
    return np.stack(parts, -1)


def _conv(
    x: Array,
    weight: Array,
    bias: Array,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Any:
    """The weight is (out, in / groups, *window)."""
    seen = _windows(_padded(x, padding), weight.shape[2:], stride, dilation)
    rows = weight.reshape(len(weight), weight.shape[1], -1)
    inputs = np.split(seen, groups, 1)
    outputs = [
        np.einsum("nc...k,ock->no...", part, w)
        for part, w in zip(inputs, np.split(rows, groups, 0), strict=True)
    ]
    return np.concatenate(outputs, 1) + bias.reshape(1, -1, *(1,) * (x.ndim - 2))


def _conv_transpose(x: Array, weight: Array, bias: Array, stride: int, padding: int) -> Any:
    """The weight is (in, out, *window): each input element adds its window to the output."""
    size = weight.shape[2:]
    lengths = [(n - 1) * stride + s for n, s in zip(x.shape[2:], size, strict=True)]
    out = np.zeros((len(x), weight.shape[1], *lengths), np.result_type(x, weight))
    for offset in product(*map(range, size)):
        slices = tuple(
            slice(o, o + stride * (n - 1) + 1, stride)
            for o, n in zip(offset, x.shape[2:], strict=True)
        )
        window: Any = (slice(None), slice(None), *offset)
        taken = np.einsum("nc...,co->no...", x, weight[window])
        out[(slice(None), slice(None), *slices)] += taken
    inner = tuple(slice(padding, n - padding) for n in lengths)
    return out[(slice(None), slice(None), *inner)] + bias.reshape(1, -1, *(1,) * (x.ndim - 2))


def _max_pool(x: Array, size: int, stride: int, padding: int = 0) -> Any:
    seen = _windows(_padded(x, padding, -np.inf), (size,) * (x.ndim - 2), stride)
    return m.largest(seen, -1)


def _avg_pool(x: Array, size: int, stride: int) -> Any:
    return _windows(x, (size,) * (x.ndim - 2), stride).mean(-1)


def _adaptive(x: Array, size: int, over: Any) -> Any:
    """Each position has the elements from floor(i n / size) to ceil((i + 1) n / size)."""
    for axis in range(2, x.ndim):
        n = x.shape[axis]
        parts = [
            over(np.take(x, range(i * n // size, -(-(i + 1) * n // size)), axis), axis)
            for i in range(size)
        ]
        x = np.stack(parts, axis)
    return x


def _adaptive_avg(x: Array, size: int) -> Any:
    return _adaptive(x, size, lambda part, axis: part.mean(axis))


def _adaptive_max(x: Array, size: int) -> Any:
    return _adaptive(x, size, m.largest)


def _bilinear(x: Array, scale: int) -> Any:
    """Pixels' centres stand at (i + 0.5) / n; beyond the outermost the outermost."""
    for axis in (2, 3):
        n = x.shape[axis]
        place = np.clip((np.arange(n * scale) + 0.5) / scale - 0.5, 0, n - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, n - 1)
        share = (place - low).reshape(-1, *(1,) * (3 - axis))
        x = np.take(x, low, axis) * (1 - share) + np.take(x, high, axis) * share
    return x


def _conv_case(name: str, kernel: str, builds: dict[str, Build], **settings: int) -> Case:
    return Case(name=name, kernel=kernel, formula=_conv, inputs=builds, settings=settings)


IMAGE = at(1.0, x=(2, 4, 7, 6), weight=(6, 4, 3, 3), bias=(6,))
IN_GROUPS = at(1.0, x=(2, 4, 7, 6), weight=(6, 2, 3, 3), bias=(6,))
POOLED: dict[str, Build] = {
    "N(0, 1)": at(1.0, x=(2, 3, 8, 7)),
    "1e4": at(1e4, x=(2, 3, 8, 7)),
    "1e-30": at(1e-30, x=(2, 3, 8, 7)),
}
TIES: dict[str, Build] = {
    "zeros": at(0.0, x=(1, 2, 6, 6)),
    "whole numbers": lambda random: {"x": random.integers(0, 3, (2, 2, 6, 6)).astype(float)},
}

CASES = [
    _conv_case(
        "conv1d",
        "conv1d",
        {
            "2 x 3 x 9": at(1.0, x=(2, 3, 9), weight=(4, 3, 3), bias=(4,)),
            "1e4": at(1e4, x=(2, 3, 9), weight=(4, 3, 3), bias=(4,)),
        },
        padding=1,
    ),
    _conv_case(
        "conv2d",
        "conv2d",
        {
            "2 x 4 x 7 x 6": IMAGE,
            "one pixel": at(1.0, x=(3, 5, 4, 4), weight=(2, 5, 1, 1), bias=(2,)),
            "16 x 3 x 17 x 17": at(1.0, x=(16, 3, 17, 17), weight=(8, 3, 5, 5), bias=(8,)),
            "1e4": at(1e4, x=(2, 4, 7, 6), weight=(6, 4, 3, 3), bias=(6,)),
            "1e-15": at(1e-15, x=(2, 4, 7, 6), weight=(6, 4, 3, 3), bias=(6,)),
        },
    ),
    _conv_case("conv2d, stride 2, padding 1", "conv2d", {"N(0, 1)": IMAGE}, stride=2, padding=1),
    _conv_case("conv2d, dilation 2", "conv2d", {"N(0, 1)": IMAGE}, padding=2, dilation=2),
    _conv_case("conv2d, two groups", "conv2d", {"N(0, 1)": IN_GROUPS}, padding=1, groups=2),
    _conv_case(
        "conv2d, a group a channel",
        "conv2d",
        {"N(0, 1)": at(1.0, x=(2, 4, 7, 6), weight=(4, 1, 3, 3), bias=(4,))},
        padding=1,
        groups=4,
    ),
    Case(
        name="conv1d_transpose",
        formula=_conv_transpose,
        inputs={"N(0, 1)": at(1.0, x=(2, 3, 5), weight=(3, 4, 3), bias=(4,))},
        settings={"stride": 2, "padding": 1},
    ),
    Case(
        name="conv2d_transpose",
        formula=_conv_transpose,
        inputs={
            "N(0, 1)": at(1.0, x=(2, 4, 5, 3), weight=(4, 3, 4, 4), bias=(3,)),
            "1e4": at(1e4, x=(2, 4, 5, 3), weight=(4, 3, 4, 4), bias=(3,)),
        },
        settings={"stride": 2, "padding": 1},
    ),
    Case(
        name="max_pool1d",
        formula=_max_pool,
        inputs={"N(0, 1)": at(1.0, x=(2, 3, 9))},
        settings={"size": 3, "stride": 2},
    ),
    Case(
        name="max_pool2d",
        formula=_max_pool,
        inputs=POOLED | TIES,
        settings={"size": 2, "stride": 2},
        at_kinks=frozenset(TIES),
    ),
    Case(
        name="max_pool2d, overlapping, padded",
        kernel="max_pool2d",
        formula=_max_pool,
        inputs=POOLED | TIES,
        settings={"size": 3, "stride": 2, "padding": 1},
        at_kinks=frozenset(TIES),
    ),
    Case(
        name="avg_pool2d",
        formula=_avg_pool,
        inputs=POOLED | {"zeros": TIES["zeros"]},
        settings={"size": 3, "stride": 2},
    ),
    Case(
        name="adaptive_avg_pool2d, to 1",
        kernel="adaptive_avg_pool2d",
        formula=_adaptive_avg,
        inputs=POOLED,
        settings={"size": 1},
    ),
    Case(
        name="adaptive_avg_pool2d, to 3",
        kernel="adaptive_avg_pool2d",
        formula=_adaptive_avg,
        inputs=POOLED,
        settings={"size": 3},
    ),
    Case(
        name="adaptive_max_pool2d, to 3",
        kernel="adaptive_max_pool2d",
        formula=_adaptive_max,
        inputs=POOLED,
        settings={"size": 3},
    ),
    Case(
        name="pad, reflected",
        formula=lambda x: np.pad(x, [(0, 0), (0, 0), (2, 2), (2, 2)], mode="reflect"),
        inputs=POOLED,
    ),
    Case(
        name="interpolate, nearest",
        formula=lambda x: x.repeat(2, 2).repeat(2, 3),
        inputs=POOLED,
    ),
    Case(
        name="interpolate, bilinear",
        formula=_bilinear,
        inputs=POOLED,
        settings={"scale": 2},
    ),
]
