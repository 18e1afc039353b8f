"""What a torch module says of how its parameters train, for the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from dualtrain.backend import (
    NO_SPARSE_TABLE,
    WHOLE_TENSORS,
    NamedTensor,
    marked_undecayed,
    real_numbers,
)
from dualtrain.ledger import Facts

__all__ = ["WRAPPERS", "facts_of"]

WRAPPERS = {
    "OptimizedModule": "_orig_mod",
    "DataParallel": "module",
    "DistributedDataParallel": "module",
}
"""Class -> where it holds the module that it wraps."""


def facts_of(model: nn.Module, parameters: Sequence[NamedTensor]) -> list[Facts]:
    """What the model says of how each of these parameters trains."""
    tables = (m for m in model.modules() if isinstance(m, (nn.Embedding, nn.EmbeddingBag)))
    sparse = frozenset(id(table.weight) for table in tables if table.sparse)
    return [
        Facts(
            undecayed=marked_undecayed(model, found.name, found.tensor),
            refused=tuple(_refused(found.tensor, is_table=id(found.tensor) in sparse)),
        )
        for found in parameters
    ]


def _refused(tensor: Any, *, is_table: bool) -> Iterator[str]:
    """is_table: whether it is an embedding's whose gradients are sparse; a tied one has several."""
    if is_table:
        yield NO_SPARSE_TABLE
    if tensor.is_complex():
        yield real_numbers("torch.view_as_real", tensor.dtype)
    if tensor.layout is not torch.strided or tensor.is_nested:
        yield f"parameters that train must be dense. Received: one of layout {tensor.layout}"
    if hasattr(tensor, "device_mesh"):
        yield WHOLE_TENSORS + type(tensor).__name__
