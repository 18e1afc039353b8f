"""Numbers in and out: devices, numpy to tensors and back, random state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dualtrain.backend import check_real, no_such_device
from dualtrain_torch.parts import whole

__all__ = [
    "inference",
    "numbers",
    "open_device",
    "place",
    "seed_everything",
    "to_array",
    "to_device",
    "to_numpy",
]


def open_device(name: str) -> Any:
    """The device `cpu`, `cuda` or `cuda:N`. Raises `BackendError` if it is not there."""
    device = torch.device(name)
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            raise no_such_device("torch", count, name)
    return device


def seed_everything(seed: int) -> None:
    """Seed the framework's generators (dropout; the weights and the data order are the core's)."""
    torch.manual_seed(seed)


def place(model: Any, device: Any) -> Any:
    """The model, on the device."""
    return model.to(device)


def to_device(batch: Mapping[str, NDArray[Any]], device: Any) -> dict[str, Any]:
    """A batch as tensors of the same types on the device, without waiting for the copy.

    Copies, as Paddle does: `from_numpy` alone shares the caller's memory, warns where that is
    read-only, and takes no reversed axis.
    """
    pinned = device.type == "cuda"
    tensors = {n: torch.from_numpy(np.array(a, order="C")) for n, a in batch.items()}
    if not pinned:
        return tensors
    return {n: t.pin_memory().to(device, non_blocking=True) for n, t in tensors.items()}


def to_numpy(tensor: Any) -> NDArray[np.float32]:
    """A tensor as float32 in numpy; waits for the device. `BackendError` for complex numbers."""
    check_real(tensor)
    array: NDArray[np.float32] = whole(tensor.detach()).float().cpu().numpy()
    return array


def to_array(value: Any) -> Any:
    """A tensor as an array of its own type, waiting for its device; anything else as it is.

    A bfloat16 one becomes float32, which holds it: numpy has no such type.
    """
    if not isinstance(value, torch.Tensor):
        return value
    value = whole(value.detach())
    return (value.float() if value.dtype == torch.bfloat16 else value).cpu().numpy()


def numbers(scalars: Sequence[Any]) -> list[float]:
    """The values of scalar tensors, with one wait for the device."""
    if not scalars:
        return []
    values: list[float] = torch.stack(
        [whole(s.detach()).reshape(()).double() for s in scalars]
    ).tolist()
    return values


def inference() -> AbstractContextManager[Any]:
    """A context in which no gradients are recorded."""
    context: AbstractContextManager[Any] = torch.no_grad()
    return context
