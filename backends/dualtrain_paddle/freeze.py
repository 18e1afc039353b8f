"""Freezing: parameters without gradients, and running statistics that stand still."""

from __future__ import annotations

from typing import Any

from paddle import nn

from dualtrain.ledger import Ledger
from dualtrain.model import freeze_tensors
from dualtrain_paddle.tensors import named_tensors

__all__ = ["freeze"]


def freeze(model: nn.Layer, ledger: Ledger) -> None:
    """Let the model's parameters have gradients, or not, as the ledger says, by `stop_gradient`.

    Those that an earlier call froze and this ledger does not are thawed; what the model held
    still before stays so. With `batch_stats: keep` the running statistics of layers whose
    parameters all stand still do, too.
    """
    freeze_tensors(named_tensors(model), ledger, _set_trainable, _can_keep)


def _set_trainable(parameter: Any, trains: bool) -> None:
    parameter.clear_gradient(False)  # `clear_grad` skips it, so it would be added to after thawing
    parameter.stop_gradient = not trains


def _can_keep(owner: Any) -> bool:
    """Not with `use_global_stats=False`: that normalises by the batch in evaluation mode too.

    The old `paddle.nn.BatchNorm` says the same by `trainable_statistics`.
    """
    if hasattr(owner, "_trainable_statistics"):
        return not owner._trainable_statistics
    return getattr(owner, "_use_global_stats", None) is not False
