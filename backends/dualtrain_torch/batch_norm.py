"""The running variance of batch normalisation, by the rule that both frameworks follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["use_biased_variance"]

_BEFORE = "dualtrain_running_var"


def use_biased_variance(model: nn.Module) -> Callable[[], None]:
    """Let the running variances follow the variance that the layer divides by.

    running_var becomes (1 - m) running_var + m v, where m is torch's momentum and v the mean of
    the squared deviations over the batch's n elements of a channel. That is Paddle's rule. torch
    takes v n / (n - 1) instead, twice as much at n = 2, so a hook takes 1/n of it away again.

    Returns what gives the model its own rule back.
    """
    hooked, handles = list[nn.Module](), list[Any]()
    for module in model.modules():
        if isinstance(module, _BatchNorm) and not hasattr(module, _BEFORE):
            setattr(module, _BEFORE, None)
            hooked.append(module)
            handles.append(module.register_forward_pre_hook(_remember))
            handles.append(module.register_forward_hook(_correct))

    def undo() -> None:
        for handle in handles:
            handle.remove()
        for module in hooked:
            delattr(module, _BEFORE)

    return undo


def _remember(module: Any, inputs: Any) -> None:
    variance = module.running_var if module.training else None
    setattr(module, _BEFORE, None if variance is None else variance.clone())


@torch.no_grad()
def _correct(module: Any, inputs: Any, output: Any) -> None:
    before = getattr(module, _BEFORE)
    if before is None or not module.training:  # a hook in between may have switched training off
        return
    m = module.momentum
    if m is None:  # a plain average over all batches
        m = 1.0 / float(module.num_batches_tracked)
    elements = output.numel() // output.shape[1]
    added = module.running_var - before * (1.0 - m)
    # .data: the backward pass checks that nobody changed the buffer, though training has no use
    # for its values.
    module.running_var.data.sub_(added / elements)
    setattr(module, _BEFORE, None)
