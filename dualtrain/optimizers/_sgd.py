"""Gradient descent, and with momentum."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dualtrain.optimizers._rule import Numbers, UpdateRule
from dualtrain.optimizers._verbs import Arithmetic
from dualtrain.optimizers._words import LearningRate

__all__ = ["SGD", "Momentum"]


class SGD(UpdateRule):
    """w = w - lr g."""

    name: Literal["sgd"]
    """`torch.optim.SGD`, `paddle.optimizer.SGD`."""
    lr: LearningRate

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        return xp.plus_(w, g, -now.lr)


class Momentum(UpdateRule):
    """b = momentum b + g, w = w - lr b; with `nesterov` w = w - lr (g + momentum b).

    The gradient enters b whole: what torch calls dampening is 0.
    """

    name: Literal["momentum"]
    """`torch.optim.SGD` with momentum, `paddle.optimizer.Momentum`."""
    lr: LearningRate
    momentum: Annotated[float, Field(gt=0, lt=1)]
    """Share of b that is kept (default 0 in torch's SGD, 0.9 in Paddle's Momentum)."""
    nesterov: bool = False
    """Whether each update looks one step ahead."""

    arrays: ClassVar[tuple[str, ...]] = ("velocity",)
    """b."""

    @property
    def cycled_momentum(self) -> float | None:
        """Its own, at the top of the cycle."""
        return self.momentum

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        momentum = self.momentum if now.momentum is None else now.momentum
        b = state["velocity"] = momentum * state["velocity"] + g
        return xp.plus_(w, xp.plus(g, b, momentum) if self.nesterov else b, -now.lr)
