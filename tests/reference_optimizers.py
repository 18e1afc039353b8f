"""Every update rule of `dualtrain.spec`, word for word from its docstring, in float64 numpy."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain import spec as s

__all__ = ["Reference"]

Array = NDArray[np.float64]


class Reference:
    """One parameter and its optimizer state; `update` gives the weight after the next update."""

    def __init__(self, optimizer: s.Optimizer, w: NDArray[Any], decay: float = 0.0) -> None:
        self.optimizer = optimizer
        self.w: Array = w.astype(np.float64)
        self.decay = decay
        self.k = 0
        self.state: dict[str, Any] = defaultdict(lambda: np.zeros_like(self.w))

    def update(self, g: NDArray[Any], lr: float) -> Array:
        """g: the gradient. lr: the rate, with the parameter's multiplier."""
        self.k += 1
        gradient = g.astype(np.float64)
        if not isinstance(self.optimizer, (s.AdamW, s.Lamb)):
            gradient = gradient + self.decay * self.w
        self.w = self._rule(gradient, lr)
        return self.w

    def _rule(self, g: Array, lr: float) -> Any:
        o, w, wd, k, state = self.optimizer, self.w, self.decay, self.k, self.state
        match o:
            case s.SGD():
                return w - lr * g
            case s.Momentum():
                b = state["b"] = o.momentum * state["b"] + g
                return w - lr * (g + o.momentum * b if o.nesterov else b)
            case s.Adam() | s.AdamW():
                m, v = self._moments(g, o.betas)
                if o.amsgrad:
                    v = state["largest"] = np.maximum(state["largest"], v)
                step = m / (1 - o.betas[0] ** k) / (np.sqrt(v / (1 - o.betas[1] ** k)) + o.eps)
                return (w * (1 - lr * wd) if isinstance(o, s.AdamW) else w) - lr * step
            case s.Lamb():
                m, v = self._moments(g, o.betas)
                r = m / (1 - o.betas[0] ** k) / (np.sqrt(v / (1 - o.betas[1] ** k)) + o.eps)
                r = r + wd * w
                norms = np.linalg.norm(w), np.linalg.norm(r)
                return w - lr * (norms[0] / norms[1] if wd and all(norms) else 1.0) * r
            case s.Adagrad():
                if k == 1:
                    state["s"] = np.full_like(w, o.initial_accumulator)
                state["s"] = state["s"] + g**2
                return w - lr * g / (np.sqrt(state["s"]) + o.eps)
            case s.Adadelta():
                v = state["v"] = o.rho * state["v"] + (1 - o.rho) * g**2
                d = g * np.sqrt(state["a"] + o.eps) / np.sqrt(v + o.eps)
                state["a"] = o.rho * state["a"] + (1 - o.rho) * d**2
                return w - lr * d
            case s.Adamax():
                m, _ = self._moments(g, o.betas)
                u = state["u"] = np.maximum(np.abs(g), o.betas[1] * state["u"] + o.eps)
                return w - lr / (1 - o.betas[0] ** k) * m / u
            case s.NAdam():
                m, v = self._moments(g, o.betas)
                c = [o.betas[0] * (1 - 0.5 * 0.96 ** (i * o.momentum_decay)) for i in (k, k + 1)]
                product = state["product"] = c[0] * (state["product"] if k > 1 else 1.0)
                step = g * (1 - c[0]) / (1 - product) + m * c[1] / (1 - product * c[1])
                return w - lr * step / (np.sqrt(v / (1 - o.betas[1] ** k)) + o.eps)
            case s.RAdam():
                m, v = self._moments(g, o.betas)
                h, b2 = m / (1 - o.betas[0] ** k), o.betas[1]
                z = 2 / (1 - b2) - 1
                p = z - 2 * k * b2**k / (1 - b2**k)
                if p <= 5:
                    return w - lr * h
                rectified = np.sqrt((p - 4) * (p - 2) * z / ((z - 4) * (z - 2) * p))
                return w - lr * h * rectified * np.sqrt(1 - b2**k) / (np.sqrt(v) + o.eps)
            case s.RMSProp():
                v = state["v"] = o.rho * state["v"] + (1 - o.rho) * g**2
                if o.centered:
                    state["a"] = o.rho * state["a"] + (1 - o.rho) * g
                    v = v - state["a"] ** 2
                state["b"] = o.momentum * state["b"] + lr * g / np.sqrt(v + o.eps)
                return w - state["b"]
            case s.Rprop():
                size = state["size"] if k > 1 else np.full_like(w, lr)
                sign = np.sign(g * state["last"])
                size = np.where(sign > 0, np.minimum(size * o.etas[1], o.step_sizes[1]), size)
                size = np.where(sign < 0, np.maximum(size * o.etas[0], o.step_sizes[0]), size)
                g = np.where(sign < 0, 0.0, g)
                state["size"], state["last"] = size, g
                return w - size * np.sign(g)

    def _moments(self, g: Array, betas: tuple[float, float]) -> tuple[Array, Array]:
        m = betas[0] * self.state["m"] + (1 - betas[0]) * g
        v = betas[1] * self.state["v"] + (1 - betas[1]) * g**2
        self.state.update(m=m, v=v)
        return m, v
