"""The native optimizer of a spec, wired by the ledger."""

from __future__ import annotations

from typing import Any

import dualtrain_torch
from dualtrain.backend import master_of
from dualtrain.ledger import Ledger, decide, tell
from dualtrain.spec import Spec
from dualtrain_torch.optimizers import native_optimizer

__all__ = ["build_optimizer", "effective_decay", "effective_lr_multiplier"]


def build_optimizer(spec: Spec, model: Any, *, clip: Any = None) -> Any:
    """`torch.optim.AdamW` or another over the model's trainable parameters, for any script.

    A parameter group for each weight decay and lr multiplier, from the ledger; the group's `lr`
    is the base rate times its multiplier, and a schedule moves every group. The first group's
    multiplier is 1; it is empty where no parameter's is. Adam and AdamW use the fused kernel
    where it takes the parameters. Clipping happens inside `step()`, before coupled decay.

    AdamW rounds the factor 1 - lr wd to float32 once; Paddle rounds lr wd first.

    clip: the clipper to install, to read its norms later; made from `spec.clip` when absent.
    Raises `LedgerError` if a rule of the spec names no parameter, or the model asks for what no
    run does (`dualtrain.ledger.Facts`).
    """
    ledger = decide(dualtrain_torch.parameters(model), spec)
    tell(ledger)
    dualtrain_torch.freeze(model, ledger)
    optimizer = native_optimizer(spec.optimizer, _groups(ledger, model, spec.optimizer.lr))
    clip = clip if clip is not None else dualtrain_torch.build_clip(spec.clip)
    if clip is not None:
        optimizer.register_step_pre_hook(clip)
    return optimizer


def effective_decay(optimizer: Any, model: Any) -> dict[str, float]:
    """Canonical name -> weight decay, as the live optimizer holds it."""
    held = _group_of(optimizer, model)
    return {name: float(group["weight_decay"]) for name, group in held.items()}


def effective_lr_multiplier(optimizer: Any, model: Any) -> dict[str, float]:
    """Canonical name -> multiplier of the learning rate, as the live optimizer holds it.

    It is the group's rate over the base rate, before any schedule.
    """
    base = optimizer.defaults["lr"]
    return {
        name: _quotient(group.get("initial_lr", group["lr"]), base, group.get("lr_multiplier"))
        for name, group in _group_of(optimizer, model).items()
    }


def _quotient(rate: float, base: float, multiplier: float | None) -> float:
    """rate / base; the multiplier itself where their product is the rate to the last bit."""
    return multiplier if multiplier is not None and base * multiplier == rate else rate / base


def _group_of(optimizer: Any, model: Any) -> dict[str, dict[str, Any]]:
    """Canonical name -> the parameter group that holds it."""
    held = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    live = dict(model.named_parameters())
    moved = {p.name: id(master_of(live[p.native])) for p in dualtrain_torch.parameters(model)}
    return {name: held[key] for name, key in moved.items() if key in held}


def _groups(ledger: Ledger, model: Any, lr: float) -> list[dict[str, Any]]:
    """One group for each (multiplier, decay) of the trainable parameters, those of 1 first."""
    live = dict(model.named_parameters())
    members: dict[tuple[float, float], list[Any]] = {}
    for row in ledger.rows:
        if row.trains:
            key = (row.lr_multiplier, row.decay)
            members.setdefault(key, []).append(live[row.parameter.native])
    if all(rate != 1.0 for rate, _ in members):
        members[1.0, 0.0] = []
    return [
        {"params": params, "weight_decay": decay, "lr": lr * rate, "lr_multiplier": rate}
        for (rate, decay), params in sorted(members.items(), key=lambda m: m[0][0] != 1.0)
    ]
