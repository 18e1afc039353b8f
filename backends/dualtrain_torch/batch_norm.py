"""torch's layers of batch normalisation, and the rule of their running variance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dualtrain.spec import BatchNormRule

__all__ = ["NativeBatchNorms"]


class NativeBatchNorms:
    """What they are, as `dualtrain.backend.BatchNorms` asks."""

    RULE: BatchNormRule = "torch"

    def layers(self, model: nn.Module) -> list[Any]:
        """Those with running statistics."""
        norms = (module for module in model.modules() if isinstance(module, _BatchNorm))
        return [norm for norm in norms if norm.running_var is not None]

    def variance(self, layer: Any) -> Any:
        """The running variance, where a forward pass of now moves it; else None."""
        return layer.running_var if layer.training and layer.track_running_stats else None

    def share(self, layer: Any) -> float:
        """`momentum`; without one the running variance is a plain average over all batches."""
        plain = layer.momentum is None
        return float(1.0 / float(layer.num_batches_tracked) if plain else layer.momentum)

    def add(self, statistic: Any, amount: Any) -> None:
        """Add to the data: the backward pass checks that nobody changed the buffer itself."""
        statistic.data.add_(amount)

    def after(self, layer: Any, hook: Callable[[Any, Any, Any], None]) -> Any:
        """Have a hook called after each forward pass; what removes it."""
        return layer.register_forward_hook(hook)

    def is_native(self, layer: Any) -> bool:
        """Whether a module is a batch norm with torch's own forward pass."""
        own = (_BatchNorm.forward, nn.SyncBatchNorm.forward)
        return isinstance(layer, _BatchNorm) and type(layer).forward in own

    def takes_batch(self, layer: Any) -> bool:
        """In training mode, always; without running statistics in evaluation mode, too."""
        return bool(layer.training or layer.running_mean is None)

    def channel_axis(self, layer: Any) -> int:
        """The second."""
        return 1

    def eps(self, layer: Any) -> float:
        """What is added to the variance."""
        return float(layer.eps)

    def mean(self, layer: Any) -> Any:
        """The running mean."""
        return layer.running_mean

    def count(self, layer: Any) -> None:
        """Count a batch, by which a plain average goes."""
        if layer.track_running_stats and layer.num_batches_tracked is not None:
            layer.num_batches_tracked.add_(1)

    def summed(self, vector: Any, number: float) -> tuple[Any, Any]:
        """The sums over all processes of a vector, with its gradient, and of a number, (1,)."""
        both = _Summed.apply(torch.cat([vector, vector.new_full((1,), number)]))
        return both[:-1], both[-1:]

    def check(self, layer: Any, inputs: Any) -> None:
        """One element a channel, which has no variance, torch refuses itself."""


class _Summed(torch.autograd.Function):
    """Whose gradient is that of what each process makes of the sum."""

    @staticmethod
    def forward(ctx: Any, tensor: Any) -> Any:
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total
