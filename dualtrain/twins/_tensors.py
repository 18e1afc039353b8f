"""What of a model has a twin: its parameters, in the order of its modules, and its statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dualtrain.backend import Backend, backend_of
from dualtrain.ledger import Kind, Parameter
from dualtrain.shapes import Shape
from dualtrain.state import Arrays

__all__ = ["Model", "Tensor"]


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A parameter or a running statistic of a model."""

    name: str
    """Canonical."""
    shape: Shape
    """In canonical layout."""
    aliases: tuple[str, ...] = ()
    """Its further canonical names, where it is tied."""
    kind: Kind = "other"
    """What its owner is."""
    owner: str = ""
    """The class of its owner."""
    is_statistic: bool = False


@dataclass(frozen=True)
class Model:
    """A live model, as far as it has twins."""

    native: Any
    backend: Backend
    weights: Arrays
    """All tensors, in the model's own precision."""
    tensors: tuple[Tensor, ...]
    """In the order of the modules; statistics after the parameters of their layer."""

    @classmethod
    def of(cls, native: Any) -> Model:
        """Of a torch or a Paddle model."""
        backend = backend_of(native)
        weights = backend.dump_state(native).weights
        parameters = backend.parameters(native)
        classes = {path: type(one).__name__ for path, one in backend.modules(native).items()}
        tensors = [_tensor(one, classes) for one in parameters]
        for name in sorted(weights.keys() - {one.name for one in tensors}):
            tensors.insert(_place(name, tensors), _statistic(name, weights))
        return cls(native, backend, weights, tuple(tensors))

    def __str__(self) -> str:
        return f"{self.backend.NAME}'s {type(self.native).__name__}"


def _tensor(parameter: Parameter, classes: Mapping[str, str]) -> Tensor:
    return Tensor(
        name=parameter.name,
        shape=parameter.shape,
        aliases=parameter.aliases,
        kind=parameter.kind,
        owner=classes.get(parameter.structured.rpartition(".")[0], ""),
    )


def _statistic(name: str, weights: Arrays) -> Tensor:
    return Tensor(name=name, shape=weights[name].shape, kind="norm", is_statistic=True)


def _place(name: str, tensors: list[Tensor]) -> int:
    """After the last tensor of the innermost module around it that has any."""
    path = name
    while path:
        path = path.rpartition(".")[0]
        inside = [i for i, one in enumerate(tensors) if one.name.startswith(f"{path}.")]
        if path and inside:
            return inside[-1] + 1
    return len(tensors)
