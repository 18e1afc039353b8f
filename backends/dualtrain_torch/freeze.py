"""Freezing: parameters without gradients, and running statistics that stand still."""

from __future__ import annotations

from typing import Any

from torch import nn

from dualtrain.ledger import Ledger
from dualtrain.model import freeze_tensors
from dualtrain_torch.tensors import named_tensors

__all__ = ["freeze"]


def freeze(model: nn.Module, ledger: Ledger) -> None:
    """Let the model's parameters have gradients, or not, as the ledger says, by `requires_grad`.

    Those that an earlier call froze and this ledger does not are thawed; what the model held
    still before stays so. With `batch_stats: keep` the running statistics of layers whose
    parameters all stand still do, too.
    """
    freeze_tensors(named_tensors(model), ledger, _set_trainable, lambda owner: True)


def _set_trainable(parameter: Any, trains: bool) -> None:
    parameter.grad = None  # an optimizer would move it by a stale gradient too
    parameter.requires_grad_(trains)
