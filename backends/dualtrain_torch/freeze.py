"""Freezing: parameters without gradients, and running statistics that stand still."""

from __future__ import annotations

from typing import Any

from torch import nn

from dualtrain.ledger import Ledger
from dualtrain.model import keepers
from dualtrain_torch.tensors import FROZEN, named_tensors

__all__ = ["freeze"]

_HOOK = "dualtrain_keeps_statistics"


def freeze(model: nn.Module, ledger: Ledger) -> None:
    """Let the model's parameters have gradients, or not, as the ledger says.

    Frozen ones lose `requires_grad` and the gradient they hold: an optimizer moves a parameter
    by a stale gradient too. Those that an earlier call froze and this ledger does not are
    thawed; what the model held still before stays so.

    With `batch_stats: keep` a layer whose parameters all stand still goes into evaluation mode
    before each of its forward passes, also after `model.train()`.
    """
    found = list(named_tensors(model))
    live = {f.name: f.tensor for f in found}
    for row in ledger.rows:
        tensor = live[row.parameter.name]
        if row.frozen or getattr(tensor, FROZEN, False):
            tensor.grad = None
            tensor.requires_grad_(row.trains)
            setattr(tensor, FROZEN, row.frozen and row.parameter.trainable)
    for f in found:
        if hasattr(f.owner, _HOOK):
            getattr(f.owner, _HOOK).remove()
            delattr(f.owner, _HOOK)
    for owner in keepers(found, ledger):
        setattr(owner, _HOOK, owner.register_forward_pre_hook(_evaluate))


def _evaluate(module: Any, inputs: Any) -> None:
    module.eval()
