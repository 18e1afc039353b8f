"""torch's layers of batch normalisation, and the rule of their running variance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
        return layer.running_var if layer.training else None

    def share(self, layer: Any) -> float:
        """`momentum`; without one the running variance is a plain average over all batches."""
        plain = layer.momentum is None
        return float(1.0 / float(layer.num_batches_tracked) if plain else layer.momentum)

    def add(self, variance: Any, amount: Any) -> None:
        """Add to the data: the backward pass checks that nobody changed the buffer itself."""
        variance.data.add_(amount)

    def after(self, layer: Any, hook: Callable[[Any, Any, Any], None]) -> Any:
        """Have a hook called after each forward pass; what removes it."""
        return layer.register_forward_hook(hook)

    def check(self, layer: Any, inputs: Any) -> None:
        """One element a channel, which has no variance, torch refuses itself."""
