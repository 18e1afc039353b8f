"""Master weights of AMP level O2: where a parameter keeps its own, and who may get one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dualtrain.errors import BackendError
from dualtrain.model._named import NamedTensor

__all__ = ["check_full_precision", "check_held", "master_of"]


def master_of(parameter: Any) -> Any:
    """The tensor that training moves: the parameter's master, or the parameter itself."""
    return getattr(parameter, "dualtrain_master", parameter)


def check_full_precision(
    tensors: Sequence[NamedTensor], *, low: Iterable[NamedTensor], wide: Iterable[NamedTensor]
) -> None:
    """Refuse a model that is in a low type before a run begins, or for AMP in float64.

    low: those of the tensors that train in one, without a master small updates would be rounded
    away. wide: with AMP those in float64, which no autocast touches: each operator that meets one
    would compute in float64. Raises `BackendError`, for a model that has masters too, which no
    other optimizer would move.
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
    for found in wide:
        raise BackendError(
            "with amp parameters must begin in float32: autocast leaves float64 as it is, so the "
            f"run would be no mixed one. Received: {found.name!r} in {found.tensor.dtype}"
        )


def check_held(low: Sequence[Any], model: Iterable[Any], dtype: Any) -> None:
    """Refuse a model that no longer has the low tensors to which its masters belong.

    low: the tensors with masters that train, all of type `dtype` at first. model: the tensors that
    the model has now. Raises `BackendError`: the masters would be rounded into tensors that nobody
    computes with.
    """
    has = {id(tensor) for tensor in model}
    for tensor in low:
        if id(tensor) not in has or tensor.dtype != dtype:
            is_there = id(tensor) in has
            told = f"one that is now in {tensor.dtype}" if is_there else "one of them replaced"
            raise BackendError(
                "at amp.level 'O2' a model must keep its tensors and their type from start on: "
                "copy weights into them, as load_state_dict and set_state_dict do by default. "
                f"Received: {told}, of shape {tuple(tensor.shape)}"
            )
