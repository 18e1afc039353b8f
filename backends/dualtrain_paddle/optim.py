"""The native optimizer of a spec, wired by the ledger."""

from __future__ import annotations

from typing import Any

import paddle

from dualtrain.errors import BackendError
from dualtrain.ledger import decide
from dualtrain.spec import AdamW, Spec
from dualtrain_paddle.clip import build_clip
from dualtrain_paddle.freeze import freeze
from dualtrain_paddle.tensors import parameters

__all__ = ["build_optimizer", "effective_decay"]


def build_optimizer(spec: Spec, model: Any, *, clip: Any = None) -> Any:
    """`paddle.optimizer.AdamW` over the model's trainable parameters, for any training script.

    Decay goes through `apply_decay_param_fun`, fed with live `p.name` from the ledger, never
    through parameter groups: Paddle clips each group by its own norm, and group settings stay on
    the parameters for the next optimizer. Clipping happens inside `step()`.

    clip: the clipper to install, to read its norms later; made from `spec.clip` when absent.
    Raises `LedgerError` if an exclusion of the spec names no parameter, `BackendError` if two
    parameters share a name.
    """
    ledger = decide(parameters(model), spec)
    freeze(model, ledger)
    live = _by_native_name(model)
    trainable = [live[row.parameter.native] for row in ledger.rows if row.trains]
    for parameter in trainable:  # forget what an earlier optimizer's groups left behind
        parameter.optimize_attr["learning_rate"] = 1.0
        parameter.regularizer = None
    decaying = frozenset(row.parameter.native for row in ledger.rows if row.decay > 0.0)
    settings = spec.optimizer
    if not isinstance(settings, AdamW) or settings.amsgrad:
        raise BackendError(f"only adamw is wired. Received: {settings.name!r}")
    clip = clip if clip is not None else build_clip(spec.clip)
    return paddle.optimizer.AdamW(
        learning_rate=settings.lr,
        beta1=settings.betas[0],
        beta2=settings.betas[1],
        epsilon=settings.eps,
        parameters=trainable,
        weight_decay=float(spec.weight_decay.value if spec.weight_decay else 0.0),
        apply_decay_param_fun=decaying.__contains__,
        grad_clip=clip,
    )


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
    held = {parameter.name for parameter in optimizer._parameter_list}
    chosen, value = optimizer._apply_decay_param_fun, float(optimizer._weight_decay)
    return {
        p.name: value if chosen is None or chosen(p.native) else 0.0
        for p in parameters(model)
        if p.native in held
    }
