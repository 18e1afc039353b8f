"""Master weights: at AMP level O2 the model holds low parameters, the optimizer float32 ones."""

from __future__ import annotations

import copy
from typing import Any

import paddle

from dualtrain.ledger import keeps_precision
from dualtrain.model import check_full_precision, check_held, master_of
from dualtrain.spec import Amp
from dualtrain_paddle.tensors import named_tensors

__all__ = ["Masters", "build_masters", "read_master"]

_LOW = (paddle.float16, paddle.bfloat16)


class Masters:
    """Casts a model's float32 parameters, norms' excepted, and gives the optimizer their masters.

    Gradients move to the masters after each backward pass, so they add up, are unscaled and are
    clipped in float32; the moved masters are rounded into the model after each step. The masters
    keep the first values unrounded. A tied parameter has one master, a frozen one has one too,
    for `dump_weights`. Paddle's own O2, `paddle.amp.decorate`, casts LayerNorms too in bfloat16,
    makes its masters from the rounded weights, and adds gradients up in the low type.

    What anybody else writes into the model, loaded weights, a clamp, `renorm_` in its forward
    pass, is taken into the masters before each update: where the model no longer holds the rounded
    master, its own value counts. Without a wait for the device.
    """

    def __init__(self, amp: Amp, model: Any, optimizer: Any) -> None:
        self._model, self._dtype = model, getattr(paddle, amp.dtype)
        for found in named_tensors(model):
            parameter = found.tensor
            if not found.is_parameter or keeps_precision(found.kind):
                continue
            if parameter.dtype == paddle.float32:
                parameter.dualtrain_master = copy.deepcopy(parameter)
                parameter.dualtrain_master.name = parameter.name  # by which optimizers know it
                found.owner._transform(parameter, None, amp.dtype, True)
        held = optimizer._parameter_list
        self._low = [p for p in held if master_of(p) is not p]
        held[:] = [master_of(p) for p in held]

    def collect_gradients(self) -> None:
        """Add what a backward pass left in the model to the masters' gradients."""
        for parameter in self._low:
            master, gradient = parameter.dualtrain_master, parameter.grad
            if gradient is not None:
                held, gradient = master.grad, gradient.astype("float32")
                master.grad = gradient if held is None else held + gradient
                parameter.clear_gradient(False)

    def read_back(self) -> None:
        """Take into the masters what was written into the model since the last update.

        Raises `BackendError` if the model has another tensor in its place, or of another type.
        """
        check_held(self._low, self._model.parameters(), self._dtype)
        for parameter in self._low:
            read_master(parameter)

    @paddle.no_grad()
    def write_back(self) -> None:
        """Round the masters into the model."""
        for parameter in self._low:
            paddle.assign(parameter.dualtrain_master.astype(parameter.dtype), parameter)


@paddle.no_grad()
def read_master(parameter: Any) -> Any:
    """The parameter's master, after taking what was written into the parameter; else itself.

    A value counts as written where it is not the master rounded to the parameter's type.
    """
    master = master_of(parameter)
    if master is not parameter:
        held = parameter.astype(master.dtype)  # float32 holds every low number
        written = master.astype(parameter.dtype).astype(master.dtype) != held
        paddle.assign(paddle.where(written, held, master), master)
    return master


def build_masters(amp: Amp | None, model: Any, optimizer: Any) -> Masters | None:
    """The masters of a model and its new optimizer; None below level O2.

    Raises `BackendError` if the model has masters already, or parameters that train in a low type,
    or with AMP parameters in float64.
    """
    found = list(named_tensors(model))
    held = [f for f in found if f.is_parameter]
    check_full_precision(
        found,
        low=[f for f in held if not f.tensor.stop_gradient and f.tensor.dtype in _LOW],
        wide=[f for f in held if amp is not None and f.tensor.dtype == paddle.float64],
    )
    return Masters(amp, model, optimizer) if amp is not None and amp.level == "O2" else None
