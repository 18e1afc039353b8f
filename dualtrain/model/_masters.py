"""Master weights of AMP level O2: where a parameter keeps its own, and who may get one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dualtrain.errors import BackendError
from dualtrain.model._named import NamedTensor

__all__ = ["check_full_precision", "master_of"]


def master_of(parameter: Any) -> Any:
    """The tensor that training moves: the parameter's master, or the parameter itself."""
    return getattr(parameter, "dualtrain_master", parameter)


def check_full_precision(tensors: Iterable[NamedTensor], low: Iterable[NamedTensor]) -> None:
    """Refuse a model that is in a low type before a run begins.

    low: those of the tensors that train in one, without a master small updates would be rounded
    away. Raises `BackendError`, for a model that has masters too, which no other optimizer would
    move.
    """
    if any(master_of(found.tensor) is not found.tensor for found in tensors):
        raise BackendError(
            "the model must be a fresh one, or loaded anew from the weights of the last run. "
            "Received: one whose parameters an earlier run at amp.level 'O2' cast"
        )
    for found in low:
        raise BackendError(
            "parameters that train must begin in float32; amp.level 'O2' casts them itself. "
            f"Received: {found.name!r} in {found.tensor.dtype}"
        )
