"""LAMB."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from dualtrain.fields import Positive
from dualtrain.optimizers._rule import DecayKind, Numbers, UpdateRule, moments
from dualtrain.optimizers._verbs import Arithmetic
from dualtrain.optimizers._words import Betas, LearningRate

__all__ = ["Lamb"]


class Lamb(UpdateRule):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2.

    r = (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps) + wd w and w = w - lr q r, where the trust
    ratio q is |w| / |r|, the norms taken over the parameter's tensor; 1 where either norm is 0,
    and 1 for a parameter that does not decay: Paddle's rule, which other LAMBs do not share.
    """

    name: Literal["lamb"]
    """`paddle.optimizer.Lamb`; torch has none, dualtrain's own computes the same."""
    lr: LearningRate
    betas: Betas = (0.9, 0.999)
    eps: Positive
    """Added outside the root (1e-6 in Paddle; torch has no LAMB, its Adams take 1e-8)."""

    decay_kinds: ClassVar[tuple[DecayKind, ...]] = ("decoupled",)
    trust_ratio: ClassVar[bool] = True
    arrays: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment")
    """m and v."""

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        b1, b2 = self.betas
        m, v = moments(state, self.betas, g, xp)
        b1k, b2k = xp.held("beta1", b1**now.k), xp.held("beta2", b2**now.k)
        size = xp.add_(xp.sqrt_(v / (1 - b2k)), self.eps)
        r = xp.divide_(m / (1 - b1k), size)
        if not now.decay:
            return xp.plus_(w, r, -now.lr)
        r = xp.plus_(r, w, now.decay)
        trust = xp.ratio(xp.norm(w), xp.norm(r))
        return xp.plus_(w, xp.multiply_(r, trust * now.lr), -1.0)
