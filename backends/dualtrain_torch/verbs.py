"""The tensor verbs over which the core says the rest (`dualtrain.backend.Verbs`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dualtrain_torch.parts import alike, part

__all__ = [
    "added",
    "assign",
    "cast",
    "drop_gradient",
    "is_at_hand",
    "is_sparse",
    "lerp",
    "set_array",
    "set_trains",
    "take_written",
]


def cast(tensor: Any, dtype: str) -> Any:
    """The tensor in the type of that name; itself where it has it."""
    return tensor.to(getattr(torch, dtype))


def assign(targets: Sequence[Any], values: Sequence[Any]) -> None:
    """Write values into tensors, each cast to its target's type."""
    if targets:
        torch._foreach_copy_([*map(part, targets)], [*map(part, values)])
    torch.clear_autocast_cache()  # an open autocast may have cast the others


def lerp(targets: Sequence[Any], values: Sequence[Any], share: float) -> None:
    """target <- target + share (value - target), in the target's type."""
    wide = [part(value).to(t.dtype) for value, t in zip(values, targets, strict=True)]
    torch._foreach_lerp_([*map(part, targets)], wide, share)


def set_array(tensor: Any, array: NDArray[np.float32]) -> None:
    """Write an array into a tensor, cast to its type."""
    with torch.no_grad():
        tensor.copy_(alike(torch.tensor(array), tensor))
    torch.clear_autocast_cache()  # an open autocast may have cast the others


def is_at_hand(tensor: Any) -> bool:
    """Whether a tensor lies on the CPU, so that reading it waits for no device."""
    return bool(tensor.device.type == "cpu")


def is_sparse(gradient: Any) -> bool:
    """Whether a gradient holds the rows of a table that were read, and no others."""
    return bool(gradient.is_sparse)


def set_trains(parameter: Any, trains: bool) -> None:
    """Set `requires_grad`, and drop the gradient: an optimizer would move it by a stale one."""
    parameter.grad = None
    parameter.requires_grad_(trains)


def drop_gradient(parameter: Any) -> None:
    """Let a parameter have no gradient."""
    parameter.grad = None


def added(held: Any, gradient: Any) -> Any:
    """held + gradient in float32, where held is a sum in float32 or, at first, None."""
    return gradient.float() if held is None else held + gradient


def take_written(master: Any, low: Any) -> None:
    """Where the low tensor is not the master, rounded, let the master have its value."""
    master, low = part(master), part(low)
    torch.where(master.to(low.dtype) != low, low, master, out=master)
