"""What a torch module consists of: its parameters, for the ledger, under canonical names.

The canonical names and layouts are torch's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import ParametrizationList

from dualtrain.backend import NamedTensor, each_once, unwrapped, wrapped_at
from dualtrain.errors import BackendError
from dualtrain.ledger import attribute_of
from dualtrain_torch.facts import WRAPPERS
from dualtrain_torch.kinds import kind_in

__all__ = ["modules", "named_tensors"]


def named_tensors(model: nn.Module) -> Iterator[NamedTensor]:
    """Parameters and running statistics, each once, in the order of the modules."""
    yield from each_once(_visits(model))


def _visits(model: nn.Module) -> Iterator[NamedTensor]:
    """Every place at which a tensor is held."""
    wrapped: list[str] = []
    for path, module, owner in _walk(model):
        inner = wrapped_at(path, module, WRAPPERS)
        wrapped += [inner] if inner is not None else []
        for attribute, tensor in _held_by(module):
            structured = f"{path}.{attribute}".removeprefix(".")
            if is_lazy(tensor) or tensor.is_meta:
                raise BackendError(
                    "every parameter must have its values: call the model once with a batch, so "
                    "that lazy layers are made, or load its weights. Received: "
                    f"{structured!r} without values"
                )
            yield NamedTensor(
                name=unwrapped(structured, wrapped),
                structured=structured,
                native=structured,
                owner=module,
                tensor=tensor,
                shape=tuple(tensor.shape),
                is_parameter=isinstance(tensor, nn.Parameter),
                trains=tensor.requires_grad,
                is_transposed=False,
                kind=kind_in(owner, attribute_of(structured)),
            )


def modules(model: nn.Module) -> dict[str, nn.Module]:
    """Path -> module, for the model (its path is empty) and every module in it, each once."""
    return dict(model.named_modules())


def _walk(module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module, nn.Module]]:
    """(path, module, what owns its parameters) for each place, a shared module's further ones too.

    The owner is the module itself; of what torch's parametrizations hold, that which they are of.
    """
    yield path, module, module
    for name, child in module._modules.items():
        if child is None:
            continue
        for inner, found, owner in _walk(child, f"{path}.{name}".removeprefix(".")):
            is_held = name == "parametrizations" and isinstance(found, ParametrizationList)
            yield inner, found, module if is_held else owner


def _held_by(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in module._parameters.items():
        if parameter is not None:
            yield name, parameter
    for name, buffer in module._buffers.items():
        if buffer is not None and name in ("running_mean", "running_var"):
            yield name, buffer
