"""A model as a tree of modules, whose leaves are layers; query, key and value are one layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dualtrain.twins._tensors import Tensor
from dualtrain.twins._words import attention_parts, role_of, words_of

__all__ = ["Layer", "Module", "Node", "layers_in", "tree_of"]

Weight = tuple[int, int, int, bool]
"""Numbers in matrices, in vectors, in statistics; whether they are of query, key and value."""


@dataclass(frozen=True)
class Layer:
    """What belongs together: a weight with its bias, a norm with its statistics."""

    path: str
    tensors: Mapping[str, Mapping[str, Tensor]]
    """Role -> part -> tensor; the part is empty but for query, key and value: `q`, `kv`, `qkv`."""

    @cached_property
    def weight(self) -> Weight:
        """What no renaming, split, join or transposition changes."""
        sizes = [0, 0, 0]
        for tensor in self.each:
            is_vector = sum(size > 1 for size in tensor.shape) <= 1
            place = 2 if tensor.is_statistic else 1 if is_vector else 0
            sizes[place] += math.prod(tensor.shape)
        is_attention = any(part for parts in self.tensors.values() for part in parts)
        return sizes[0], sizes[1], sizes[2], is_attention

    @property
    def each(self) -> Iterator[Tensor]:
        """Its tensors."""
        for parts in self.tensors.values():
            yield from parts.values()

    @cached_property
    def words(self) -> frozenset[str]:
        """What its name and its kind say."""
        kinds = {tensor.kind for tensor in self.each} & {"norm", "embedding"}
        return words_of(self.path) | kinds


@dataclass(frozen=True)
class Module:
    """A module with more than one layer in it."""

    path: str
    children: tuple[Layer | Module, ...]

    @cached_property
    def weight(self) -> Weight:
        """The sums over its layers."""
        sizes = [child.weight for child in self.children]
        return sum(s[0] for s in sizes), sum(s[1] for s in sizes), sum(s[2] for s in sizes), False

    @cached_property
    def words(self) -> frozenset[str]:
        """What its name says."""
        return words_of(self.path)


Node = Layer | Module


def tree_of(tensors: Sequence[Tensor]) -> tuple[Node, ...]:
    """The parts of a model, in the order of its modules."""
    return _nodes("", [(tensor.name.split("."), tensor) for tensor in tensors])


def layers_in(nodes: Iterable[Node]) -> Iterator[Layer]:
    """All layers, in order."""
    for node in nodes:
        if isinstance(node, Layer):
            yield node
        else:
            yield from layers_in(node.children)


def _nodes(path: str, held: Sequence[tuple[list[str], Tensor]]) -> tuple[Node, ...]:
    """What a module holds: its own tensors by stem, and the modules in it."""
    groups: dict[tuple[bool, str], list[tuple[list[str], Tensor]]] = {}
    for parts, tensor in held:
        is_own = len(parts) == 1
        key = (is_own, role_of(parts[0])[0] if is_own else parts[0])
        groups.setdefault(key, []).append((parts if is_own else parts[1:], tensor))
    nodes: list[Node] = []
    for (is_own, label), inside in groups.items():
        inner = f"{path}.{label}".strip(".")
        if is_own:
            nodes.append(_layer(inner, inside))
            continue
        children = _nodes(inner, inside)
        nodes += children if len(children) == 1 else [Module(inner, children)]
    return _with_attention(path, nodes)


def _layer(path: str, held: Sequence[tuple[list[str], Tensor]]) -> Layer:
    roles = [role_of(parts[0])[1] for parts, _ in held]
    if len(set(roles)) < len(roles):  # weight_g and weight_v
        roles = [parts[0] for parts, _ in held]
    return Layer(path, {role: {"": one} for role, (_, one) in zip(roles, held, strict=True)})


def _with_attention(path: str, nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The nodes, with the layers of query, key and value as one where the first of them stood."""
    found = [(attention_parts(n.path), n) for n in nodes if isinstance(n, Layer) and _is_plain(n)]
    tensors: dict[str, dict[str, Tensor]] = {}
    for part, layer in found:
        for role, (tensor,) in ((role, parts.values()) for role, parts in layer.tensors.items()):
            if part and part not in tensors.get(role, {}):
                tensors.setdefault(role, {})[part] = tensor
    whole = {role: parts for role, parts in tensors.items() if sorted("".join(parts)) == [*"kqv"]}
    if "weight" not in whole:
        return tuple(nodes)
    taken = {id(tensor) for parts in whole.values() for tensor in parts.values()}
    of_attention = [n for _, n in found if all(id(one) in taken for one in n.each)]
    if {id(one) for n in of_attention for one in n.each} != taken:
        return tuple(nodes)
    one = Layer(_common(of_attention), {r: _in_order(parts) for r, parts in whole.items()})
    first = min(nodes.index(layer) for layer in of_attention)
    kept = [n for n in nodes if n not in of_attention]
    kept.insert(first, one)
    return tuple(kept)


def _in_order(parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {part: parts[part] for part in sorted(parts, key=lambda part: "qkv".index(part[0]))}


def _is_plain(layer: Layer) -> bool:
    return all(list(parts) == [""] for parts in layer.tensors.values())


def _common(layers: Sequence[Layer]) -> str:
    """The path of what holds them all; of one, its own."""
    if len(layers) == 1:
        return layers[0].path
    return layers[0].path.rpartition(".")[0]
