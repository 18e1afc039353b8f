"""Clipping by the global norm, inside the optimizer's own `step()`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from dualtrain.errors import BackendError

__all__ = ["GlobalNormClip", "global_norm"]


def global_norm(gradients: Sequence[Any]) -> Any:
    """sqrt(sum of all squared elements), a scalar tensor on the device."""
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(gradients))))


class GlobalNormClip:
    """g * c / max(norm, c) for every gradient: a step pre-hook, as Paddle's optimizers clip.

    torch's `clip_grad_norm_` multiplies by c / (norm + 1e-6) instead. No wait for the device.

    max_norm: c; None only measures. measure: keep the norm, and take it again after clipping.
    `norm` and `clipped_norm` are those of the last step: scalar tensors, None if not measured;
    without max_norm `clipped_norm` stays None.
    """

    def __init__(self, max_norm: float | None, *, measure: bool = False) -> None:
        self.max_norm = max_norm
        self.measure = measure
        self.norm: Any = None
        self.clipped_norm: Any = None

    @torch.no_grad()
    def __call__(self, optimizer: Any, args: Any = (), kwargs: Any = None) -> None:
        """Clip the gradients that `optimizer` is about to use."""
        if getattr(optimizer, "grad_scale", None) is not None:
            raise BackendError(
                "clip: the gradients still carry the loss scale. "
                "Call scaler.unscale_(optimizer) before scaler.step(optimizer)"
            )
        groups = optimizer.param_groups
        gradients = [p.grad for group in groups for p in group["params"] if p.grad is not None]
        if not gradients:
            return
        norm = global_norm(gradients)
        if self.measure:
            self.norm = norm
        if self.max_norm is None:
            return
        torch._foreach_mul_(gradients, self.max_norm / torch.clamp(norm, min=self.max_norm))
        if self.measure:
            self.clipped_norm = global_norm(gradients)
