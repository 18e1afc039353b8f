"""The tensor verbs over which the core says the rest (`dualtrain.backend.Verbs`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray

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
    return tensor.astype(dtype)


def assign(targets: Sequence[Any], values: Sequence[Any]) -> None:
    """Write values into tensors, each cast to its target's type."""
    for target, value in zip(targets, values, strict=True):
        paddle.assign(value.astype(target.dtype), target)


def lerp(targets: Sequence[Any], values: Sequence[Any], share: float) -> None:
    """target <- target + share (value - target), in the target's type."""
    for target, value in zip(targets, values, strict=True):
        same = value.dtype == target.dtype
        weight = paddle.full([], share, target.dtype)
        target.lerp_(value if same else value.astype(target.dtype), weight)


def set_array(tensor: Any, array: NDArray[np.float32]) -> None:
    """Write an array into a tensor, cast to its type."""
    tensor.set_value(paddle.to_tensor(array, dtype=tensor.dtype))


def is_at_hand(tensor: Any) -> bool:
    """Whether a tensor lies on the CPU, so that reading it waits for no device."""
    return bool(tensor.place.is_cpu_place())


def is_sparse(gradient: Any) -> bool:
    """Whether a gradient holds the rows of a table that were read, and no others."""
    return bool(gradient.is_selected_rows())


def set_trains(parameter: Any, trains: bool) -> None:
    """Set `stop_gradient`, and drop the gradient, which would be added to after thawing."""
    drop_gradient(parameter)
    parameter.stop_gradient = not trains


def drop_gradient(parameter: Any) -> None:
    """Let a parameter have no gradient; the optimizer's `clear_grad` skips what stands still."""
    parameter.clear_gradient(False)


def added(held: Any, gradient: Any) -> Any:
    """held + gradient in float32, where held is a sum in float32 or, at first, None."""
    wide = gradient.astype("float32")
    return wide if held is None else held + wide


def take_written(master: Any, low: Any) -> None:
    """Where the low tensor is not the master, rounded, let the master have its value."""
    held = low.astype(master.dtype)  # float32 holds every low number
    written = master.astype(low.dtype).astype(master.dtype) != held
    paddle.assign(paddle.where(written, held, master), master)
