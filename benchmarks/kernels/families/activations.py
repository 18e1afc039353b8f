"""Activations and what is applied element by element."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.kernels._case import Array, Build, Case, at
from benchmarks.kernels.families import _math as m

__all__ = ["CASES"]


def _line(low: float, high: float, count: int = 100) -> Build:
    return lambda random: {"x": np.linspace(low, high, count)}


ANYWHERE = {
    "N(0, 1)": at(1.0, x=(3, 5, 7)),
    "-12 to 12": _line(-12, 12),
    "-40 to -4": _line(-40, -4),
    "4 to 40": _line(4, 40),
    "1e4": at(1e4, x=(4, 9)),
    "1e-30": at(1e-30, x=(4, 9)),
    "many": at(3.0, x=(16, 129)),
}
POSITIVE = {
    "0.01 to 12": _line(0.01, 12),
    "1e-30": lambda random: {"x": 1e-30 * random.uniform(1, 2, (4, 9))},
    "1e4": lambda random: {"x": 1e4 * random.uniform(1, 2, (4, 9))},
}
TAILS = {"-12 to 12": 1.0, "-40 to -4": 1.0, "4 to 40": 1.0, "1e4": 1.0}
SATURATED = {"1e4": 1.0, "one huge": 1.0, "0, 100, 1": 1.0}
AT_ZERO: dict[str, Build] = {"zeros": lambda random: {"x": np.zeros((2, 3))}}
ROWS: dict[str, Build] = {
    "N(0, 1)": at(1.0, x=(4, 7)),
    "4 x 30000": at(3.0, x=(4, 30000)),
    "2 x 3 x 12 x 12": at(3.0, x=(2, 3, 12, 12)),
    "one column": at(1.0, x=(5, 1)),
    "all equal": lambda random: {"x": np.full((3, 8), 2.5)},
    "zeros": lambda random: {"x": np.zeros((3, 8))},
    "1e4": at(1e4, x=(6, 5)),
    "around 1e4": lambda random: {"x": 1e4 + 8 * random.standard_normal((6, 5))},
    "one huge": lambda random: {"x": np.eye(5, 6) * 1e4 + random.standard_normal((5, 6))},
    "0, 100, 1": lambda random: {"x": np.array([[0.0, 100.0, 1.0], [-70.0, 20.0, -64.5]])},
    "1e-30": at(1e-30, x=(3, 4)),
}
MASKED = {
    "some -inf": lambda random: {
        "x": random.standard_normal((4, 6)),
        "mask": np.where(np.arange(6) > np.arange(1, 5)[:, None], -np.inf, 0.0),
    },
    "a row of -1e4": lambda random: {
        "x": random.standard_normal((4, 6)),
        "mask": np.where(np.arange(4)[:, None] == 2, -1e4, np.zeros((4, 6))),
    },
    "some -1e9": lambda random: {
        "x": random.standard_normal((4, 6)),
        "mask": np.where(np.arange(6) > np.arange(1, 5)[:, None], -1e9, 0.0),
    },
}


def _gelu(x: Array) -> Any:
    return 0.5 * x * m.erfc(-x / math.sqrt(2))


def _gelu_tanh(x: Array) -> Any:
    """x sigmoid(2 u), which is 0.5 x (1 + tanh u) without cancellation."""
    return x * m.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))


def _undefined(x: Array) -> Any:
    """A row of nothing but -inf has no softmax: 0 / 0."""
    with np.errstate(all="ignore"):
        return m.softmax(x)


def _case(
    name: str, formula: Callable[..., Any], inputs: Mapping[str, Build] = ANYWHERE, **more: Any
) -> Case:
    fields: dict[str, Any] = {"tails": TAILS} | more
    return Case(name=name, formula=formula, inputs=inputs, **fields)


CASES = [
    _case("relu", lambda x: m.maximum(x, 0.0), ANYWHERE | AT_ZERO, at_kinks=frozenset({"zeros"})),
    _case("leaky_relu", lambda x: np.where(x.real > 0, x, 0.01 * x)),
    _case(
        "elu",
        lambda x: np.where(x.real > 0, x, np.expm1(np.where(x.real > 0, 0, x))),
        tails=TAILS | {"1e-30": 1.0},
    ),
    _case("gelu", _gelu, ANYWHERE | AT_ZERO),
    _case("gelu, tanh form", _gelu_tanh, ANYWHERE | AT_ZERO),
    _case("tanh", lambda x: np.tanh(x), ANYWHERE | AT_ZERO),
    _case("sigmoid", m.sigmoid, ANYWHERE | AT_ZERO),
    _case("log_sigmoid", lambda x: -m.softplus(-x), ANYWHERE | AT_ZERO),
    _case("silu", lambda x: x * m.sigmoid(x), ANYWHERE | AT_ZERO),
    _case(
        "swiglu",
        lambda x, gate: gate * m.sigmoid(gate) * x,
        {"N(0, 1)": at(1.0, x=(3, 5), gate=(3, 5)), "100": at(100.0, x=(3, 5), gate=(3, 5))},
    ),
    _case("softplus", m.softplus, ANYWHERE | AT_ZERO),
    _case("hardswish", lambda x: x * m.clipped(x + 3, 0.0, 6.0) / 6),
    _case("hardsigmoid", lambda x: m.clipped(x + 3, 0.0, 6.0) / 6),
    _case("exp", lambda x: np.exp(x), {"N(0, 1)": at(1.0, x=(3, 7)), "-80 to 80": _line(-80, 80)}),
    _case("log", np.log, POSITIVE),
    _case("sqrt", np.sqrt, POSITIVE),
    _case("rsqrt", lambda x: 1 / np.sqrt(x), POSITIVE),
    _case("square", lambda x: x * x, {"N(0, 1)": at(1.0, x=(3, 7)), "1e4": at(1e4, x=(3, 7))}),
    _case("abs", m.absolute, ANYWHERE | AT_ZERO, at_kinks=frozenset({"zeros"})),
    _case(
        "clip",
        lambda x: m.clipped(x, -1.0, 1.0),
        {"N(0, 1)": at(1.0, x=(3, 7)), "1e4": at(1e4, x=(3, 7))},
    ),
    _case("softmax", m.softmax, ROWS, tails=SATURATED),
    _case(
        "softmax, axis 1",
        lambda x: m.softmax(x, 1),
        {"N(0, 1)": at(1.0, x=(2, 5, 3)), "1e4": at(1e4, x=(2, 5, 3))},
        tails=SATURATED,
    ),
    _case(
        "softmax, masked",
        lambda x, mask: m.softmax(x + mask),
        MASKED,
        constants=frozenset({"mask"}),
    ),
    _case(
        "softmax, a row of -inf",
        _undefined,
        {"-inf": lambda random: {"x": np.array([[-np.inf] * 3, [0.0, 1.0, -np.inf]])}},
        kernel="softmax",
        constants=frozenset({"x"}),
    ),
    _case("log_softmax", m.log_softmax, ROWS, tails=SATURATED),
    _case(
        "logsumexp",
        lambda x: x.real.max(-1) + np.log(np.exp(x - x.real.max(-1, keepdims=True)).sum(-1)),
        ROWS,
        tails=SATURATED,
    ),
]
