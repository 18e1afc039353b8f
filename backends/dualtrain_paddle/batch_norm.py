"""Paddle's layers of batch normalisation, and the rule of their running variance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from paddle import nn
from paddle.nn.layer.norm import _BatchNormBase

from dualtrain.errors import DataError
from dualtrain.spec import BatchNormRule

__all__ = ["NativeBatchNorms"]


class NativeBatchNorms:
    """What they are, as `dualtrain.backend.BatchNorms` asks."""

    RULE: BatchNormRule = "paddle"

    def layers(self, model: nn.Layer) -> list[Any]:
        """Those with running statistics: all, the old `paddle.nn.BatchNorm` among them."""
        found: list[Any] = model.sublayers(include_self=True)
        return [layer for layer in found if isinstance(layer, (_BatchNormBase, nn.BatchNorm))]

    def variance(self, layer: Any) -> Any:
        """The running variance, where a forward pass of now moves it; else None."""
        moves = layer.training or getattr(layer, "_trainable_statistics", False)
        return layer._variance if moves and not layer._use_global_stats else None

    def share(self, layer: Any) -> float:
        """Paddle's momentum is the share of the old."""
        return float(1.0 - layer._momentum)

    def add(self, variance: Any, amount: Any) -> None:
        """Add by a copy, which alone the backward pass does not take for a change."""
        variance.copy_(variance.detach() + amount, False)

    def after(self, layer: Any, hook: Callable[[Any, Any, Any], None]) -> Any:
        """Have a hook called after each forward pass; what removes it."""
        return layer.register_forward_post_hook(hook)

    def check(self, layer: Any, inputs: Any) -> None:
        """Refuse one element a channel in training, of which no variance is known.

        torch refuses it too; Paddle lets it through as it is, and gives no gradients.
        """
        if not inputs or self.variance(layer) is None:
            return
        shape, channels = list(inputs[0].shape), layer._variance.shape[0]
        if math.prod(shape) == channels:
            raise DataError(
                "batch normalisation in training must have more than one element a channel: a "
                f"larger batch, or the layer in eval(). Received: an input of shape {tuple(shape)} "
                f"for {channels} channels"
            )
