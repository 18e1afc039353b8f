"""The numbers of an update, where torch's optimizers hold others than float64's own."""

from __future__ import annotations

from typing import Any

from dualtrain.state import Scalars, TensorState

__all__ = ["scalars"]


def scalars(optimizer: Any, before: TensorState, after: TensorState) -> dict[str, Scalars]:
    """Canonical name -> what an update from `before` to `after` computed with: nothing.

    torch's optimizers, and the core's rules over its tensors, compute with Python's numbers, each
    rounded once where it meets a tensor.
    """
    return {}
