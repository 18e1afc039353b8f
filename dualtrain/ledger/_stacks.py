"""The stacks of layers in a model, from canonical names: which parameter is in which layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from dualtrain.ledger._parameter import Parameter

__all__ = ["NUMBERED", "Stack", "shared", "stacks_of"]

NUMBERED = ("layer", "layers", "block", "blocks", "resblocks", "h", "stages")
"""What the list of a model's layers is called. A number elsewhere in a name, such as that of
`nn.Sequential` in a head, counts no layers."""

NameParts = tuple[str, ...]


@dataclass(frozen=True)
class Stack:
    """A list of layers, one above the other."""

    path: NameParts
    """Of the list: ("encoder", "layer")."""
    depth: int
    """L."""
    stages: int
    """How many stages its blocks are in; 0 where it is a list of layers itself."""
    layer: dict[str, int]
    """Canonical name -> number of the layer, for every parameter inside, aliases too."""
    first: dict[int, int]
    """Stage -> number of its first layer."""
    last: dict[int, int]
    """Stage -> number of its last layer."""
    begin: int
    """Position of its first parameter in the order of the modules."""
    end: int
    """And of its last."""

    def __str__(self) -> str:
        text = ".".join(self.path)
        return f"{text} ({self.stages} stages of blocks)" if self.stages else text


def stacks_of(parameters: Sequence[Parameter]) -> list[Stack]:
    """Every list of layers in a model whose parameters are given in the order of the modules.

    A list is what stands before the first number that follows one of the usual words, so in T5's
    `encoder.block.3.layer.0` it is `encoder.block`.

    Where a layer is itself a list of blocks (Swin's `layers.2.blocks.5`, ConvNeXt's
    `stages.2.blocks.5`, EfficientNet's `blocks.2.5`) the blocks are the layers, counted over all
    stages, as timm counts them. They are blocks where the list is called so (or `layers` in
    `stages`) or where they are made of parts and alike: the smallest has no part that another of
    its stage has not. T5's `layer.0` and `layer.1`, attention and feed-forward, are not. What a
    stage holds besides goes with its first block, or with its last where it comes after the blocks.
    """
    members: dict[NameParts, list[_Member]] = {}
    for position, parameter in enumerate(parameters):
        for name in parameter.names:
            found = _outer(name)
            if found is not None:
                path, number, rest = found
                member = _Member(name, parameter, position, number, rest)
                members.setdefault(path, []).append(member)
    stacks = {path: _stack(path, found) for path, found in members.items()}
    of_parts = [path for path, found in members.items() if any(len(m.rest) > 1 for m in found)]
    # a head's `layers.0.weight`, a list of bare Linears, is no stack beside one of real layers
    return [stacks[path] for path in (of_parts or members)]


@dataclass(frozen=True)
class _Member:
    """A parameter in a list of layers."""

    name: str
    parameter: Parameter
    position: int
    number: int
    rest: NameParts
    """What follows the number in its name."""


def _outer(name: str) -> tuple[NameParts, int, NameParts] | None:
    """The list of layers that a name is in, the number there, and the rest of the name."""
    parts = tuple(name.split("."))
    for position, part in enumerate(parts[1:-1], start=1):
        if part.isdecimal() and parts[position - 1] in NUMBERED:
            return parts[:position], int(part), parts[position + 1 :]
    return None


def _stack(path: NameParts, members: list[_Member]) -> Stack:
    positions = [m.position for m in members]
    block = {m.name: found for m in members if (found := _inner(m.rest)) is not None}
    numbers = sorted({m.number for m in members})
    first, last, depth = {}, {}, 0
    if block and (_are_called_blocks(path, members) or _are_blocks(members, block)):
        for number in range(numbers[-1] + 1):
            inside = [block[m.name] for m in members if m.number == number and m.name in block]
            first[number], last[number] = depth, depth + max(inside, default=0)
            depth = last[number] + 1
        begins = {n: _position(members, block, n) for n in first}
        layer = {
            m.name: first[m.number] + block[m.name]
            if m.name in block
            else (last if m.position > begins[m.number] else first)[m.number]
            for m in members
        }
        stages = len(first)
    else:
        layer = {m.name: m.number for m in members}
        depth, stages = numbers[-1] + 1, 0
    return Stack(path, depth, stages, layer, first, last, min(positions), max(positions))


def _inner(rest: NameParts) -> int | None:
    """The number of the block, where what follows a stage's number is one: `blocks.5`, or `5`."""
    if rest[0].isdecimal():
        return int(rest[0])
    return int(rest[1]) if len(rest) > 1 and rest[0] in NUMBERED and rest[1].isdecimal() else None


def _are_called_blocks(path: NameParts, members: list[_Member]) -> bool:
    """Whether their names say so: `blocks` in a layer, `layers` in `stages`."""
    called = ("blocks", "layers") if path[-1] == "stages" else ("blocks",)
    return any(m.rest[0] in called and len(m.rest) > 3 and m.rest[1].isdecimal() for m in members)


def _are_blocks(members: list[_Member], block: dict[str, int]) -> bool:
    """Whether the numbered parts of each layer are blocks, one like the other, of parts."""
    parts: dict[tuple[int, int], set[NameParts]] = {}
    for m in members:
        if m.name in block:
            own = m.rest[1:] if m.rest[0].isdecimal() else m.rest[2:]
            parts.setdefault((m.number, block[m.name]), set()).add(own)
    for stage in {stage for stage, _ in parts}:
        inside = [own for (number, _), own in parts.items() if number == stage]
        smallest = min(inside, key=len)
        if not all(smallest <= own for own in inside) or max(map(len, smallest)) < 2:
            return False
    return True


def _position(members: list[_Member], block: dict[str, int], number: int) -> int:
    """Where the blocks of a stage begin."""
    return min((m.position for m in members if m.number == number and m.name in block), default=0)


def shared(stack: NameParts, name: str) -> int:
    """How many leading parts a stack's path and a dotted name share."""
    pairs = zip(stack, name.split("."), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
