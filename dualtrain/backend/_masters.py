"""Master weights: at AMP level O2 the model holds low parameters, the optimizer float32 ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dualtrain.backend._named import NamedTensor, type_of
from dualtrain.backend._verbs import Verbs, parameters_in
from dualtrain.errors import BackendError
from dualtrain.ledger import keeps_precision
from dualtrain.spec import Amp

__all__ = ["LOW", "Masters", "master_of", "masters_of", "read_masters"]

LOW = ("float16", "bfloat16")
"""The types that training needs masters beside."""


def master_of(parameter: Any) -> Any:
    """The tensor that training moves: the parameter's master, or the parameter itself."""
    return getattr(parameter, "dualtrain_master", parameter)


def read_masters(verbs: Verbs, parameters: Iterable[Any]) -> None:
    """Take into their masters what was written into parameters; those without one are passed by.

    A value counts as written where it is not the master rounded to the parameter's type.
    """
    with verbs.inference():
        for parameter in parameters:
            master = master_of(parameter)
            if master is not parameter:
                verbs.take_written(master, parameter)


def masters_of(verbs: Verbs, amp: Amp | None, model: Any, optimizer: Any) -> Masters | None:
    """The masters of a model and its new optimizer; None below level O2."""
    _check_full_precision(verbs, model, amp)
    return Masters(verbs, amp, model, optimizer) if amp is not None and amp.level == "O2" else None


class Masters:
    """Casts a model's float32 parameters, norms' excepted, and gives the optimizer their masters.

    Gradients move to the masters after each backward pass, so they add up, are unscaled and are
    clipped in float32; the moved masters are rounded into the model after each step. The masters
    keep the first values unrounded. A tied parameter has one master, a frozen one has one too,
    for `dump_weights`. Paddle's own O2, `paddle.amp.decorate`, casts LayerNorms too in bfloat16,
    makes its masters from the rounded weights, and adds gradients up in the low type.

    What anybody else writes into the model, loaded weights, a clamp, torch's
    `Embedding(max_norm=)` or Paddle's `renorm_` in its forward pass, is taken into the masters
    before each update: where the model no longer holds the rounded master, its own value counts.
    Without a wait for the device.
    """

    def __init__(self, verbs: Verbs, amp: Amp, model: Any, optimizer: Any) -> None:
        self._verbs, self._model, self._dtype = verbs, model, amp.dtype
        for found in parameters_in(verbs, model):
            if type_of(found.tensor) == "float32" and not keeps_precision(found.kind):
                found.tensor.dualtrain_master = verbs.lower(found, amp.dtype)
        self._low = [p for p in verbs.held(optimizer) if master_of(p) is not p]
        verbs.replace_held(optimizer, master_of)

    def collect_gradients(self) -> None:
        """Add what a backward pass left in the model to the masters' gradients."""
        for parameter in self._low:
            if parameter.grad is not None:
                master = master_of(parameter)
                master.grad = self._verbs.added(master.grad, parameter.grad)
                self._verbs.drop_gradient(parameter)

    def read_back(self) -> None:
        """Take into the masters what was written into the model since the last update.

        Raises `BackendError` if the model has another tensor in its place, or of another type.
        """
        _check_held(self._low, self._model.parameters(), self._dtype)
        read_masters(self._verbs, self._low)

    def write_back(self) -> None:
        """Round the masters into the model."""
        with self._verbs.inference():
            self._verbs.assign(self._low, [master_of(p) for p in self._low])


def _check_full_precision(verbs: Verbs, model: Any, amp: Amp | None) -> None:
    """Refuse a model that is in a low type before a run begins, or for AMP in float64.

    Without a master small updates of low tensors would be rounded away; no autocast touches
    float64: each operator that meets one would compute in it. Raises `BackendError`, for a model
    that has masters too, which no other optimizer would move.
    """
    tensors = list(verbs.named_tensors(model))
    if any(master_of(f.tensor) is not f.tensor for f in tensors):
        raise BackendError(
            "the model must be a fresh one, or loaded anew from the weights of the last run. "
            "Received: one whose parameters an earlier run at amp.level 'O2' cast"
        )
    for f in tensors:
        if f.is_parameter and f.trains and type_of(f.tensor) in LOW:
            raise BackendError(
                "parameters that train must begin in float32; amp.level 'O2' casts them itself. "
                f"Received: {_description(f)}"
            )
    for f in tensors:
        if f.is_parameter and amp is not None and type_of(f.tensor) == "float64":
            raise BackendError(
                "with amp parameters must begin in float32: autocast leaves float64 as it is, so "
                f"the run would be no mixed one. Received: {_description(f)}"
            )


def _description(found: NamedTensor) -> str:
    return f"{found.name!r} in {found.tensor.dtype}"


def _check_held(low: Sequence[Any], model: Iterable[Any], dtype: str) -> None:
    """Refuse a model that no longer has the low tensors to which its masters belong.

    low: the tensors with masters that train, all of type `dtype` at first. model: the tensors that
    the model has now. Raises `BackendError`: the masters would be rounded into tensors that nobody
    computes with.
    """
    has = {id(tensor) for tensor in model}
    for tensor in low:
        if id(tensor) not in has or type_of(tensor) != dtype:
            is_there = id(tensor) in has
            told = f"one that is now in {tensor.dtype}" if is_there else "one of them replaced"
            raise BackendError(
                "at amp.level 'O2' a model must keep its tensors and their type from start on: "
                "copy weights into them, as load_state_dict and set_state_dict do by default. "
                f"Received: {told}, of shape {tuple(tensor.shape)}"
            )
