"""The native optimizer of a spec, wired by the ledger."""

from __future__ import annotations

from typing import Any

import dualtrain_paddle
from dualtrain.errors import BackendError
from dualtrain.ledger import decide, tell
from dualtrain.spec import Spec
from dualtrain_paddle.optimizers import native_optimizer

__all__ = ["build_optimizer", "effective_decay", "effective_lr_multiplier"]


def build_optimizer(spec: Spec, model: Any, *, clip: Any = None) -> Any:
    """`paddle.optimizer.AdamW` or another over the model's trainable parameters, for any script.

    Never parameter groups: Paddle clips each by its own norm, and their settings stay on the
    parameters for the next optimizer. Decoupled decay goes through `apply_decay_param_fun`, fed
    with live `p.name` from the ledger; coupled decay and lr multipliers, the model's own ParamAttr
    among them, are kept by the optimizer, a subclass of the native one. Clipping happens inside
    `step()`, before coupled decay. State has the same names in every process.

    clip: the clipper to install, to read its norms later; made from `spec.clip` when absent.
    Raises `LedgerError` if a rule of the spec names no parameter, or the model asks for what no
    run does (`dualtrain.ledger.Facts`); `BackendError` if two parameters share a name, or the
    installed Paddle lacks the optimizer.
    """
    ledger = decide(dualtrain_paddle.parameters(model), spec)
    tell(ledger)
    dualtrain_paddle.freeze(model, ledger)
    live = _by_native_name(model)
    rows = [(live[row.parameter.native], row) for row in ledger.rows if row.trains]
    clip = clip if clip is not None else dualtrain_paddle.build_clip(spec.clip)
    return native_optimizer(spec.optimizer, rows, clip)


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


def effective_decay(optimizer: Any, model: Any) -> dict[str, float]:
    """Canonical name -> weight decay, as the live optimizer holds it."""
    held = {parameter.name: parameter for parameter in optimizer._parameter_list}
    return {
        p.name: _decay_of(optimizer, held[p.native])
        for p in dualtrain_paddle.parameters(model)
        if p.native in held
    }


def effective_lr_multiplier(optimizer: Any, model: Any) -> dict[str, float]:
    """Canonical name -> multiplier of the learning rate, as the live optimizer holds it."""
    held = {parameter.name for parameter in optimizer._parameter_list}
    return {
        p.name: optimizer._multipliers[p.native]
        for p in dualtrain_paddle.parameters(model)
        if p.native in held
    }


def _decay_of(optimizer: Any, parameter: Any) -> float:
    if hasattr(optimizer, "_apply_decay_param_fun"):
        chosen = optimizer._apply_decay_param_fun(parameter.name)
        return float(optimizer._weight_decay) if chosen else 0.0
    if hasattr(optimizer, "_exclude_from_weight_decay_fn"):
        excluded = optimizer._exclude_from_weight_decay_fn(parameter)
        return 0.0 if excluded else float(optimizer._lamb_weight_decay)
    return float(optimizer._coupled.get(parameter.name, 0.0))
