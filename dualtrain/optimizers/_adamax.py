"""Adamax."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from dualtrain.fields import Positive
from dualtrain.optimizers._rule import Numbers, UpdateRule
from dualtrain.optimizers._verbs import Arithmetic
from dualtrain.optimizers._words import Betas, LearningRate

__all__ = ["Adamax"]


class Adamax(UpdateRule):
    """m = b1 m + (1 - b1) g, u = max(|g|, b2 u + eps), w = w - lr / (1 - b1^k) m / u.

    The eps is where Paddle has it. torch's own takes max(b2 u, |g| + eps), which differs as soon
    as gradients come near eps / (1 - b2); here dualtrain's own computes Paddle's.
    """

    name: Literal["adamax"]
    """`paddle.optimizer.Adamax`; not `torch.optim.Adamax`."""
    lr: LearningRate
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    """Added to u before the maximum: u never falls below eps / (1 - b2) for long."""

    like_adam: ClassVar[bool] = True
    arrays: ClassVar[tuple[str, ...]] = ("first_moment", "largest_gradient")
    """m, and u."""

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        b1, b2 = self.betas
        m = state["first_moment"] = xp.average_(state["first_moment"], b1, g)
        u = xp.add_(xp.multiply_(state["largest_gradient"], b2), self.eps)
        u = state["largest_gradient"] = xp.maximum_(u, xp.abs(g))
        return xp.plus_quotient_(w, m, u, -now.lr / (1 - xp.held("beta1", b1**now.k)))
