"""What a Paddle layer says of how its parameters train, for the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any

from paddle import nn
from paddle.regularizer import L2Decay

from dualtrain.backend import (
    NO_SPARSE_TABLE,
    WHOLE_TENSORS,
    NamedTensor,
    marked_undecayed,
    real_numbers,
)
from dualtrain.ledger import Facts

__all__ = ["WRAPPERS", "facts_of"]

WRAPPERS = {"DataParallel": "_layers"}
"""Class -> where it holds the layer that it wraps."""


def facts_of(model: nn.Layer, parameters: Sequence[NamedTensor]) -> list[Facts]:
    """What the model says of how each of these parameters trains."""
    tables = (m for m in model.sublayers(include_self=True) if isinstance(m, nn.Embedding))
    sparse = frozenset(id(table.weight) for table in tables if table._sparse)
    return [_facts(model, found, is_table=id(found.tensor) in sparse) for found in parameters]


def _facts(model: nn.Layer, found: NamedTensor, *, is_table: bool) -> Facts:
    tensor, rate, decay = found.tensor, _rate(found.tensor), _regularizer(found.tensor)
    return Facts(
        lr_multiplier=float(rate) if _is_multiplier(rate) else 1.0,
        decay=float(decay._coeff) if isinstance(decay, L2Decay) else None,
        clipped=bool(getattr(tensor, "need_clip", True)),
        averaged=bool(getattr(tensor, "do_model_average", True)),
        undecayed=marked_undecayed(model, found.name, tensor),
        refused=tuple(_refused(tensor, is_table=is_table)),
    )


def _refused(tensor: Any, *, is_table: bool) -> Iterator[str]:
    """is_table: whether it is an embedding's whose gradients are sparse; a tied one has several."""
    rate, decay = _rate(tensor), _regularizer(tensor)
    if not _is_multiplier(rate):
        yield (
            "ParamAttr(learning_rate=) must be a finite number of at least 0, which multiplies the "
            "rate: set parameter.optimize_attr['learning_rate'] to one. Received: "
            f"{rate if isinstance(rate, Real) else type(rate).__name__}"
        )
    if decay is not None and not isinstance(decay, L2Decay):
        yield (
            "the only regularizer that both frameworks have is L2: build the model with "
            "ParamAttr(regularizer=L2Decay(...)) or none, or set parameter.regularizer. "
            f"Received: {decay}"
        )
    if is_table:
        yield NO_SPARSE_TABLE
    if tensor.is_complex():
        yield real_numbers("paddle.as_real", tensor.dtype)
    if getattr(tensor, "is_distributed", False) or tensor.is_dist():
        yield WHOLE_TENSORS + "a distributed parameter"


def _rate(tensor: Any) -> Any:
    """What `Optimizer._create_param_lr` reads: a multiplier, or a tensor in place of the rate."""
    return (getattr(tensor, "optimize_attr", None) or {}).get("learning_rate", 1.0)


def _regularizer(tensor: Any) -> Any:
    return getattr(tensor, "regularizer", None)


def _is_multiplier(rate: Any) -> bool:
    return isinstance(rate, Real) and math.isfinite(rate) and float(rate) >= 0.0
