"""Exponential moving averages of the weights, on the device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paddle

from dualtrain.model import master_of
from dualtrain_paddle.masters import read_master
from dualtrain_paddle.tensors import named_tensors

__all__ = ["Averages", "build_averages"]


class Averages:
    """An average of each parameter that trains, a tied one once; at first the parameter itself.

    Of a parameter with a master the master is averaged. Kept in float32 at least. No wait for the
    device.
    """

    def __init__(self, model: paddle.nn.Layer) -> None:
        found = [f.tensor for f in named_tensors(model) if f.is_parameter]
        self._trained = [tensor for tensor in found if not tensor.stop_gradient]
        self._weights = [master_of(tensor) for tensor in self._trained]
        self._averages = [w.detach().clone().astype(_wide(w)) for w in self._weights]

    @paddle.no_grad()
    def update(self, decay: float) -> None:
        """average <- average + (1 - decay) (weight - average).

        Equal to decay average + (1 - decay) weight; written so, a weight that stands still is its
        own average to the bit.
        """
        for weight, average in zip(self._weights, self._averages, strict=True):
            share = paddle.full([], 1.0 - decay, average.dtype)
            same = weight.dtype == average.dtype
            average.lerp_(weight if same else weight.astype(average.dtype), share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the averages for weights, until the block is left."""
        with paddle.no_grad():
            kept = [read_master(own).clone() for own in self._trained]
            self._set(self._averages)
        try:
            yield
        finally:
            with paddle.no_grad():
                self._set(kept)

    def _set(self, values: list[Any]) -> None:
        """Let the weights have these values, masters and the model's own tensors alike."""
        for value, weight, own in zip(values, self._weights, self._trained, strict=True):
            paddle.assign(value.astype(weight.dtype), weight)
            if own is not weight:
                paddle.assign(weight.astype(own.dtype), own)


def build_averages(model: paddle.nn.Layer) -> Averages:
    """The averages of a model, from its weights as they are now."""
    return Averages(model)


def _wide(tensor: Any) -> Any:
    return paddle.float64 if tensor.dtype == paddle.float64 else paddle.float32
