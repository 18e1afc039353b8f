"""Master weights of AMP level O2: how a parameter comes by its own, and an optimizer by them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from dualtrain.backend import NamedTensor
from dualtrain_paddle.step import held

__all__ = ["lower", "replace_held"]


def lower(found: NamedTensor, dtype: str) -> Any:
    """Let a model's float32 parameter be of a low type from now on; a copy as it was."""
    copied = copy.deepcopy(found.tensor)
    copied.name = found.tensor.name  # by which optimizers know it
    found.owner._transform(found.tensor, None, dtype, True)
    return copied


def replace_held(optimizer: Any, by: Callable[[Any], Any]) -> None:
    """Let a new optimizer move other tensors in place of those that it holds."""
    optimizer._parameter_list[:] = [by(parameter) for parameter in held(optimizer)]
