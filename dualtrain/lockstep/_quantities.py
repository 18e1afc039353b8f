"""What of a pass is compared, and how far two of a kind are apart, relatively."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dualtrain.lockstep._fused import by_part
from dualtrain.lockstep._record import Pass
from dualtrain.state import Arrays

__all__ = [
    "ZERO",
    "Kind",
    "Quantities",
    "Quantity",
    "distance",
    "quantities",
    "share",
    "whole",
    "zeros",
]

Kind = Literal["gradient", "loss", "statistic"]

Doubles = NDArray[np.float64]

ZERO = 1e-13
"""A gradient below this share of the whole one is 0 but for rounding, in float64: key biases and
biases before batch norm, measured 3e-18 to 1.4e-15. So is a distance."""

LEAST_LOSS = 1e-3
"""A loss below this is measured as if it were this: a cross-entropy is a difference of logits near
1, whose rounding stays however small it becomes."""


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """One gradient, the loss of one micro-batch, or one running statistic."""

    kind: Kind
    tensor: str
    """The canonical name; empty of a loss."""
    values: Doubles
    size: Doubles
    """What a distance is relative to: one number, which says how large the whole tensor is, or one
    for each element."""

    @property
    def finite(self) -> bool:
        """Whether all its numbers are."""
        return bool(np.isfinite(self.values).all())


Quantities = Mapping[str, Quantity]


def quantities(made: Pass) -> Quantities:
    """All of a pass, by name: canonical ones, fused biases in parts, `loss of micro-batch 0` ..."""
    return {
        **{name: _gradient(name, array) for name, array in by_part(made.gradients).items()},
        **{f"loss of micro-batch {i}": _loss(loss) for i, loss in enumerate(made.losses)},
        **dict(_statistics(made.statistics)),
    }


def distance(x: Quantity, y: Quantity) -> float:
    """|x - y| over the larger of both: of a gradient by norms, of a statistic the worst element's.

    inf between shapes that differ and where a number is none.
    """
    if x.values.shape != y.values.shape or not (x.finite and y.finite):
        return math.inf
    size = np.maximum(x.size, y.size)
    apart = np.abs(x.values - y.values) if size.ndim else _norm(x.values - y.values)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(apart == 0, 0.0, apart / size)
    return float(ratios.max(initial=0.0))


def whole(held: Quantities) -> float:
    """The norm of all gradients together."""
    return math.hypot(*(float(q.size) for q in held.values() if q.kind == "gradient"))


def zeros(*passes: Quantities) -> frozenset[str]:
    """The gradients that are 0 but for rounding in each of these passes in float64."""
    found = [
        {n for n, q in held.items() if q.kind == "gradient" and q.size <= ZERO * whole(held)}
        for held in passes
    ]
    return frozenset(set.intersection(*found)) if found else frozenset()


def share(name: str, a: Quantities, b: Quantities, nothing: frozenset[str]) -> float:
    """What a distance relative to a tensor is multiplied with: 1; of a gradient that is 0 but for
    rounding, the tensor's share of the whole gradient."""
    if name not in nothing:
        return 1.0
    return float(max(a[name].size, b[name].size)) / (max(whole(a), whole(b)) or 1.0)


def _gradient(name: str, array: NDArray[Any]) -> Quantity:
    values = array.astype(np.float64)
    return Quantity(kind="gradient", tensor=name, values=values, size=_norm(values))


def _loss(loss: float) -> Quantity:
    size = np.asarray(max(abs(loss), LEAST_LOSS), np.float64)
    return Quantity(kind="loss", tensor="", values=np.array([loss], np.float64), size=size)


_MEAN, _VARIANCE = "running_mean", "running_var"


def _statistics(arrays: Arrays) -> Iterator[tuple[str, Quantity]]:
    """A mean is known up to the deviation of what it is the mean of."""
    for name, array in arrays.items():
        values = array.astype(np.float64)
        size = np.abs(values)
        if name.endswith(_MEAN):
            variance = arrays.get(name.removesuffix(_MEAN) + _VARIANCE)
            if variance is not None and variance.shape == array.shape:
                size = size + np.sqrt(np.maximum(variance.astype(np.float64), 0.0))
        yield name, Quantity(kind="statistic", tensor=name, values=values, size=size)


def _norm(values: Doubles) -> Doubles:
    return np.asarray(np.linalg.norm(values.ravel()), np.float64)
