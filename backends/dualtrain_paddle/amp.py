"""Automatic mixed precision: the autocast context, and loss scaling's two verbs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import paddle
from paddle import _legacy_C_ops

from dualtrain.backend import another_autocast, gradients_by_type
from dualtrain.errors import BackendError
from dualtrain.native.operators import OPERATORS
from dualtrain.spec import Amp
from dualtrain_paddle.step import held

__all__ = ["autocast", "check_amp", "check_autocast", "unscale", "updating"]


def check_amp(amp: Amp | None, device: Any) -> None:
    """Refuse what the device cannot do: on the CPU Paddle silently switches AMP off."""
    if amp is not None and isinstance(device, paddle.CPUPlace):
        raise BackendError(
            "amp: Paddle's auto_cast does nothing on the CPU, so the run would be in "
            f"float32; use a CUDA device or leave amp out. Received: amp.dtype {amp.dtype!r} "
            f"on {device}"
        )


def check_autocast(amp: Amp | None, device: Any) -> None:
    """Refuse an open `paddle.amp.auto_cast` that is not the spec's; the same one is harmless.

    On the CPU Paddle opens none, whatever is asked.
    """
    tracer: Any = paddle.base.framework._dygraph_tracer()
    level, levels = tracer._amp_level, paddle.base.core.AmpLevel
    if level == levels.O0:
        return
    opened = (level, tracer._amp_dtype)
    if amp is None or opened != (getattr(levels, amp.level), amp.dtype):
        asked = "no amp" if amp is None else f"amp.dtype {amp.dtype!r}, level {amp.level!r}"
        told = f"in {opened[1]} at {level.name}"
        raise another_autocast("paddle.amp.auto_cast", told, asked)


def autocast(amp: Amp | None, device: Any) -> AbstractContextManager[Any]:
    """The context of a forward pass; `amp.float32_operators` go into `custom_black_list`."""
    if amp is None:
        return nullcontext()
    context: AbstractContextManager[Any] = paddle.amp.auto_cast(
        dtype=amp.dtype,
        level=amp.level,
        custom_black_list=[
            own for name in amp.float32_operators for own in OPERATORS["paddle"][name]
        ],
    )
    return context


@contextmanager
def updating(amp: Amp | None, device: Any) -> Iterator[None]:
    """The context of a backward pass and an update: no autocast.

    What `recompute` computes again in it keeps the operators of its forward pass: Paddle restores
    the autocast there, and its lists with it.
    """
    if amp is None:  # then none is open, see `check_autocast`
        yield
        return
    with paddle.amp.auto_cast(enable=False):
        yield


def unscale(optimizer: Any, scale: float) -> bool:
    """Divide the optimizer's gradients by the scale, in place; whether all of them were finite.

    By `GradScaler`'s own operator, and like it with one wait for the device. The optimizer hears
    nothing of it: what `GradScaler` tells it would silently skip a later plain `step()`.
    """
    operators: Any = _legacy_C_ops
    found = []
    for gradients in gradients_by_type(held(optimizer)):
        wide = "float64" if gradients[0].dtype == paddle.float64 else "float32"
        divisor = paddle.to_tensor([scale], dtype=wide)
        found.append(paddle.to_tensor([False]))
        operators.check_finite_and_unscale(gradients, divisor, gradients, found[-1])
    return not (found and bool(paddle.concat(found).any()))
