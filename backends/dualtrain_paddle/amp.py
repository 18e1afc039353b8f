"""Automatic mixed precision: the autocast context and the loss scaler of a spec."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import paddle

from dualtrain.errors import BackendError
from dualtrain.spec import Amp, LossScale

__all__ = ["autocast", "build_scaler", "check_amp", "loss_scale"]


def check_amp(amp: Amp | None, device: Any) -> None:
    """Refuse what the device cannot do: on the CPU Paddle silently switches AMP off."""
    if amp is not None and isinstance(device, paddle.CPUPlace):
        raise BackendError(
            "amp: Paddle's auto_cast and GradScaler do nothing on the CPU, so the run would be in "
            f"float32; use a CUDA device or leave amp out. Received: amp.dtype {amp.dtype!r} "
            f"on {device}"
        )


def autocast(amp: Amp | None, device: Any) -> AbstractContextManager[Any]:
    """The context of a forward pass."""
    if amp is None:
        return nullcontext()
    context: AbstractContextManager[Any] = paddle.amp.auto_cast(dtype=amp.dtype, level=amp.level)
    return context


def build_scaler(amp: Amp | None, device: Any) -> Any:
    """The dynamic loss scaler of float16; None without AMP and with bfloat16.

    Paddle's `scaler.scale` would switch itself off for good under any dtype but float16.
    """
    if amp is None or amp.dtype != "float16":
        return None
    settings = amp.loss_scale or LossScale()
    return paddle.amp.GradScaler(
        init_loss_scaling=settings.init,
        incr_ratio=settings.growth_factor,
        decr_ratio=settings.backoff_factor,
        incr_every_n_steps=settings.growth_interval,
        decr_every_n_nan_or_inf=1,
    )


def loss_scale(scaler: Any) -> float:
    """The scale that the scaler holds now; waits for the device."""
    return float(scaler.state_dict()["scale"].item())
