"""What a torch module is: by its class, by what it holds, and by trial."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from dualtrain.backend import Kinds
from dualtrain.ledger import Kind, NativeLayers

__all__ = ["kind_in"]

_NATIVE = NativeLayers(
    packages=("torch.nn.", "torch.ao."),
    plain=(
        "torch.nn.modules.module.",
        "torch.nn.modules.container.",
        "torch.nn.modules.lazy.",
        "torch.nn.utils.parametrize.",  # the classes that it makes derive from the module's own
    ),
    norms=frozenset(
        {
            "torch.nn.modules.batchnorm._NormBase",
            "torch.nn.modules.normalization.GroupNorm",
            "torch.nn.modules.normalization.LayerNorm",
            "torch.nn.modules.normalization.RMSNorm",
        }
    ),
    embeddings=frozenset(
        {"torch.nn.modules.sparse.Embedding", "torch.nn.modules.sparse.EmbeddingBag"}
    ),
)


@contextmanager
def _aside() -> Iterator[None]:
    """A trial moves no generator; an autocast of the caller's would round."""
    alone = torch.autocast("cpu", enabled=False)
    with torch.random.fork_rng(devices=[]), torch.no_grad(), alone:
        yield


_KINDS = Kinds(
    native=_NATIVE,
    base=nn.Module,
    aside=_aside,
    plain=lambda module: module.cpu().float(),
    fill=lambda parameter, array: parameter.copy_(torch.from_numpy(array)),
    tensor=torch.from_numpy,
)


def kind_in(module: nn.Module, attribute: str) -> Kind:
    """What a module is as the owner of one of its parameters.

    An attribute that torch's parametrizations hold has the shape of the largest part of it.
    """
    parametrizations = getattr(module, "parametrizations", None)
    if attribute in module._parameters or not isinstance(parametrizations, nn.ModuleDict):
        return _KINDS.kind_in(module, attribute)
    parts = parametrizations[attribute].parameters(recurse=False)
    return _KINDS.kind_in(
        module, attribute, {attribute: max((tuple(p.shape) for p in parts), key=math.prod)}
    )
