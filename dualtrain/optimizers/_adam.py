"""Adam, and with decoupled decay."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from dualtrain.fields import Positive
from dualtrain.optimizers._rule import DecayKind, Numbers, UpdateRule, moments
from dualtrain.optimizers._verbs import Arithmetic
from dualtrain.optimizers._words import Betas, LearningRate

__all__ = ["Adam", "AdamW"]


class _Adam(UpdateRule):
    """Base of both: their words, and the step before the rate."""

    name: Any
    lr: LearningRate
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    """Added outside the root, after bias correction, in both frameworks."""
    amsgrad: bool = False
    """Whether the largest v so far stands in for v."""

    arrays: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment", "largest_second_moment")
    """m, v and, with amsgrad, the largest v."""

    @property
    def state_arrays(self) -> tuple[str, ...]:
        """The largest v only with amsgrad."""
        return self.arrays if self.amsgrad else self.arrays[:2]

    def _step(self, state: dict[str, Any], g: Any, now: Numbers, xp: Arithmetic) -> Any:
        b1, b2 = self.betas
        m, v = moments(state, self.betas, g, xp)
        if self.amsgrad:
            v = state["largest_second_moment"] = xp.maximum_(state["largest_second_moment"], v)
        b1k, b2k = xp.held("beta1", b1**now.k), xp.held("beta2", b2**now.k)
        return (m / (1 - b1k)) / xp.add_(xp.sqrt(v / (1 - b2k)), self.eps)


class Adam(_Adam):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2.

    w = w - lr (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps).
    """

    name: Literal["adam"]
    """`torch.optim.Adam`, `paddle.optimizer.Adam`."""

    like_adam: ClassVar[bool] = True
    decay_kinds: ClassVar[tuple[DecayKind, ...]] = ("coupled",)
    coupled_since: ClassVar[str] = "with decoupled decay it is adamw"

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        return xp.plus_(w, self._step(state, g, now, xp), -now.lr)


class AdamW(_Adam):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2.

    w = w (1 - lr wd) - lr (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps).
    """

    name: Literal["adamw"]
    """`torch.optim.AdamW`, `paddle.optimizer.AdamW`."""

    decay_kinds: ClassVar[tuple[DecayKind, ...]] = ("decoupled",)

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        step = self._step(state, g, now, xp)
        return xp.plus_(w * (1 - now.lr * now.decay), step, -now.lr)
