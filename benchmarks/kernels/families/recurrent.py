"""LSTM and GRU over a sequence, one layer; samples first."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.kernels._case import Array, Build, Case, Inputs
from benchmarks.kernels.families._math import sigmoid

__all__ = ["CASES"]


def _lstm(x: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array) -> Any:
    """Gates in the order input, forget, cell, output."""
    h = c = np.zeros((len(x), weight_hh.shape[1]))
    out = []
    for t in range(x.shape[1]):
        gates = x[:, t] @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh
        i, f, g, o = np.split(gates, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.stack(out, 1)


def _gru(x: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array) -> Any:
    """Gates in the order reset, update, new; the reset gate is applied after the product."""
    h = np.zeros((len(x), weight_hh.shape[1]))
    out = []
    for t in range(x.shape[1]):
        of_x = np.split(x[:, t] @ weight_ih.T + bias_ih, 3, -1)
        of_h = np.split(h @ weight_hh.T + bias_hh, 3, -1)
        r, z = (sigmoid(a + b) for a, b in zip(of_x[:2], of_h[:2], strict=True))
        n = np.tanh(of_x[2] + r * of_h[2])
        h = (1 - z) * n + z * h
        out.append(h)
    return np.stack(out, 1)


def _cell(
    gates: int, inputs: int, size: int, samples: int, length: int, scale: float = 1.0
) -> Build:
    def build(random: np.random.Generator) -> Inputs:
        return {
            "x": scale * random.standard_normal((samples, length, inputs)),
            "weight_ih": 0.5 * random.standard_normal((gates * size, inputs)),
            "weight_hh": 0.5 * random.standard_normal((gates * size, size)),
            "bias_ih": random.standard_normal(gates * size),
            "bias_hh": random.standard_normal(gates * size),
        }

    return build


def _inputs(gates: int) -> dict[str, Build]:
    return {
        "2 x 5 x 3": _cell(gates, 3, 4, 2, 5),
        "3 x 17 x 5": _cell(gates, 5, 7, 3, 17),
        "one step": _cell(gates, 3, 4, 1, 1),
        "zeros": _cell(gates, 3, 4, 2, 5, scale=0.0),
        "100": _cell(gates, 3, 4, 2, 5, scale=100.0),
    }


SATURATED = {"100": 100.0}

CASES = [
    Case(name="LSTM", formula=_lstm, inputs=_inputs(4), tails=SATURATED),
    Case(name="LSTM, dualtrain", formula=_lstm, inputs=_inputs(4), tails=SATURATED),
    Case(name="GRU", formula=_gru, inputs=_inputs(3), tails=SATURATED),
    Case(name="GRU, dualtrain", formula=_gru, inputs=_inputs(3), tails=SATURATED),
]
