"""What a torch module is: by its class, by what it holds, and by trial."""

from __future__ import annotations

import copy
import math
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from dualtrain.ledger import Kind, Native, Owner, kind_of, normalises, undisturbed

__all__ = ["kind_in"]

_NATIVE = Native(
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

_tried: WeakKeyDictionary[nn.Module, bool | None] = WeakKeyDictionary()


def kind_in(module: nn.Module, attribute: str) -> Kind:
    """What a module is as the owner of one of its parameters.

    An attribute that torch's parametrizations hold has the shape of the largest part of it.
    """
    native = _NATIVE.kind(type(module))
    own = {name: tuple(p.shape) for name, p in module._parameters.items() if p is not None}
    parametrizations = getattr(module, "parametrizations", None)
    if attribute not in own and isinstance(parametrizations, nn.ModuleDict):
        parts = parametrizations[attribute].parameters(recurse=False)
        own[attribute] = max((tuple(p.shape) for p in parts), key=math.prod)
    inner = (p for child in module.children() for p in child.parameters())
    names = [base.__name__ for base in type(module).__mro__ if base not in (nn.Module, object)]
    owner = Owner(
        names=tuple(names),
        native=native,
        own=own,
        is_leaf=next(inner, None) is None,
        normalises=lambda: _normalises(module),
    )
    return kind_of(attribute, owner)


def _normalises(module: nn.Module) -> bool | None:
    """Whether it does, in training or in evaluation mode, by a copy of it: see `normalises`.

    Neither the module, its buffers, hooks and mode nor any generator notices.
    """
    if module not in _tried:
        alone = torch.autocast("cpu", enabled=False)  # of the caller's, which would round
        with undisturbed(), torch.random.fork_rng(devices=[]), torch.no_grad(), alone:
            _tried[module] = _try(module)
    return _tried[module]


def _try(module: nn.Module) -> bool | None:
    try:
        copied = copy.deepcopy(module).cpu().float()
    except Exception:  # whatever a module of the user's own may hold
        return None
    if any(parameter.dtype != torch.float32 for parameter in copied.parameters()):
        return None  # complex numbers stay such
    features = 6  # where it has one number for all of them
    for parameter in copied.parameters():
        ramp = torch.linspace(1.0, 1.5, parameter.numel())  # its own may be 0, and hide the input
        parameter.data = ramp.reshape(parameter.shape)
        features = parameter.numel() if parameter.numel() > 1 else features

    def run(array: Any, training: bool) -> Any:
        return copied.train(training).forward(torch.from_numpy(array)).numpy()

    return normalises(run, features)
