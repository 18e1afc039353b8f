"""Paddle's layers of batch normalisation, and the rule of their running variance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import paddle
import paddle.distributed as dist
from paddle import nn
from paddle.autograd import PyLayer
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
        return layer._variance if self.takes_batch(layer) else None

    def share(self, layer: Any) -> float:
        """Paddle's momentum is the share of the old."""
        return float(1.0 - layer._momentum)

    def add(self, statistic: Any, amount: Any) -> None:
        """Add by a copy, which alone the backward pass does not take for a change."""
        statistic.copy_(statistic.detach() + amount, False)

    def after(self, layer: Any, hook: Callable[[Any, Any, Any], None]) -> Any:
        """Have a hook called after each forward pass; what removes it."""
        return layer.register_forward_post_hook(hook)

    def is_native(self, layer: Any) -> bool:
        """Whether a layer is a batch norm with Paddle's own forward pass and no activation."""
        own = (_BatchNormBase.forward, nn.SyncBatchNorm.forward, nn.BatchNorm.forward)
        is_known = isinstance(layer, (_BatchNormBase, nn.BatchNorm))
        return is_known and type(layer).forward in own and getattr(layer, "_act", None) is None

    def takes_batch(self, layer: Any) -> bool:
        """In training mode, or always, or never, as it is built."""
        if isinstance(layer, nn.BatchNorm):
            is_always = layer._trainable_statistics
        else:
            is_always = layer._use_global_stats is False
        return bool((layer.training or is_always) and not layer._use_global_stats)

    def channel_axis(self, layer: Any) -> int:
        """By the layout of its inputs."""
        layout = layer._data_layout if isinstance(layer, nn.BatchNorm) else layer._data_format
        return 1 if layout.startswith("NC") else -1

    def eps(self, layer: Any) -> float:
        """What is added to the variance."""
        return float(layer._epsilon)

    def mean(self, layer: Any) -> Any:
        """The running mean."""
        return layer._mean

    def count(self, layer: Any) -> None:
        """Paddle counts no batches."""

    def summed(self, vector: Any, number: float) -> tuple[Any, Any]:
        """The sums over all processes of a vector, with its gradient, and of a number, (1,)."""
        both = _Summed.apply(paddle.concat([vector, paddle.full([1], number, vector.dtype)]))
        return both[:-1], both[-1:]

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


class _Summed(PyLayer):
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
