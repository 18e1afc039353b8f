"""Exponential moving averages of the weights, on the device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from dualtrain.model import master_of
from dualtrain_torch.masters import read_master
from dualtrain_torch.tensors import named_tensors

__all__ = ["Averages", "build_averages"]


class Averages:
    """An average of each parameter that trains, a tied one once; at first the parameter itself.

    Of a parameter with a master the master is averaged. Kept in float32 at least. No wait for the
    device.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        found = [f.tensor for f in named_tensors(model) if f.is_parameter]
        self._trained = [tensor for tensor in found if tensor.requires_grad]
        self._weights = [master_of(tensor) for tensor in self._trained]
        self._averages = [w.detach().to(_wide(w), copy=True) for w in self._weights]

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """average <- average + (1 - decay) (weight - average).

        Equal to decay average + (1 - decay) weight; written so, a weight that stands still is its
        own average to the bit.
        """
        weights = [w.to(a.dtype) for w, a in zip(self._weights, self._averages, strict=True)]
        torch._foreach_lerp_(self._averages, weights, 1.0 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the averages for weights, until the block is left."""
        with torch.no_grad():
            kept = [read_master(own).clone() for own in self._trained]
            self._set(self._averages)
        try:
            yield
        finally:
            with torch.no_grad():
                self._set(kept)

    def _set(self, values: list[Any]) -> None:
        """Let the weights have these values, masters and the model's own tensors alike."""
        torch._foreach_copy_(self._weights, values)
        torch._foreach_copy_(self._trained, self._weights)
        torch.clear_autocast_cache()  # an open autocast may have cast the others


def build_averages(model: torch.nn.Module) -> Averages:
    """The averages of a model, from its weights as they are now."""
    return Averages(model)


def _wide(tensor: Any) -> Any:
    return torch.promote_types(tensor.dtype, torch.float32)
