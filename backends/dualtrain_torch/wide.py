"""A model in float64, in which rounding is no excuse."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["in_float64", "widened"]


def widened(model: torch.nn.Module) -> torch.nn.Module:
    """A copy of a model in float64: parameters and buffers, but for those of whole numbers."""
    return copy.deepcopy(model).double()


@contextmanager
def in_float64() -> Iterator[None]:
    """A context in which tensors of no stated type are float64, masks that a model makes say."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
