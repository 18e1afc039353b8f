"""A model in float64, in which rounding is no excuse."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import paddle

__all__ = ["in_float64", "widened"]


def widened(model: paddle.nn.Layer) -> paddle.nn.Layer:
    """A copy of a model in float64: parameters and buffers, but for those of whole numbers.

    Its parameters have the names of the model's own, by which optimizers know them.
    """
    copied = copy.deepcopy(model)
    for layer in copied.sublayers(
        include_self=True
    ):  # as `Layer.float`, of which `double` is no twin
        layer._to_impl(dtype=paddle.float64, floating_only=True, include_sublayers=False)
    for own, twin in zip(model.parameters(), copied.parameters(), strict=True):
        twin.name = own.name
    return copied


@contextmanager
def in_float64() -> Iterator[None]:
    """A context in which tensors of no stated type are float64, masks that a model makes say."""
    before = paddle.get_default_dtype()
    paddle.set_default_dtype("float64")
    try:
        yield
    finally:
        paddle.set_default_dtype(before)
