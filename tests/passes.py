"""Real passes of a small net in plain numpy, for the judge of gradients: no framework, no rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.lockstep import Led, Move, Pass, Shown, explore
from dualtrain.state import LossScaleState, RunState, TensorState

__all__ = ["Net", "initial", "led", "shown"]

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Net:
    """Linear, batch norm, ReLU, Linear, cross-entropy; the first bias has no gradient but noise."""

    x: NDArray[np.float32]
    labels: NDArray[np.int64]
    order: NDArray[np.int64]
    """In which the samples are added up."""
    kept: NDArray[np.float64]
    """The weight of each sample in the gradient."""
    smoothing: float = 0.0
    eps: float = 1e-5

    @classmethod
    def of(cls, seed: int, *, samples: int = 32, width: int = 8) -> Net:
        random = np.random.default_rng(seed)
        return cls(
            x=random.standard_normal((samples, width)).astype(np.float32),
            labels=random.integers(0, 3, samples),
            order=np.arange(samples),
            kept=np.ones(samples),
        )

    def reordered(self, seed: int = 1) -> Net:
        """The same sums in another order: another framework."""
        return replace(self, order=np.random.default_rng(seed).permutation(len(self.x)))

    def with_unit_at_zero(self, weights: Weights, unit: int, sample: int) -> Weights:
        """With the bias that takes a unit, at a sample, to where the ReLU switches."""
        linear = self.x.astype(np.float64) @ weights["first.weight"].T + weights["first.bias"]
        normal = (linear - linear.mean(0)) / np.sqrt(linear.var(0) + self.eps)
        bias = weights["norm.bias"].copy()
        bias[unit] = -normal[sample, unit] * weights["norm.weight"][unit]
        return {**weights, "norm.bias": bias}

    def passed(self, weights: Weights, dtype: Any = np.float32) -> Pass:
        """Forward and backward, every number in one type."""
        w = {name: array.astype(dtype) for name, array in weights.items()}
        x, labels = self.x[self.order].astype(dtype), self.labels[self.order]
        count = dtype(len(x))
        linear = x @ w["first.weight"].T + w["first.bias"]
        mean = linear.mean(0)
        variance = ((linear - mean) ** 2).mean(0)
        scale = 1 / np.sqrt(variance + dtype(self.eps))
        normal = (linear - mean) * scale
        active = normal * w["norm.weight"] + w["norm.bias"]
        hidden = np.maximum(active, 0)
        logits = hidden @ w["second.weight"].T + w["second.bias"]
        shifted = logits - logits.max(1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        target = np.full_like(logs, dtype(self.smoothing) / dtype(3))
        target[np.arange(len(x)), labels] += dtype(1) - dtype(self.smoothing)
        loss = -(target * logs).sum()
        slope = (np.exp(logs) - target) / count * self.kept[self.order].astype(dtype)[:, None]
        back = (slope @ w["second.weight"]) * (active > 0)
        normed = back * w["norm.weight"]
        middle = normed.mean(0) + normal * (normed * normal).mean(0)
        inner = (normed - middle) * scale
        return Pass(
            gradients={
                "first.weight": inner.T @ x,
                "first.bias": inner.sum(0),
                "norm.weight": (back * normal).sum(0),
                "norm.bias": back.sum(0),
                "second.weight": slope.T @ hidden,
                "second.bias": slope.sum(0),
            },
            losses=(float(loss),),
            statistics={
                "norm.running_mean": dtype(0.1) * mean,
                "norm.running_var": dtype(0.9) + dtype(0.1) * variance,
            },
        )


def initial(seed: int, width: int = 8) -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    shapes = {"first.weight": (16, width), "first.bias": (16,), "norm.weight": (16,)}
    shapes |= {"norm.bias": (16,), "second.weight": (3, 16), "second.bias": (3,)}
    return {n: random.standard_normal(s).astype(np.float32) for n, s in shapes.items()}


def nudged(weights: Weights, seed: int, ulps: int) -> Weights:
    """Every weight moved by -ulps to ulps ULP, at random."""
    random = np.random.default_rng([7, seed])
    return {
        name: array + np.spacing(array) * random.integers(-ulps, ulps, array.shape, endpoint=True)
        for name, array in weights.items()
    }


Change = Callable[[Pass], Pass]


def shown(
    net: Net,
    weights: Weights,
    leading: Pass,
    *,
    single: Change = lambda made: made,
    wide: bool = True,
    **said: Any,
) -> Shown:
    """What a side shows of its pass; single: what a fault of its float32 kernels makes of it."""
    own = single(net.passed(weights))
    double = net.passed(weights, np.float64) if wide else None
    nudges, reached = explore(
        own,
        double,
        leading,
        lambda seed, ulps: single(net.passed(nudged(weights, seed, ulps))),
    )
    state = led(weights, own).before
    move = Move(
        before=state,
        handed=leading.gradients,
        lr=0.1,
        momentum=None,
        skipped=False,
        norm=None,
        clipped={},
        scalars={},
        after=state,
    )
    facts: dict[str, Any] = {"attempt": 0, "batches": ("0",), "moved": move, "probe": move} | said
    return Shown(passed=own, wide=double, nudges=nudges, reached=reached, **facts)


def led(weights: Weights, passed: Pass, *, scale: float | None = None) -> Led:
    """The update as the leading side left it; its rule moves nothing."""
    state = RunState(
        backend="numpy",
        rule="sgd",
        t=0,
        attempts=0,
        skipped=0,
        epoch=0,
        micro_batch=0,
        tensors=TensorState(weights=weights),
        loss_scale=None if scale is None else LossScaleState(scale=scale, good=0, bad=0),
    )
    return Led(attempt=0, batches=("0",), before=state, passed=passed, after=state)
