"""The native optimizer of a spec, wired by the ledger."""

from __future__ import annotations

from typing import Any

import torch

from dualtrain.errors import BackendError
from dualtrain.ledger import Ledger, decide
from dualtrain.spec import AdamW, Spec
from dualtrain_torch._compat import supports_fused
from dualtrain_torch.clip import build_clip
from dualtrain_torch.freeze import freeze
from dualtrain_torch.tensors import parameters

__all__ = ["build_optimizer", "effective_decay"]


def build_optimizer(spec: Spec, model: Any, *, clip: Any = None) -> Any:
    """`torch.optim.AdamW` over the model's trainable parameters, for any training script.

    Two parameter groups, with and without weight decay, from the ledger; the fused kernel where it
    takes the parameters; clipping happens inside `step()`. A decaying weight becomes
    w (1 - lr wd), the factor rounded to float32 once; Paddle rounds lr wd first.

    clip: the clipper to install, to read its norms later; made from `spec.clip` when absent.
    Raises `LedgerError` if an exclusion of the spec names no parameter.
    """
    ledger = decide(parameters(model), spec)
    freeze(model, ledger)
    live = dict(model.named_parameters())
    settings = spec.optimizer
    if not isinstance(settings, AdamW) or settings.amsgrad:
        raise BackendError(f"only adamw is wired. Received: {settings.name!r}")
    groups: list[dict[str, Any]] = [
        {"params": [live[name] for name in names], "weight_decay": decay}
        for decay, names in _groups(ledger).items()
    ]
    optimizer = torch.optim.AdamW(
        groups,
        lr=settings.lr,
        betas=settings.betas,
        eps=settings.eps,
        fused=supports_fused([p for group in groups for p in group["params"]]),
    )
    clip = clip if clip is not None else build_clip(spec.clip)
    if clip is not None:
        optimizer.register_step_pre_hook(clip)
    return optimizer


def effective_decay(optimizer: Any, model: Any) -> dict[str, float]:
    """Canonical name -> weight decay, as the live optimizer holds it."""
    held = {
        id(p): float(group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    live = dict(model.named_parameters())
    return {
        p.name: held[id(live[p.native])] for p in parameters(model) if id(live[p.native]) in held
    }


def _groups(ledger: Ledger) -> dict[float, list[str]]:
    """Weight decay -> native names of the trainable parameters that get it."""
    groups: dict[float, list[str]] = {}
    for row in ledger.rows:
        if row.trains:
            groups.setdefault(row.decay, []).append(row.parameter.native)
    return groups
