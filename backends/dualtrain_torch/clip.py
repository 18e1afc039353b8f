"""Clipping, a class per kind: a step pre-hook, so that `optimizer.step()` clips as Paddle's does.

No kind waits for the device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from dualtrain.errors import BackendError
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

    measure: take the joint norm of the gradients before and after clipping, at each step.
    """
    if clip is None:
        return NoClip(measure=True) if measure else None
    kinds = {GlobalNormClip: clip.global_norm, NormClip: clip.norm, ValueClip: clip.value}
    return next(kind(c, measure=measure) for kind, c in kinds.items() if c is not None)


def global_norm(gradients: Sequence[Any]) -> Any:
    """sqrt(sum of all squared elements), a scalar tensor on the device; None of no gradients."""
    if not gradients:
        return None
    return torch.linalg.vector_norm(_norms(gradients))


def norm(tensor: Any) -> Any:
    """sqrt(sum of the squared elements), to rounding however many there are.

    On the CPU torch adds the squares up in a few long sums: at 30 million elements, a table of
    words, 0.16 % are lost. So a large tensor's norm is that of its blocks' norms.
    """
    flat = tensor.reshape(-1)
    count = flat.numel() // _BLOCK
    if count < 2 or tensor.is_cuda:
        return torch.linalg.vector_norm(flat)
    whole, rest = flat[: count * _BLOCK], flat[count * _BLOCK :]
    blocks = norm(torch.linalg.vector_norm(whole.view(count, _BLOCK), dim=1))
    return torch.linalg.vector_norm(torch.stack([blocks, torch.linalg.vector_norm(rest)]))


_BLOCK = 4096
"""Elements whose squares are added up in one sum."""


def _norms(gradients: Sequence[Any]) -> Any:
    """The norm of each, in one tensor."""
    if any(g.numel() >= 2 * _BLOCK and not g.is_cuda for g in gradients):
        return torch.stack([norm(g) for g in gradients])
    return torch.stack(torch._foreach_norm(list(gradients)))


class _Measured:
    """What all kinds share: their limit, and the gradients' norm before and after clipping.

    `norm` and `clipped_norm` are those of the last step: scalar tensors, None if not measured.
    """

    clips = True

    def __init__(self, limit: float = math.inf, *, measure: bool = False) -> None:
        self.limit = limit
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
        if self.measure:
            self.norm = global_norm(gradients)
        if not self.clips:
            return
        if gradients:
            self._clip(gradients)
        if self.measure:
            self.clipped_norm = global_norm(gradients)

    def _clip(self, gradients: list[Any]) -> None:
        raise NotImplementedError


class NoClip(_Measured):
    """Clips nothing and measures the norm; `clipped_norm` stays None."""

    clips = False


class GlobalNormClip(_Measured):
    """g * c / max(norm, c) for every gradient, one norm over all of them.

    torch's `clip_grad_norm_` multiplies by min(1, c / (norm + 1e-6)) instead. Gradients whose norm
    is c exactly stay as they are, to the bit.
    """

    def _clip(self, gradients: list[Any]) -> None:
        norm = self.norm if self.measure else global_norm(gradients)
        torch._foreach_mul_(gradients, self.limit / torch.clamp(norm, min=self.limit))


class NormClip(_Measured):
    """g * c / max(norm, c) for every gradient, each with its own norm.

    torch has no such clip of its own: `clip_grad_norm_` on one tensor at a time, but for the 1e-6
    that it adds to the norm.
    """

    def _clip(self, gradients: list[Any]) -> None:
        factors = self.limit / torch.clamp(_norms(gradients), min=self.limit)
        torch._foreach_mul_(gradients, list(factors.unbind()))


class ValueClip(_Measured):
    """min(max(g, -c), c) for every element of every gradient."""

    def _clip(self, gradients: list[Any]) -> None:
        torch._foreach_clamp_min_(gradients, -self.limit)
        torch._foreach_clamp_max_(gradients, self.limit)
