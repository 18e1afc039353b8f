"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from dualtrain.fields import Positive
from dualtrain.optimizers._rule import Numbers, State, UpdateRule, moments
from dualtrain.optimizers._verbs import NUMPY, Arithmetic
from dualtrain.optimizers._words import Betas, LearningRate, NonNegative

__all__ = ["NAdam"]


class NAdam(UpdateRule):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, c_k = b1 (1 - 0.5 x 0.96^(k decay)).

    With P_k = c_1 c_2 ... c_k: w = w - lr (g (1 - c_k) / (1 - P_k) + m c_(k+1) / (1 - P_(k+1)))
    / (sqrt(v / (1 - b2^k)) + eps).
    """

    name: Literal["nadam"]
    """`torch.optim.NAdam`, `paddle.optimizer.NAdam` (Paddle 3)."""
    lr: LearningRate
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    """Added outside the root, after bias correction."""
    momentum_decay: NonNegative = 0.004
    """The decay in c_k."""

    like_adam: ClassVar[bool] = True
    state_numbers: ClassVar[tuple[str, ...]] = ("momentum_product",)
    arrays: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment")
    """m and v."""

    def new_state(self, w: Any, *, verbs: Arithmetic = NUMPY) -> State:
        """P begins at 1."""
        return {**super().new_state(w, verbs=verbs), "momentum_product": 1.0}

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        (b1, b2), k = self.betas, now.k
        m, v = moments(state, self.betas, g, xp)
        falling = xp.held("falling", 0.96 ** (k * self.momentum_decay))
        c = b1 * (1 - 0.5 * falling)
        following = b1 * (1 - 0.5 * falling * 0.96**self.momentum_decay)
        product = state["momentum_product"] = c * state["momentum_product"]
        step = g * (1 - c) / (1 - product) + m * following / (1 - product * following)
        return xp.plus_quotient_(
            w, step, xp.add_(xp.sqrt(v / (1 - xp.held("beta2", b2**k))), self.eps), -now.lr
        )
