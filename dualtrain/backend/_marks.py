"""Marks on a model that libraries' own training scripts heed: here, "no weight decay"."""

from __future__ import annotations

from inspect import signature
from typing import Any

__all__ = ["marked_undecayed"]


def marked_undecayed(model: Any, name: str, tensor: Any) -> bool:
    """Whether a parameter of this canonical name is marked as one without weight decay.

    By an attribute `_no_weight_decay` that is true (Mamba, S4), by its name in what the model's
    `no_weight_decay()` returns (timm), or by a part of it in `no_weight_decay_keywords()` (Swin).
    """
    return (
        bool(getattr(tensor, "_no_weight_decay", False))
        or name in _said(model, "no_weight_decay")
        or any(part in name for part in _said(model, "no_weight_decay_keywords"))
    )


def _said(model: Any, method: str) -> set[str]:
    found: Any = getattr(model, method, None)
    if not callable(found) or signature(found).parameters:
        return set()
    names: Any = found()
    return set(map(str, names))
