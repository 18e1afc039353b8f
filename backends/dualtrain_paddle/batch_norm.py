"""The running variance of batch normalisation, by the rule that both frameworks follow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from paddle import nn
from paddle.nn.layer.norm import _BatchNormBase

from dualtrain.errors import DataError

__all__ = ["use_biased_variance"]


def use_biased_variance(model: nn.Layer) -> Callable[[], None]:
    """Let the running variances follow the variance that the layer divides by.

    variance becomes m variance + (1 - m) v, where m is Paddle's momentum and v the mean of the
    squared deviations over the batch's n elements of a channel. Paddle does that by itself, so
    there is nothing to do; torch takes v n / (n - 1) instead.

    In training a forward pass with one element a channel raises `DataError`: no variance is known
    of it. torch refuses it too; Paddle lets it through as it is, and gives no gradients.

    Returns what gives the model its own rule back.
    """
    layers: list[Any] = model.sublayers(include_self=True)
    handles = [
        layer.register_forward_pre_hook(_refuse_one_element)
        for layer in filter(_normalises_by_batch, layers)
        if _refuse_one_element not in layer._forward_pre_hooks.values()
    ]

    def undo() -> None:
        for handle in handles:
            handle.remove()

    return undo


def _normalises_by_batch(layer: Any) -> bool:
    return isinstance(layer, _BatchNormBase)


def _refuse_one_element(layer: Any, inputs: Any) -> None:
    if not layer.training or layer._use_global_stats or not inputs:
        return
    shape = list(inputs[0].shape)
    channels = layer._variance.shape[0]
    if math.prod(shape) == channels:
        raise DataError(
            "batch normalisation in training must have more than one element a channel: a larger "
            f"batch, or the layer in eval(). Received: an input of shape {tuple(shape)} for "
            f"{channels} channels"
        )
