"""Master weights of AMP level O2: how a parameter comes by its own, and an optimizer by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from dualtrain.backend import NamedTensor
from dualtrain_torch.step import held

__all__ = ["lower", "replace_held"]


def lower(found: NamedTensor, dtype: str) -> Any:
    """Let a model's float32 parameter be of a low type from now on; a copy as it was."""
    parameter = found.tensor
    copied = parameter.detach().clone()
    parameter.data = copied.to(getattr(torch, dtype))
    return torch.nn.Parameter(copied, requires_grad=parameter.requires_grad)


def replace_held(optimizer: Any, by: Callable[[Any], Any]) -> None:
    """Let a new optimizer move other tensors in place of those that it holds."""
    for parameter in held(optimizer):
        if parameter in optimizer.state:  # Adagrad begins with one
            optimizer.state[by(parameter)] = optimizer.state.pop(parameter)
    for group in optimizer.param_groups:
        group["params"] = [by(parameter) for parameter in group["params"]]
