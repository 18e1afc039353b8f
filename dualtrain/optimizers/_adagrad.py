"""Adagrad, which adds all squares up, and Adadelta, which averages them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from dualtrain.fields import Positive
from dualtrain.optimizers._rule import Numbers, State, UpdateRule
from dualtrain.optimizers._verbs import NUMPY, Arithmetic
from dualtrain.optimizers._words import Decay, LearningRate, NonNegative

__all__ = ["Adadelta", "Adagrad"]


class Adagrad(UpdateRule):
    """s = s + g^2, w = w - lr g / (sqrt(s) + eps)."""

    name: Literal["adagrad"]
    """`torch.optim.Adagrad` without its lr_decay, `paddle.optimizer.Adagrad`."""
    lr: LearningRate
    eps: Positive
    """Added outside the root (default 1e-10 in torch, 1e-6 in Paddle)."""
    initial_accumulator: NonNegative = 0.0
    """What s starts at."""

    arrays: ClassVar[tuple[str, ...]] = ("sum_of_squares",)
    """s."""

    def new_state(self, w: Any, *, verbs: Arithmetic = NUMPY) -> State:
        """s begins at `initial_accumulator`."""
        return {"step": 0, "sum_of_squares": verbs.add_(verbs.zeros(w), self.initial_accumulator)}

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        s = state["sum_of_squares"] = state["sum_of_squares"] + g * g
        return xp.plus_quotient_(w, g, xp.add_(xp.sqrt(s), self.eps), -now.lr)


class Adadelta(UpdateRule):
    """v = rho v + (1 - rho) g^2, d = g sqrt(a + eps) / sqrt(v + eps).

    a = rho a + (1 - rho) d^2, w = w - lr d.
    """

    name: Literal["adadelta"]
    """`torch.optim.Adadelta`, `paddle.optimizer.Adadelta`."""
    lr: LearningRate
    rho: Decay
    """Decay rate of both averages (default 0.9 in torch, 0.95 in Paddle)."""
    eps: Positive = 1e-6
    """Added inside both roots."""

    arrays: ClassVar[tuple[str, ...]] = ("second_moment", "second_moment_of_updates")
    """v, and a."""

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        v = state["second_moment"] = xp.average_(state["second_moment"], self.rho, g * g)
        a = state["second_moment_of_updates"]
        d = g * xp.sqrt_(xp.add(a, self.eps)) / xp.sqrt_(xp.add(v, self.eps))
        state["second_moment_of_updates"] = xp.average_(a, self.rho, d * d)
        return xp.plus_(w, d, -now.lr)
