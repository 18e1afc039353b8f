"""Numbers in and out: devices, numpy to tensors and back, random state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray

from dualtrain.backend import check_real, no_such_device

__all__ = [
    "inference",
    "named_states",
    "numbers",
    "open_device",
    "place",
    "seed_everything",
    "to_array",
    "to_device",
    "to_numpy",
]


def open_device(name: str) -> Any:
    """The place of `cpu`, `cuda` or `cuda:N`. Raises `BackendError` if it is not there.

    Paddle's own name for a CUDA device is `gpu:N`; it becomes the current device, on which Paddle
    makes parameters and tensors.
    """
    if name != "cpu":
        index = int(name.partition(":")[2] or 0)
        count = paddle.device.cuda.device_count() if paddle.is_compiled_with_cuda() else 0
        if index >= count:
            raise no_such_device("paddle", count, name)
        name = f"gpu:{index}"
    return paddle.set_device(name)


def seed_everything(seed: int) -> None:
    """Seed the framework's generators (dropout; the weights and the data order are the core's)."""
    paddle.seed(seed)
    for number, _ in enumerate(named_states(), 1):
        paddle.seed(seed + number)


def named_states() -> Iterator[str]:
    """The name of each random state beside the usual one, which each is in place of meanwhile.

    Fleet's tracker has them, such as paddlenlp's `local_seed` after its `set_seed`: some models
    draw their dropout from these.
    """
    from paddle.distributed.fleet.meta_parallel import get_rng_state_tracker

    tracker = get_rng_state_tracker()
    for name in sorted(tracker.states_):
        with tracker.rng_state(name):
            yield name


def place(model: Any, device: Any) -> Any:
    """The model, on the device.

    Buffers without values are left where they are, such as a recurrent layer's state of dropout
    before its first forward pass: Paddle's `to` raises on them.
    """
    empty = [
        (layer._buffers, name, buffer)
        for layer in model.sublayers(include_self=True)
        for name, buffer in layer._buffers.items()
        if buffer is not None and not buffer._is_initialized()
    ]
    for buffers, name, _ in empty:
        buffers[name] = None
    try:
        return model.to(device=device)
    finally:
        for buffers, name, buffer in empty:
            buffers[name] = buffer


def to_device(batch: Mapping[str, NDArray[Any]], device: Any) -> dict[str, Any]:
    """A batch as tensors of the same types on the device."""
    return {name: paddle.to_tensor(array, place=device) for name, array in batch.items()}


def to_numpy(tensor: Any) -> NDArray[np.float32]:
    """A tensor as float32 in numpy; waits for the device. `BackendError` for complex numbers."""
    check_real(tensor)
    array: NDArray[np.float32] = tensor.detach().astype("float32").numpy()
    return array


def to_array(value: Any) -> Any:
    """A tensor as an array of its own type, waiting for its device; anything else as it is.

    A bfloat16 one becomes float32, which holds it: numpy has no such type.
    """
    if not isinstance(value, paddle.Tensor):
        return value
    value = value.detach()
    return (value.astype("float32") if value.dtype == paddle.bfloat16 else value).numpy()


def numbers(scalars: Sequence[Any]) -> list[float]:
    """The values of scalar tensors, with one wait for the device."""
    if not scalars:
        return []
    stacked = paddle.stack([s.detach().reshape([]).astype("float64") for s in scalars])
    values: list[float] = stacked.numpy().tolist()
    return values


def inference() -> AbstractContextManager[Any]:
    """A context in which no gradients are recorded."""
    context: AbstractContextManager[Any] = paddle.no_grad()
    return context
