"""What a torch module says of how its parameters train, for the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from dualtrain.errors import BackendError
from dualtrain.ledger import Facts
from dualtrain.model import NamedTensor, marked_undecayed

__all__ = ["check_gradients", "facts_of", "sparse_tables", "wrapped_at"]

_WRAPPERS = {
    "OptimizedModule": "_orig_mod",
    "DataParallel": "module",
    "DistributedDataParallel": "module",
}
"""Class -> where it holds the module that it wraps."""

_SPARSE = (
    "a run takes no sparse gradients, which no two frameworks update alike: build the Embedding "
    "without sparse=True. Received: sparse=True"
)


def facts_of(found: NamedTensor, model: nn.Module, sparse: frozenset[int]) -> Facts:
    """What the model says of one of its parameters; sparse: those of `sparse_tables`."""
    return Facts(
        undecayed=marked_undecayed(model, found.name, found.tensor),
        refused=tuple(_refused(found, sparse)),
    )


def sparse_tables(model: nn.Module) -> frozenset[int]:
    """The ids of the tables whose gradients are sparse; a tied one has several owners."""
    tables = (m for m in model.modules() if isinstance(m, (nn.Embedding, nn.EmbeddingBag)))
    return frozenset(id(table.weight) for table in tables if table.sparse)


def wrapped_at(path: str, module: nn.Module) -> str | None:
    """The path of what a wrapper such as `torch.compile`'s wraps; None for any other module."""
    names = [base.__name__ for base in type(module).__mro__]
    inner = next((_WRAPPERS[name] for name in names if name in _WRAPPERS), None)
    return None if inner is None else f"{path}.{inner}".removeprefix(".")


def check_gradients(optimizer: Any) -> None:
    """Refuse sparse gradients, such as `F.embedding(sparse=True)` gives, before an update."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None and parameter.grad.is_sparse:
                raise BackendError(
                    "gradients must be dense: call embedding functions without sparse=True. "
                    f"Received: a sparse one of shape {tuple(parameter.shape)}"
                )


def _refused(found: NamedTensor, sparse: frozenset[int]) -> Iterator[str]:
    tensor = found.tensor
    if id(tensor) in sparse:
        yield _SPARSE
    if tensor.is_complex():
        yield (
            "parameters that train must be real numbers: hold the real and the imaginary part, "
            f"as torch.view_as_real gives them. Received: {tensor.dtype}"
        )
    if tensor.layout is not torch.strided or tensor.is_nested:
        yield f"parameters that train must be dense. Received: one of layout {tensor.layout}"
    if hasattr(tensor, "device_mesh"):
        yield (
            "one process trains, with whole tensors: hand over the model before it is sharded. "
            f"Received: {type(tensor).__name__}"
        )
