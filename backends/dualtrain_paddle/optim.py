"""The native optimizer of a spec, wired by the ledger, and what it does with each parameter."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import paddle
from numpy.typing import NDArray

import dualtrain_paddle
from dualtrain.errors import BackendError
from dualtrain.ledger import Ledger, Trial, Wiring
from dualtrain.optimizers import Optimizer
from dualtrain_paddle.optimizers import native_optimizer

__all__ = ["build_optimizer", "trial"]


def build_optimizer(optimizer: Optimizer, ledger: Ledger, model: Any, *, clip: Any = None) -> Any:
    """`paddle.optimizer.AdamW` or another over the parameters that train by the ledger.

    Never parameter groups: Paddle clips each by its own norm, and their settings stay on the
    parameters for the next optimizer. Decoupled decay goes through `apply_decay_param_fun`, fed
    with live `p.name` from the ledger; coupled decay and lr multipliers, the model's own ParamAttr
    among them, are kept by the optimizer, a subclass of the native one. State has the same names
    in every process.

    clip: what `build_clip` gave, to clip inside `step()`, before coupled decay.
    Raises `BackendError` if two parameters share a name, or the installed Paddle lacks the
    optimizer.
    """
    live = _by_native_name(model)
    rows = [(live[row.parameter.native], row) for row in ledger.rows if row.trains]
    made = native_optimizer(optimizer, rows, clip)
    made.dualtrain_wiring = Wiring(optimizer, ledger)
    return made


def _by_native_name(model: Any) -> dict[str, Any]:
    """Native name -> parameter. Paddle's optimizers tell parameters apart by nothing else."""
    live: dict[str, Any] = {}
    for parameter in model.parameters():
        if live.setdefault(parameter.name, parameter) is not parameter:
            raise BackendError(
                "every parameter of a Paddle model needs a name of its own; parts built under "
                f"separate unique_name.guard() share theirs. Received: two {parameter.name!r}"
            )
    return live


def trial(optimizer: Any, model: Any) -> Trial:
    """One update of stand-ins by a copy of the optimizer, with state of its own, without the clip.

    Each has its parameter's name, by which Paddle tells them apart.
    """
    names = {p.native: p.name for p in dualtrain_paddle.parameters(model)}

    def update(w: NDArray[Any], g: NDArray[Any], rate: float) -> Mapping[str, NDArray[Any]]:
        twin = copy.copy(optimizer)
        with paddle.utils.unique_name.guard():  # so that later names are what they would be
            held = [_stand_in(p, w, g) for p in optimizer._parameter_list]
            twin._parameter_list = twin._param_groups = held
            twin._learning_rate, twin._learning_rate_map = rate, {}
            twin._grad_clip = None
            twin._accumulators, twin._accumulators_holder = defaultdict(dict), {}
            twin._opti_name_list = []
            twin.steps = {}  # of one that computes by the core's rule
            twin._already_create_accumulator = set()
            twin._already_create_accumulater = set()  # as Paddle 2.6 spells it
            twin.step()
        return {names[p.name]: p.numpy().astype("float64") for p in held}

    return update


def _stand_in(parameter: Any, w: NDArray[Any], g: NDArray[Any]) -> Any:
    found = paddle.to_tensor(w, dtype=parameter.dtype, place=parameter.place, stop_gradient=False)
    found.name = parameter.name
    found.grad = paddle.to_tensor(g, dtype=parameter.dtype, place=parameter.place)
    return found
