"""What a torch module consists of: its parameters, for the ledger, under canonical names.

The canonical names and layouts are torch's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from dualtrain.errors import BackendError
from dualtrain.ledger import Parameter, kind_of
from dualtrain.model import NamedTensor, is_frozen, unwrapped
from dualtrain_torch.facts import facts_of, sparse_tables, wrapped_at

__all__ = ["modules", "named_tensors", "parameters"]


def parameters(model: nn.Module) -> list[Parameter]:
    """Every parameter of the model once, a tied one under the first of its names.

    Running statistics are none; Paddle lists them as parameters, torch as buffers. Names are
    those inside a wrapper such as `torch.compile`'s.

    Raises `BackendError` for a parameter that has no values yet.
    """
    sparse = sparse_tables(model)
    return [
        Parameter(
            name=found.name,
            structured=found.structured,
            native=found.structured,
            shape=found.shape,
            kind=kind_of(type(found.owner)),
            trainable=found.tensor.requires_grad or is_frozen(found.tensor),
            facts=facts_of(found, model, sparse),
        )
        for found in named_tensors(model)
        if found.is_parameter
    ]


def named_tensors(model: nn.Module) -> Iterator[NamedTensor]:
    """Parameters and running statistics, each once, in the order of the modules."""
    seen: set[int] = set()
    wrapped: list[str] = []
    for path, module in model.named_modules():
        inner = wrapped_at(path, module)
        wrapped += [inner] if inner is not None else []
        for structured, tensor in _held_by(module, path):
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            if is_lazy(tensor) or tensor.is_meta:
                raise BackendError(
                    "every parameter must have its values: call the model once with a batch, so "
                    "that lazy layers are made, or load its weights. Received: "
                    f"{structured!r} without values"
                )
            yield NamedTensor(
                name=unwrapped(structured, wrapped),
                structured=structured,
                owner=module,
                tensor=tensor,
                shape=tuple(tensor.shape),
                is_parameter=isinstance(tensor, nn.Parameter),
                is_transposed=False,
            )


def modules(model: nn.Module) -> dict[str, nn.Module]:
    """Path -> module, for the model (its path is empty) and every module in it, each once."""
    return dict(model.named_modules())


def _held_by(module: nn.Module, path: str) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters(prefix=path, recurse=False)
    for name, tensor in module.named_buffers(prefix=path, recurse=False):
        if name.rpartition(".")[2] in ("running_mean", "running_var"):
            yield name, tensor
