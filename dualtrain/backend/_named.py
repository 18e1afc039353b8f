"""What a backend finds when it walks through a live model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dualtrain.ledger import Kind
from dualtrain.shapes import Shape

__all__ = ["NamedTensor", "each_once", "gradients_by_type", "type_of", "unwrapped", "wrapped_at"]


class NamedTensor(NamedTuple):
    """A parameter or running statistic of a model, and where it stands."""

    name: str
    """Canonical."""
    structured: str
    """In the framework's module tree."""
    native: str
    """What the framework itself calls it."""
    owner: Any
    """The module that holds it."""
    tensor: Any
    """The live one."""
    shape: Shape
    """In canonical layout."""
    is_parameter: bool
    """False for the running statistics of batch normalisation."""
    trains: bool
    """Whether it gets gradients as it is now."""
    is_transposed: bool
    """True where the framework keeps it the other way round than canonical."""
    kind: Kind
    """What its owner is."""
    aliases: tuple[str, ...] = ()
    """Its further canonical names, where it is tied."""
    structured_aliases: tuple[str, ...] = ()
    """Its further names in the module tree."""
    interleaved_heads: int = 1
    """h, where its last axis is (h, 3, size) and canonical is (3, h, size): query, key and value
    in one tensor, head by head."""

    def to_canonical(self, native: NDArray[np.float32]) -> NDArray[np.float32]:
        """An array in the framework's layout, in canonical layout: a view, if need be a copy."""
        array = native.T if self.is_transposed else native
        return array if self.interleaved_heads == 1 else _swapped(array, self.interleaved_heads, 3)

    def to_native(self, canonical: NDArray[np.float32]) -> NDArray[np.float32]:
        """The way back."""
        heads = self.interleaved_heads
        array = canonical if heads == 1 else _swapped(canonical, 3, heads)
        return array.T if self.is_transposed else array


def type_of(tensor: Any) -> str:
    """The neutral name of a tensor's type: frameworks print theirs with it at the end.

    >>> type_of(np.zeros(2, "float32"))
    'float32'
    """
    return str(tensor.dtype).rpartition(".")[2]


def gradients_by_type(parameters: Iterable[Any]) -> list[list[Any]]:
    """The gradients that are there, those of one type together: for kernels that take lists."""
    alike: dict[Any, list[Any]] = {}
    for parameter in parameters:
        gradient = parameter.grad
        if gradient is not None:
            alike.setdefault(gradient.dtype, []).append(gradient)
    return list(alike.values())


def each_once(visits: Iterable[NamedTensor]) -> list[NamedTensor]:
    """Tensors as a walk meets them, each under the first of its names and with the others.

    Its kind is the first that is more than `other`: a matrix tied between an Embedding and a head
    is an embedding's, whichever of them stands first.
    """
    tensors: dict[int, NamedTensor] = {}
    for visit in visits:
        first = tensors.setdefault(id(visit.tensor), visit)
        if first is not visit:
            tensors[id(visit.tensor)] = first._replace(
                kind=visit.kind if first.kind == "other" else first.kind,
                aliases=(*first.aliases, visit.name),
                structured_aliases=(*first.structured_aliases, visit.structured),
            )
    return list(tensors.values())


def wrapped_at(path: str, module: Any, wrappers: Mapping[str, str]) -> str | None:
    """The path of what a wrapper such as `torch.compile`'s wraps; None for any other module.

    wrappers: name of a class -> the attribute by which it holds what it wraps.
    """
    names = [base.__name__ for base in type(module).__mro__]
    inner = next((wrappers[name] for name in names if name in wrappers), None)
    return None if inner is None else f"{path}.{inner}".removeprefix(".")


def unwrapped(path: str, wrapped: Sequence[str]) -> str:
    """A path in the module tree without the parts that wrappers add, such as `module.`.

    wrapped: the paths at which wrappers hold what they wrap, outer ones first.

    `module.encoder._orig_mod.weight` with `module` and `module.encoder._orig_mod` wrapped is
    `encoder.weight`.
    """
    for prefix in reversed(wrapped):
        if path == prefix or path.startswith(f"{prefix}."):
            path = prefix.rpartition(".")[0] + path[len(prefix) :]
    return path.removeprefix(".")


def _swapped(array: NDArray[np.float32], outer: int, inner: int) -> NDArray[np.float32]:
    """The last axis as (inner, outer, size) instead of (outer, inner, size)."""
    *lead, last = array.shape
    split = array.reshape(*lead, outer, inner, last // (outer * inner))
    return split.swapaxes(-3, -2).reshape(array.shape)
