"""RAdam: Adam whose second moment acts once it is known well enough."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from dualtrain.fields import Positive
from dualtrain.optimizers._rule import Numbers, UpdateRule, moments
from dualtrain.optimizers._verbs import Arithmetic
from dualtrain.optimizers._words import Betas, LearningRate

__all__ = ["RAdam"]


class RAdam(UpdateRule):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, h = m / (1 - b1^k).

    z = 2 / (1 - b2) - 1 and p = z - 2 k b2^k / (1 - b2^k). Where p > 5: w = w - lr h
    sqrt((p - 4) (p - 2) z / ((z - 4) (z - 2) p)) sqrt(1 - b2^k) / (sqrt(v) + eps);
    before that: w = w - lr h.
    """

    name: Literal["radam"]
    """`torch.optim.RAdam`, `paddle.optimizer.RAdam` (Paddle 3)."""
    lr: LearningRate
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    """Added to sqrt(v), before bias correction."""

    like_adam: ClassVar[bool] = True
    arrays: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment")
    """m and v."""

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        (b1, b2), k = self.betas, now.k
        m, v = moments(state, self.betas, g, xp)
        b1k, b2k = xp.held("beta1", b1**k), xp.held("beta2", b2**k)
        h = m / (1 - b1k)
        z = 2 / (1 - b2) - 1
        p = xp.held("length", z - 2 * k * b2**k / (1 - b2**k), terms=z)
        if p <= 5:
            return xp.plus_(w, h, -now.lr)
        rectified = ((p - 4) * (p - 2) * z / ((z - 4) * (z - 2) * p)) ** 0.5
        step = h * rectified * (1 - b2k) ** 0.5
        return xp.plus_quotient_(w, step, xp.add_(xp.sqrt(v), self.eps), -now.lr)
