"""Automatic mixed precision: the autocast context, and loss scaling's two verbs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from dualtrain.backend import another_autocast, gradients_by_type
from dualtrain.spec import Amp
from dualtrain_torch.operators import KeepFloat32
from dualtrain_torch.parts import added_up, is_split, part
from dualtrain_torch.step import held

__all__ = ["autocast", "check_amp", "check_autocast", "unscale", "updating"]


def check_amp(amp: Amp | None, device: Any) -> None:
    """Refuse what the device cannot do; torch autocasts on the CPU and on CUDA."""


def check_autocast(amp: Amp | None, device: Any) -> None:
    """Refuse an open `torch.autocast` of another type than the spec's; the same one is harmless."""
    if not torch.is_autocast_enabled(device.type):
        return
    opened = torch.get_autocast_dtype(device.type)
    if amp is None or opened != getattr(torch, amp.dtype):
        asked = "no amp" if amp is None else f"amp.dtype {amp.dtype!r}"
        raise another_autocast("torch.autocast", f"in {opened}", asked)


def autocast(amp: Amp | None, device: Any) -> AbstractContextManager[Any]:
    """The context of a forward pass.

    torch keeps cast weights until the outermost autocast is left, whatever becomes of the weights;
    those of before are forgotten here.

    `amp.float32_operators` are reached where Python calls them; torch has no list of its own.
    Raises `BackendError` where one of them is hidden in a fused function, such as torch's own
    attention.
    """
    torch.clear_autocast_cache()
    if amp is None:
        return nullcontext()
    context: AbstractContextManager[Any] = torch.autocast(
        device.type, dtype=getattr(torch, amp.dtype)
    )
    if not amp.float32_operators:
        return context
    return _both(context, KeepFloat32(amp.float32_operators, device.type))


@contextmanager
def updating(amp: Amp | None, device: Any) -> Iterator[None]:
    """The context of a backward pass and an update: no autocast, and no cast weights left behind.

    What gradient checkpointing computes again in it keeps the operators of its forward pass: torch
    restores the autocast there, and nothing else.
    """
    kept = amp.float32_operators if amp is not None else ()
    mode = KeepFloat32(kept, device.type, recomputing=True) if kept else nullcontext()
    try:
        with torch.autocast(device.type, enabled=False), mode:
            yield
    finally:
        torch.clear_autocast_cache()


def unscale(optimizer: Any, scale: float) -> bool:
    """Divide the optimizer's gradients by the scale, in place; whether all of them were finite.

    By `GradScaler`'s own kernel, and like it with one wait for the device.
    """
    found, moved = [], held(optimizer)
    for given in gradients_by_type(moved):
        gradients = [*map(part, given)]
        numbers = {"dtype": torch.float32, "device": gradients[0].device}
        found.append(torch.zeros((), **numbers))
        inverse = torch.full((), 1.0 / scale, **numbers)
        torch._amp_foreach_non_finite_check_and_unscale_(gradients, found[-1], inverse)
    if any(map(is_split, moved)):
        found = [added_up(torch.stack(found).sum())]  # of parts that others hold, too
    return not sum(found)


@contextmanager
def _both(outer: AbstractContextManager[Any], inner: AbstractContextManager[Any]) -> Iterator[None]:
    with outer, inner:
        yield
