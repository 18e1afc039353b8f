"""Clipping by the global norm, inside the optimizer's own `step()`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paddle

__all__ = ["GlobalNormClip", "global_norm"]


def global_norm(gradients: Sequence[Any]) -> Any:
    """sqrt(sum of all squared elements), a scalar tensor on the device."""
    return paddle.linalg.norm(paddle.stack([paddle.linalg.norm(g) for g in gradients]))


class GlobalNormClip(paddle.nn.ClipGradByGlobalNorm):
    """g * c / max(norm, c) for every gradient: Paddle's own clip, which can also measure.

    Paddle calls it once per parameter group, so it is one norm only without groups.

    max_norm: c; None only measures. measure: take the norms before and after clipping (Paddle's
    class does not tell the one it computes).
    `norm` and `clipped_norm` are those of the last step: scalar tensors, None if not measured;
    without max_norm `clipped_norm` stays None.
    """

    def __init__(self, max_norm: float | None, *, measure: bool = False) -> None:
        super().__init__(clip_norm=max_norm if max_norm is not None else float("inf"))
        self.max_norm = max_norm
        self.measure = measure
        self.norm: Any = None
        self.clipped_norm: Any = None

    @paddle.no_grad()
    def __call__(self, params_grads: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """Clip the gradients that the optimizer is about to use."""
        if self.measure:
            self.norm = _norm_of(params_grads)
        if self.max_norm is None:
            return params_grads
        clipped: list[tuple[Any, Any]] = super().__call__(params_grads)
        if self.measure:
            self.clipped_norm = _norm_of(clipped)
        return clipped


def _norm_of(params_grads: list[tuple[Any, Any]]) -> Any:
    gradients = [g for _, g in params_grads if g is not None]
    return global_norm(gradients) if gradients else None
