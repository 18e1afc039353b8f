"""AdamW as transformers had it before release 5, and pytorch_transformers from the first."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from dualtrain.fields import Positive
from dualtrain.optimizers._rule import DecayKind, Numbers, UpdateRule, moments
from dualtrain.optimizers._verbs import Arithmetic
from dualtrain.optimizers._words import Betas, LearningRate

__all__ = ["AdamWTransformers"]


class AdamWTransformers(UpdateRule):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, w = w - lr c m / (sqrt(v) + eps).

    c = sqrt(1 - b2^k) / (1 - b1^k), or 1 without `correct_bias`; then w = w - lr wd w. So eps
    stands beside a v whose bias is not corrected, and decay comes after the step. torch's and
    Paddle's own AdamW is `adamw`; here dualtrain's own computes the rule in both.
    """

    name: Literal["adamw_transformers"]
    """`transformers.AdamW`; pytorch_pretrained_bert's BertAdam without its schedule and clip is it
    without `correct_bias`, but for its decay, which is part of the step."""
    lr: LearningRate
    betas: Betas = (0.9, 0.999)
    eps: Positive
    """Added outside the root, before bias correction (default 1e-6, in its Trainer 1e-8)."""
    correct_bias: bool = True
    """Whether c is not 1."""

    decay_kinds: ClassVar[tuple[DecayKind, ...]] = ("decoupled",)
    decays_after: ClassVar[bool] = True
    arrays: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment")
    """m and v."""

    def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Numbers, xp: Arithmetic) -> Any:
        b1, b2 = self.betas
        m, v = moments(state, self.betas, g, xp)
        c = (1 - b2**now.k) ** 0.5 / (1 - b1**now.k) if self.correct_bias else 1.0
        w = xp.plus_quotient_(w, m, xp.add_(xp.sqrt(v), self.eps), -now.lr * c)
        return xp.plus(w, w, -now.lr * now.decay)
