"""The same recorded gradients into an optimizer of torch and of Paddle: how far the weights part.

In float64 with hyperparameters rounded to float32 this is the sharpest test of a formula there is:
Paddle's kernels take their hyperparameters as float32 in float64 too, and but for that the two
differ by the order of the arithmetic alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import paddle
import torch
from numpy.typing import NDArray

import dualtrain_paddle
import dualtrain_torch
from dualtrain import Spec, build_optimizer
from dualtrain.plan import Plan

__all__ = ["BARS", "CASES", "WIDER", "Distance", "distance", "spec_of"]

Dtype = Literal["float32", "float64"]
Arrays = dict[str, NDArray[Any]]

COUPLED = {"value": 0.1, "kind": "coupled", "exclude": ["bias"]}
DECOUPLED = {"value": 0.1, "exclude": ["bias"]}
APART = {**DECOUPLED, "kind": "decoupled"}
"""Beside a rule that does not say itself what decay does."""
MOMENTUM = {"name": "momentum", "lr": 1e-3, "momentum": 0.9}
LARS = {"name": "lars", "lr": 0.1, "momentum": 0.9}
ADAMAX = {"name": "adamax", "lr": 1e-3}
OLD_ADAMW = {"name": "adamw_transformers", "lr": 1e-3, "eps": 1e-6}
RMSPROP = {"name": "rmsprop", "lr": 1e-3, "rho": 0.95, "eps": 1e-6}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "sgd": ({"name": "sgd", "lr": 1e-2}, None),
    "sgd, decay": ({"name": "sgd", "lr": 1e-2}, COUPLED),
    "momentum": (MOMENTUM, None),
    "momentum, nesterov, decay": ({**MOMENTUM, "nesterov": True}, COUPLED),
    "momentum, decay apart": (MOMENTUM, APART),
    "adam": ({"name": "adam", "lr": 1e-3}, None),
    "adam, decay": ({"name": "adam", "lr": 1e-3}, COUPLED),
    "adam, amsgrad": ({"name": "adam", "lr": 1e-3, "amsgrad": True}, None),
    "adamw": ({"name": "adamw", "lr": 1e-3}, None),
    "adamw, decay": ({"name": "adamw", "lr": 1e-3}, DECOUPLED),
    "adamw, amsgrad, decay": ({"name": "adamw", "lr": 1e-3, "amsgrad": True}, DECOUPLED),
    "adamw_transformers": (OLD_ADAMW, None),
    "adamw_transformers, decay": ({**OLD_ADAMW, "correct_bias": False}, DECOUPLED),
    "lamb": ({"name": "lamb", "lr": 1e-3, "eps": 1e-6}, None),
    "lamb, decay": ({"name": "lamb", "lr": 1e-3, "eps": 1e-6}, DECOUPLED),
    "lars": (LARS, None),
    "lars, decay": (LARS, {"value": 0.1}),
    "adagrad": ({"name": "adagrad", "lr": 1e-2, "eps": 1e-6}, None),
    "adagrad, decay": ({"name": "adagrad", "lr": 1e-2, "eps": 1e-10}, COUPLED),
    "adadelta": ({"name": "adadelta", "lr": 1.0, "rho": 0.95}, None),
    "adadelta, decay": ({"name": "adadelta", "lr": 1.0, "rho": 0.95}, COUPLED),
    "adamax": (ADAMAX, None),
    "adamax, decay": (ADAMAX, COUPLED),
    "nadam": ({"name": "nadam", "lr": 1e-3}, None),
    "nadam, decay": ({"name": "nadam", "lr": 1e-3}, COUPLED),
    "nadam, decay apart": ({"name": "nadam", "lr": 1e-3}, APART),
    "radam": ({"name": "radam", "lr": 1e-3}, None),
    "radam, decay": ({"name": "radam", "lr": 1e-3}, COUPLED),
    "rmsprop": (RMSPROP, None),
    "rmsprop, momentum, decay": ({**RMSPROP, "momentum": 0.9}, COUPLED),
    "rmsprop, momentum, decay apart": ({**RMSPROP, "momentum": 0.9}, APART),
    "rmsprop, centered": ({**RMSPROP, "centered": True}, None),
    "rmsprop_torch": ({**RMSPROP, "name": "rmsprop_torch"}, None),
    "rmsprop_torch, momentum": ({**RMSPROP, "name": "rmsprop_torch", "momentum": 0.9}, None),
    "rprop": ({"name": "rprop", "lr": 1e-3, "step_sizes": [1e-6, 0.01]}, None),
}
"""Name -> optimizer and weight decay, with the numbers of real recipes."""

BARS: dict[Dtype, float] = {"float32": 1e-5, "float64": 1e-13}
"""What rounding may come to: the bar of `dualtrain.parity`, and some hundred float64 ULPs."""

WIDER: dict[tuple[str, Dtype], tuple[float, str]] = {
    (case, "float64"): (1e-7, "torch keeps c_1 c_2 ... c_k in float32, in float64 too")
    for case in ("nadam", "nadam, decay", "nadam, decay apart")
}
"""A wider bar, and why. With torch's default dtype set to float64 none is needed (7e-15)."""


