"""Freezing: parameters without gradients, and running statistics that stand still."""

from __future__ import annotations

from typing import Any

from paddle import nn

from dualtrain.ledger import Ledger
from dualtrain.model import keepers
from dualtrain_paddle.tensors import FROZEN, named_tensors

__all__ = ["freeze"]

_HOOK = "dualtrain_keeps_statistics"


def freeze(model: nn.Layer, ledger: Ledger) -> None:
    """Let the model's parameters have gradients, or not, as the ledger says.

    Frozen ones get `stop_gradient` and lose the gradient they hold: `clear_grad` skips them, so
    that it would be added to after thawing. Those that an earlier call froze and this ledger
    does not are thawed; what the model held still before stays so.

    With `batch_stats: keep` a layer whose parameters all stand still goes into evaluation mode
    before each of its forward passes, also after `model.train()`.
    """
    found = list(named_tensors(model))
    live = {f.name: f.tensor for f in found}
    for row in ledger.rows:
        tensor = live[row.parameter.name]
        if row.frozen or getattr(tensor, FROZEN, False):
            tensor.clear_gradient(False)
            tensor.stop_gradient = not row.trains
            setattr(tensor, FROZEN, row.frozen and row.parameter.trainable)
    for f in found:
        if hasattr(f.owner, _HOOK):
            getattr(f.owner, _HOOK).remove()
            delattr(f.owner, _HOOK)
    for owner in keepers(found, ledger):
        setattr(owner, _HOOK, owner.register_forward_pre_hook(_evaluate))


def _evaluate(layer: Any, inputs: Any) -> None:
    layer.eval()
