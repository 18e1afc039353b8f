"""What a torch module consists of: its parameters, for the ledger, under canonical names.

The canonical names and layouts are torch's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from dualtrain.ledger import Parameter, kind_of
from dualtrain.model import NamedTensor, is_frozen

__all__ = ["named_tensors", "parameters"]


def parameters(model: nn.Module) -> list[Parameter]:
    """Every parameter of the model once, a tied one under the first of its names.

    Running statistics are none; Paddle lists them as parameters, torch as buffers.
    """
    return [
        Parameter(
            name=found.name,
            structured=found.structured,
            native=found.structured,
            shape=found.shape,
            kind=kind_of(type(found.owner)),
            trainable=found.tensor.requires_grad or is_frozen(found.tensor),
        )
        for found in named_tensors(model)
        if found.is_parameter
    ]


def named_tensors(model: nn.Module) -> Iterator[NamedTensor]:
    """Parameters and running statistics, each once, in the order of the modules."""
    seen: set[int] = set()
    for path, module in model.named_modules():
        for name, tensor in _held_by(module, path):
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            yield NamedTensor(
                name=name,
                structured=name,
                owner=module,
                tensor=tensor,
                shape=tuple(tensor.shape),
                is_parameter=isinstance(tensor, nn.Parameter),
                is_transposed=False,
            )


def _held_by(module: nn.Module, path: str) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters(prefix=path, recurse=False)
    for name, tensor in module.named_buffers(prefix=path, recurse=False):
        if name.rpartition(".")[2] in ("running_mean", "running_var"):
            yield name, tensor
