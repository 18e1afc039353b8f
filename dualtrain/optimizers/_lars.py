"""LARS."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from dualtrain.fields import Positive
from dualtrain.optimizers._rule import DecayKind, Numbers, UpdateRule
from dualtrain.optimizers._verbs import Arithmetic
from dualtrain.optimizers._words import Decay, LearningRate, NonNegative

__all__ = ["Lars"]


class Lars(UpdateRule):
    """b = momentum b + lr q (g + wd w), w = w - b.

    The trust ratio q is coefficient |w| / (|g| + wd |w| + eps), the norms taken over the
    parameter's tensor; 1 where either norm is 0, and 1 for a parameter that does not decay, which
    then trains at the whole rate: Paddle's rule, which other LARS do not share. The rate is in b,
    so that what is kept of a past update moves by the rate of that update.
    """

    name: Literal["lars"]
    """`paddle.incubate.optimizer.LarsMomentumOptimizer`; torch has none, dualtrain's own computes
    the same."""
    lr: LearningRate
    momentum: Decay
    """Share of b that is kept."""
    coefficient: Positive = 1e-3
    """How far an update may move a weight, as a share of its norm, at a rate of 1."""
    eps: NonNegative = 0.0
    """Added to the norms below the line."""

    decay_kinds: ClassVar[tuple[DecayKind, ...]] = ("decoupled",)
    trust_ratio: ClassVar[bool] = True
    arrays: ClassVar[tuple[str, ...]] = ("velocity",)
    """b."""

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        trust: Any = 1.0
        if now.decay:
            size, steep = xp.norm(w), xp.norm(g)
            below = xp.add(steep + size * now.decay, self.eps)
            trust = xp.where(steep > 0, xp.ratio(size * self.coefficient, below), 1.0)
            g = xp.plus(g, w, now.decay)
        b = xp.multiply_(state["velocity"], self.momentum)
        b = state["velocity"] = b + xp.multiply_(g * now.lr, trust)
        return xp.plus_(w, b, -1.0)
