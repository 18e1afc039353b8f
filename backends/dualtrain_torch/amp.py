"""Automatic mixed precision: the autocast context and the loss scaler of a spec."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from dualtrain.spec import Amp, LossScale

__all__ = ["autocast", "build_scaler", "check_amp", "loss_scale"]


def check_amp(amp: Amp | None, device: Any) -> None:
    """Refuse what the device cannot do; torch autocasts on the CPU and on CUDA."""


def autocast(amp: Amp | None, device: Any) -> AbstractContextManager[Any]:
    """The context of a forward pass."""
    if amp is None:
        return nullcontext()
    context: AbstractContextManager[Any] = torch.autocast(
        device.type, dtype=getattr(torch, amp.dtype)
    )
    return context


def build_scaler(amp: Amp | None, device: Any) -> Any:
    """The dynamic loss scaler of float16; None without AMP and with bfloat16."""
    if amp is None or amp.dtype != "float16":
        return None
    settings = amp.loss_scale or LossScale()
    return torch.amp.GradScaler(
        device.type,
        init_scale=settings.init,
        growth_factor=settings.growth_factor,
        backoff_factor=settings.backoff_factor,
        growth_interval=settings.growth_interval,
    )


def loss_scale(scaler: Any) -> float:
    """The scale that the scaler holds now; waits for the device."""
    return float(scaler.get_scale())
