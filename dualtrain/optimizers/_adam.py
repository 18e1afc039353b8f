"""Adam, and with decoupled decay."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from dualtrain.fields import Positive
from dualtrain.optimizers._rule import Numbers, UpdateRule, moments
from dualtrain.optimizers._verbs import Arithmetic
from dualtrain.optimizers._words import Betas, LearningRate

__all__ = ["Adam", "AdamW"]

_ARRAYS = ("first_moment", "second_moment", "largest_second_moment")


class Adam(UpdateRule):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2.

    w = w - lr (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps).
    """

    name: Literal["adam"]
    """`torch.optim.Adam`, `paddle.optimizer.Adam`."""
    lr: LearningRate
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    """Added outside the root, after bias correction, in both frameworks."""
    amsgrad: bool = False
    """Whether the largest v so far stands in for v."""

    like_adam: ClassVar[bool] = True

    @property
    def state_arrays(self) -> tuple[str, ...]:
        """m, v and, with amsgrad, the largest v."""
        return _ARRAYS if self.amsgrad else _ARRAYS[:2]

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        return xp.plus_(w, _step(self, state, g, now, xp), -now.lr)


class AdamW(UpdateRule):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2.

    w = w (1 - lr wd) - lr (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps).
    """

    name: Literal["adamw"]
    """`torch.optim.AdamW`, `paddle.optimizer.AdamW`."""
    lr: LearningRate
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    """Added outside the root, after bias correction, in both frameworks."""
    amsgrad: bool = False
    """Whether the largest v so far stands in for v."""

    decoupled: ClassVar[bool] = True
    shrinks: ClassVar[bool] = True

    @property
    def state_arrays(self) -> tuple[str, ...]:
        """m, v and, with amsgrad, the largest v."""
        return _ARRAYS if self.amsgrad else _ARRAYS[:2]

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        step = _step(self, state, g, now, xp)
        return xp.plus_(w * (1 - now.lr * now.decay), step, -now.lr)


def _step(rule: Adam | AdamW, state: dict[str, Any], g: Any, now: Numbers, xp: Arithmetic) -> Any:
    b1, b2 = rule.betas
    m, v = moments(state, rule.betas, g, xp)
    if rule.amsgrad:
        v = state["largest_second_moment"] = xp.maximum_(state["largest_second_moment"], v)
    return (m / (1 - b1**now.k)) / (xp.sqrt(v / (1 - b2**now.k)) + rule.eps)
