"""What a Paddle layer says of how its parameters train, for the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Real
from typing import Any

from paddle import nn
from paddle.regularizer import L2Decay

from dualtrain.errors import BackendError
from dualtrain.ledger import Facts
from dualtrain.model import NamedTensor, marked_undecayed

__all__ = ["check_gradients", "facts_of", "sparse_tables", "wrapped_at"]

_WRAPPERS = {"DataParallel": "_layers"}
"""Class -> where it holds the layer that it wraps."""

_SPARSE = (
    "a run takes no sparse gradients, which no two frameworks update alike: build the Embedding "
    "without sparse=True. Received: sparse=True"
)


def facts_of(found: NamedTensor, model: nn.Layer, sparse: frozenset[int]) -> Facts:
    """What the model says of one of its parameters; sparse: those of `sparse_tables`."""
    tensor, rate, decay = found.tensor, _rate(found.tensor), _regularizer(found.tensor)
    return Facts(
        lr_multiplier=float(rate) if _is_multiplier(rate) else 1.0,
        decay=float(decay._coeff) if isinstance(decay, L2Decay) else None,
        clipped=bool(getattr(tensor, "need_clip", True)),
        averaged=bool(getattr(tensor, "do_model_average", True)),
        undecayed=marked_undecayed(model, found.name, tensor),
        refused=tuple(_refused(found, sparse)),
    )


def sparse_tables(model: nn.Layer) -> frozenset[int]:
    """The ids of the tables whose gradients are sparse; a tied one has several owners."""
    tables = (m for m in model.sublayers(include_self=True) if isinstance(m, nn.Embedding))
    return frozenset(id(table.weight) for table in tables if table._sparse)


def wrapped_at(path: str, module: nn.Layer) -> str | None:
    """The path of what a wrapper such as `paddle.DataParallel` wraps; None for any other layer."""
    names = [base.__name__ for base in type(module).__mro__]
    inner = next((_WRAPPERS[name] for name in names if name in _WRAPPERS), None)
    return None if inner is None else f"{path}.{inner}".removeprefix(".")


def check_gradients(optimizer: Any) -> None:
    """Refuse sparse gradients, such as `F.embedding(sparse=True)` gives, before an update."""
    for parameter in optimizer._parameter_list:
        if parameter.grad is not None and parameter.grad.is_selected_rows():
            raise BackendError(
                "gradients must be dense: call embedding functions without sparse=True. "
                f"Received: a sparse one of shape {tuple(parameter.shape)}"
            )


def _refused(found: NamedTensor, sparse: frozenset[int]) -> Iterator[str]:
    tensor, rate, decay = found.tensor, _rate(found.tensor), _regularizer(found.tensor)
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
    if id(tensor) in sparse:
        yield _SPARSE
    if tensor.is_complex():
        yield (
            "parameters that train must be real numbers: hold the real and the imaginary part, "
            f"as paddle.as_real gives them. Received: {tensor.dtype}"
        )
    if getattr(tensor, "is_distributed", False) or tensor.is_dist():
        yield (
            "one process trains, with whole tensors: hand over the model before it is sharded. "
            "Received: a distributed parameter"
        )


def _rate(tensor: Any) -> Any:
    """What `Optimizer._create_param_lr` reads: a multiplier, or a tensor in place of the rate."""
    return (getattr(tensor, "optimize_attr", None) or {}).get("learning_rate", 1.0)


def _regularizer(tensor: Any) -> Any:
    return getattr(tensor, "regularizer", None)


def _is_multiplier(rate: Any) -> bool:
    return isinstance(rate, Real) and math.isfinite(rate) and float(rate) >= 0.0
