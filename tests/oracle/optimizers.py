"""Every update rule, word for word from the docstrings of `dualtrain.spec`, in float64 numpy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DECOUPLED", "Reference"]

Array = NDArray[np.float64]

DECOUPLED = ("adamw", "lamb")
"""Rules in which decay acts on the weight; in all others it is added to the gradient."""


class Reference:
    """One parameter and its optimizer state; `update` gives the weight after the next update."""

    def __init__(self, optimizer: Mapping[str, Any], w: NDArray[Any], decay: float = 0.0) -> None:
        self.optimizer = optimizer
        self.w: Array = w.astype(np.float64)
        self.decay = decay
        self.k = 0
        self.state: dict[str, Any] = defaultdict(lambda: np.zeros_like(self.w))

    def update(self, g: NDArray[Any], lr: float, *, momentum: float | None = None) -> Array:
        """g: the gradient. lr: the rate, with the parameter's multiplier. momentum: if cycled."""
        self.k += 1
        gradient = g.astype(np.float64)
        if self.optimizer["name"] not in DECOUPLED:
            gradient = gradient + self.decay * self.w
        settings = dict(self.optimizer)
        if momentum is not None:
            settings["momentum"] = momentum
        self.w = self._rule(settings, gradient, lr)
        return self.w

    def _rule(self, o: dict[str, Any], g: Array, lr: float) -> Any:
        w, wd, k, state = self.w, self.decay, self.k, self.state
        match o["name"]:
            case "sgd":
                return w - lr * g
            case "momentum":
                b = state["b"] = o["momentum"] * state["b"] + g
                return w - lr * (g + o["momentum"] * b if o["nesterov"] else b)
            case "adam" | "adamw":
                m, v = self._moments(g, o["betas"])
                if o["amsgrad"]:
                    v = state["largest"] = np.maximum(state["largest"], v)
                b1, b2 = o["betas"]
                step = m / (1 - b1**k) / (np.sqrt(v / (1 - b2**k)) + o["eps"])
                return (w * (1 - lr * wd) if o["name"] == "adamw" else w) - lr * step
            case "lamb":
                m, v = self._moments(g, o["betas"])
                b1, b2 = o["betas"]
                r = m / (1 - b1**k) / (np.sqrt(v / (1 - b2**k)) + o["eps"])
                r = r + wd * w
                norms = np.linalg.norm(w), np.linalg.norm(r)
                return w - lr * (norms[0] / norms[1] if wd and all(norms) else 1.0) * r
            case "adagrad":
                if k == 1:
                    state["s"] = np.full_like(w, o["initial_accumulator"])
                state["s"] = state["s"] + g**2
                return w - lr * g / (np.sqrt(state["s"]) + o["eps"])
            case "adadelta":
                rho, eps = o["rho"], o["eps"]
                v = state["v"] = rho * state["v"] + (1 - rho) * g**2
                d = g * np.sqrt(state["a"] + eps) / np.sqrt(v + eps)
                state["a"] = rho * state["a"] + (1 - rho) * d**2
                return w - lr * d
            case "adamax":
                m, _ = self._moments(g, o["betas"])
                b1, b2 = o["betas"]
                u = state["u"] = np.maximum(np.abs(g), b2 * state["u"] + o["eps"])
                return w - lr / (1 - b1**k) * m / u
            case "nadam":
                m, v = self._moments(g, o["betas"])
                b1, b2 = o["betas"]
                c = [b1 * (1 - 0.5 * 0.96 ** (i * o["momentum_decay"])) for i in (k, k + 1)]
                product = state["product"] = c[0] * (state["product"] if k > 1 else 1.0)
                step = g * (1 - c[0]) / (1 - product) + m * c[1] / (1 - product * c[1])
                return w - lr * step / (np.sqrt(v / (1 - b2**k)) + o["eps"])
            case "radam":
                m, v = self._moments(g, o["betas"])
                b1, b2 = o["betas"]
                h = m / (1 - b1**k)
                z = 2 / (1 - b2) - 1
                p = z - 2 * k * b2**k / (1 - b2**k)
                if p <= 5:
                    return w - lr * h
                rectified = np.sqrt((p - 4) * (p - 2) * z / ((z - 4) * (z - 2) * p))
                return w - lr * h * rectified * np.sqrt(1 - b2**k) / (np.sqrt(v) + o["eps"])
            case "rmsprop":
                rho = o["rho"]
                v = state["v"] = rho * state["v"] + (1 - rho) * g**2
                if o["centered"]:
                    state["a"] = rho * state["a"] + (1 - rho) * g
                    v = v - state["a"] ** 2
                state["b"] = o["momentum"] * state["b"] + lr * g / np.sqrt(v + o["eps"])
                return w - state["b"]
            case "rprop":
                etas, sizes = o["etas"], o["step_sizes"]
                size = state["size"] if k > 1 else np.full_like(w, lr)
                sign = np.sign(g * state["last"])
                size = np.where(sign > 0, np.minimum(size * etas[1], sizes[1]), size)
                size = np.where(sign < 0, np.maximum(size * etas[0], sizes[0]), size)
                g = np.where(sign < 0, 0.0, g)
                state["size"], state["last"] = size, g
                return w - size * np.sign(g)
            case other:
                raise AssertionError(f"no rule for {other!r}")

    def _moments(self, g: Array, betas: tuple[float, float]) -> tuple[Array, Array]:
        m = betas[0] * self.state["m"] + (1 - betas[0]) * g
        v = betas[1] * self.state["v"] + (1 - betas[1]) * g**2
        self.state.update(m=m, v=v)
        return m, v
