"""Clipping: a step pre-hook, so that `optimizer.step()` clips as Paddle's does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from dualtrain.backend import Clipper
from dualtrain.errors import BackendError
from dualtrain_torch.parts import added_up, is_split, part
from dualtrain_torch.step import held

__all__ = ["StepClipper", "global_norm", "norm"]


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
    if is_split(tensor):
        return added_up(norm(part(tensor)))
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
    parts = [*map(part, gradients)]
    if any(g.numel() >= 2 * _BLOCK and not g.is_cuda for g in parts):
        norms = torch.stack([norm(g) for g in parts])
    else:
        norms = torch.stack(torch._foreach_norm(parts))
    return added_up(norms) if any(map(is_split, gradients)) else norms


class StepClipper(Clipper):
    """A step pre-hook; the formulas are over all gradients at once, in place.

    torch's own `clip_grad_norm_` has one rule, and none for each tensor.
    """

    @torch.no_grad()
    def __call__(self, optimizer: Any, args: Any = (), kwargs: Any = None) -> None:
        """Clip the gradients that `optimizer` is about to use."""
        if getattr(optimizer, "grad_scale", None) is not None:
            raise BackendError(
                "clip: the gradients still carry the loss scale. "
                "Call scaler.unscale_(optimizer) before scaler.step(optimizer)"
            )
        moved = [p for p in held(optimizer) if p.grad is not None]
        self.keep(zip(moved, self.act([p.grad for p in moved]), strict=True))

    def joint_norm(self, gradients: Any) -> Any:
        """Of the gradients that are there."""
        return global_norm(gradients)

    def by_global_norm(self, gradients: Any, c: float) -> Any:
        """The norm is the measured one, if there is one."""
        norm = self.norm if self.measure else global_norm(gradients)
        torch._foreach_mul_([*map(part, gradients)], c / torch.clamp(norm + self.added, min=c))
        return gradients

    def by_norm(self, gradients: Any, c: float) -> Any:
        """Each with its own."""
        factors = c / torch.clamp(_norms(gradients) + self.added, min=c)
        torch._foreach_mul_([*map(part, gradients)], list(factors.unbind()))
        return gradients

    def by_value(self, gradients: Any, c: float) -> Any:
        """Below, then above."""
        torch._foreach_clamp_min_([*map(part, gradients)], -c)
        torch._foreach_clamp_max_([*map(part, gradients)], c)
        return gradients
