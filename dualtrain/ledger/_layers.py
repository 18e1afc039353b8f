"""How many layers are above a parameter, from canonical names alone: for layer-wise lr decay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from dualtrain.errors import LedgerError
from dualtrain.ledger._parameter import Parameter

__all__ = ["Place", "places"]

NUMBERED = ("layer", "layers", "block", "blocks", "h", "stages")
"""What the list of a model's layers is called. A number elsewhere in a name, such as that of
`nn.Sequential` in a head, counts no layers."""


@dataclass(frozen=True)
class Place:
    """Where a parameter stands in its model."""

    text: str
    """`layer 3 of encoder.layer`, `embeddings of encoder.layer` or `head`."""
    above: int
    """Layers above it: the n in rate^n."""


def places(parameters: Sequence[Parameter]) -> dict[str, Place]:
    """Canonical name -> place, for every parameter.

    In a stack of L layers, layer i has L - i layers above it: the last 1, for the head counts as
    one. The embeddings have L + 1. Everything else (pooler, classifier, final norm) is head: 0.

    The stack is what stands before the first number that follows one of the usual words, so in
    T5's `encoder.block.3.layer.0` it is `encoder.block`. Each stack of an encoder-decoder model
    counts by its own numbers. Embeddings are owned by an Embedding or have "embed" in their
    path, and belong to the stack that shares most of their path (among equals the deepest).

    BERT of 12 layers: `bert.embeddings.*` 13, `bert.encoder.layer.0.*` 12, layer 11 1,
    `bert.pooler.*` 0. So counts paddlenlp's `layerwise_lr_decay`, which knows encoders only and
    gives every parameter of a GPT's or a LLaMA's layers 0.

    Raises `LedgerError` for a model without numbered layers.
    """
    layers = {p.name: layer for p in parameters if (layer := _layer(p.name)) is not None}
    depth: dict[str, int] = {}
    for stack, index in layers.values():
        depth[stack] = max(depth.get(stack, 0), index + 1)
    if not depth:
        raise LedgerError(
            "layer_decay: the model must have numbered layers, as encoder.layer.0 is one; the "
            f"number must follow {', '.join(NUMBERED[:-1])} or {NUMBERED[-1]}. "
            f"Received: none in {len(parameters)} parameters"
        )
    return {p.name: _place(p, layers.get(p.name), depth) for p in parameters}


def _layer(name: str) -> tuple[str, int] | None:
    """(stack, number) of the layer that a name is in."""
    parts = name.split(".")
    for position, part in enumerate(parts[1:], start=1):
        if part.isdecimal() and parts[position - 1] in NUMBERED:
            return ".".join(parts[:position]), int(part)
    return None


def _place(parameter: Parameter, layer: tuple[str, int] | None, depth: dict[str, int]) -> Place:
    if layer is not None:
        stack, index = layer
        return Place(f"layer {index} of {stack}", depth[stack] - index)
    if parameter.kind == "embedding" or "embed" in parameter.name.rpartition(".")[0]:
        stack = max(depth, key=lambda stack: (_shared(stack, parameter.name), depth[stack]))
        return Place(f"embeddings of {stack}", depth[stack] + 1)
    return Place("head", 0)


def _shared(stack: str, name: str) -> int:
    """How many leading parts two dotted names share."""
    pairs = zip(stack.split("."), name.split("."), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