@dataclass(frozen=True)
class Distance:
    """How far apart the two sides are after the last update."""

    relative: float
    """max |paddle - torch| / max |torch - initial|, over all elements."""
    equal: float
    """Share of the elements that are equal to the last bit."""


def spec_of(case: str, updates: int, *, rounded: bool = False) -> Spec:
    """rounded: every number but the rate as float32 holds it."""
    optimizer, decay = CASES[case]
    constant = optimizer["name"] == "rprop"
    parts: dict[str, Any] = {
        "optimizer": optimizer,
        "schedule": {"name": "constant"} if constant else {"name": "cosine", "half_waves": 1},
        "duration": {"updates": updates},
        "weight_decay": decay,
    }
    if not rounded:
        return Spec(**parts)
    whole = Spec(**parts).model_dump(mode="json")
    for part in ("optimizer", "weight_decay"):
        whole[part] = _rounded(whole[part])
    whole["optimizer"]["lr"] = optimizer["lr"]
    return Spec(**whole)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return float(np.float32(value)) if isinstance(value, float) else value


def initial() -> Arrays:
    """Weights of the size that models have: 0.02."""
    random = np.random.RandomState(0)
    return {
        "weight": random.randn(32, 32).astype(np.float32) * np.float32(0.02),
        "bias": random.randn(32).astype(np.float32) * np.float32(0.02),
    }


def gradients(updates: int) -> Iterator[Arrays]:
    """Each element's of its own size, from 1e-8 to 1; a tenth of them 0 at each update."""
    random = np.random.RandomState(1)
    sizes = {name: 10.0 ** random.uniform(-8, 0, w.shape) for name, w in initial().items()}
    for _ in range(updates):
        yield {
            name: (random.randn(*size.shape) * size * (random.rand(*size.shape) > 0.1)).astype(
                np.float32
            )
            for name, size in sizes.items()
        }


def distance(
    case: str, dtype: Dtype, updates: int, *, instead: Callable[[Spec, Any], Any] | None = None
) -> Distance:
    """Torch against Paddle; in float64 with rounded hyperparameters.

    instead: makes the torch side's optimizer, from the spec and the model.
    """
    spec = spec_of(case, updates, rounded=dtype == "float64")
    a = _after(_Torch, spec, dtype, updates, instead or build_optimizer)
    b = _after(_Paddle, spec, dtype, updates, build_optimizer)
    moved = max(float(np.abs(a[name] - w.astype(dtype)).max()) for name, w in initial().items())
    apart = max(float(np.abs(a[name] - b[name]).max()) for name in a)
    equal = sum(int(np.sum(a[name] == b[name])) for name in a) / sum(w.size for w in a.values())
    return Distance(relative=apart / moved, equal=equal)


def _after(side: Any, spec: Spec, dtype: Dtype, updates: int, build: Any) -> Arrays:
    """The weights after so many updates, driven by the spec's schedule."""
    model = side.model(dtype)
    optimizer = build(spec, model)
    schedule = side.backend.build_schedule(Plan.of(spec, micro_batches_per_epoch=1), optimizer)
    for gradient in gradients(updates):
        side.give(model, gradient, dtype)
        optimizer.step()
        schedule.step()
    ends: Arrays = side.weights(model)
    return ends


class _Torch:
    backend = dualtrain_torch

    @staticmethod
    def model(dtype: Dtype) -> Any:
        model = dualtrain_torch.build_linear(32, 32)
        dualtrain_torch.load_weights(model, initial())
        return model.to(getattr(torch, dtype))

    @staticmethod
    def give(model: Any, gradient: Arrays, dtype: Dtype) -> None:
        for name, parameter in model.named_parameters():
            parameter.grad = torch.tensor(gradient[name].astype(dtype))

    @staticmethod
    def weights(model: Any) -> Arrays:
        return {name: p.detach().numpy() for name, p in model.named_parameters()}


class _Paddle:
    backend = dualtrain_paddle

    @staticmethod
    def model(dtype: Dtype) -> Any:
        model = dualtrain_paddle.build_linear(32, 32)
        dualtrain_paddle.load_weights(model, initial())
        return model.to(dtype=dtype)

    @staticmethod
    def give(model: Any, gradient: Arrays, dtype: Dtype) -> None:
        for name, parameter in model.named_parameters():
            parameter.grad = paddle.to_tensor(gradient[name].T.astype(dtype))

    @staticmethod
    def weights(model: Any) -> Arrays:
        return {name: p.numpy().T for name, p in model.named_parameters()}
