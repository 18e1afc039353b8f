"""Clipping, a class per kind: Paddle's own, inside the optimizer's `step()`, which also measure.

Paddle calls them once per parameter group, so one norm is over all only without groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paddle
from paddle.nn.clip import ClipGradBase, _squared_l2_norm

from dualtrain.spec import Clip

__all__ = [
    "GlobalNormClip",
    "NoClip",
    "NormClip",
    "ValueClip",
    "build_clip",
    "global_norm",
    "norm",
]


def build_clip(clip: Clip | None, *, measure: bool = False) -> Any:
    """The object that clips an optimizer's gradients; None where there is nothing to do.

    measure: take the joint norm of the gradients before and after clipping, at each step
    (Paddle's classes do not tell those they compute).
    """
    if clip is None:
        return NoClip(measure=True) if measure else None
    kinds = {GlobalNormClip: clip.global_norm, NormClip: clip.norm, ValueClip: clip.value}
    return next(kind(c, measure=measure) for kind, c in kinds.items() if c is not None)


def global_norm(gradients: Sequence[Any]) -> Any:
    """sqrt(sum of all squared elements), a scalar tensor on the device; None of no gradients."""
    if not gradients:
        return None
    return norm(paddle.stack([norm(g) for g in gradients]))


def norm(tensor: Any) -> Any:
    """sqrt(sum of the squared elements), to rounding however many there are.

    The sum is the one that Paddle's own clip takes. `paddle.linalg.norm` adds the squares up one
    by one on the CPU: at 30 million elements, a table of words, 3.4 % are lost.
    """
    return _squared_l2_norm(tensor).sqrt().reshape([])


class _Measured(ClipGradBase):
    """What all kinds share: the gradients' norm before and after clipping.

    `norm` and `clipped_norm` are those of the last step: scalar tensors, None if not measured.
    """

    clips = True

    def __init__(self, *limit: float, measure: bool = False) -> None:
        super().__init__(*limit)
        self.measure = measure
        self.norm: Any = None
        self.clipped_norm: Any = None

    @paddle.no_grad()
    def __call__(self, params_grads: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """Clip the gradients that the optimizer is about to use."""
        if self.measure:
            self.norm = global_norm([g for _, g in params_grads if g is not None])
        if not self.clips:
            return params_grads
        clipped: list[tuple[Any, Any]] = super().__call__(params_grads)
        if self.measure:
            self.clipped_norm = global_norm([g for _, g in clipped if g is not None])
        return clipped


class NoClip(_Measured):
    """Clips nothing and measures the norm; `clipped_norm` stays None."""

    clips = False


class GlobalNormClip(_Measured, paddle.nn.ClipGradByGlobalNorm):
    """g * c / max(norm, c) for every gradient, one norm over all of them.

    Gradients whose norm is c exactly stay as they are, to the bit.
    """


class NormClip(_Measured, paddle.nn.ClipGradByNorm):
    """g * c / max(norm, c) for every gradient, each with its own norm.

    Paddle's kernel has no float64; the formula stands in for it there.
    """

    def _dygraph_clip(self, params_grads: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        clipped = []
        for parameter, gradient in params_grads:
            if gradient is not None and gradient.dtype == paddle.float64:
                factor = self.clip_norm / paddle.clip(norm(gradient), min=self.clip_norm)
                clipped.append((parameter, gradient * factor))
            else:
                clipped += super()._dygraph_clip([(parameter, gradient)])
        return clipped


class ValueClip(_Measured, paddle.nn.ClipGradByValue):
    """min(max(g, -c), c) for every element of every gradient."""
