"""Where a parameter stands that is in no layer: by its name, or by the order of the modules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dualtrain.ledger._parameter import Parameter
from dualtrain.ledger._stacks import Stack, shared

__all__ = ["Place", "below_all", "beside_stages", "lists_in", "outside", "without_heads"]

_BELOW = re.compile(
    r"(?!decoder_).*embed.*|wte|wpe|.*_emb|.*(?:^|_)tokens?_?\d*|pos_.*|rel_pos.*|relative_.*"
    r"|patch_.*|(?:.*_)?stem|feature_(?:extractor|projection|encoder)|norm_pre|pre_.*norm|ln_pre"
    r"|pre_?net"
)
"""Parts of names that are below the first layer, wherever their module stands."""
_ABOVE = re.compile(
    r"(?:.*_)?heads?\d*|head_.*|(?:.*_)?classifiers?|(?:.*_)?pooler|cls|(?:.*_)?predictions?"
    r"|qa_outputs|score|logit_(?:scale|bias)|fc_norm|ln_f|ln_post|(?:post|final|last|out)_.*norm"
)
"""And those that are above the last."""
_ANY_NORM = re.compile(r"(?:layer_?|batch_?|group_?|rms_?)?norm|ln|bn", re.IGNORECASE)
"""What a norm of the input and the last norm are called alike."""


@dataclass(frozen=True)
class Place:
    """Where a parameter stands in its model."""

    text: str
    """`layer 3 of encoder.layer`, `below encoder.layer` or `head`, and how that is known where it
    is not by the name."""
    above: int
    """Layers above it: the n in rate^n."""


def lists_in(parameters: Sequence[Parameter]) -> dict[str, set[int]]:
    """The numbers in every list of modules, by its path."""
    found: dict[str, set[int]] = {}
    for parameter in parameters:
        parts = parameter.name.split(".")
        for position, part in enumerate(parts):
            if part.isdecimal():
                found.setdefault(".".join(parts[:position]), set()).add(int(part))
    return found


def beside_stages(
    parameter: Parameter, position: int, stacks: list[Stack], lists: dict[str, set[int]]
) -> Place | None:
    """The stage, where a list beside the stages has a module or a norm for each of them.

    Before them, the first of such a list (`downsample_layers.0`) is below them all.
    """
    for stack in _nearest(parameter.name, stacks):
        head = shared(stack.path, parameter.name)
        path, parts = parameter.name.split(".")[: head + 1], parameter.name.split(".")[head + 1 :]
        if not stack.stages or lists.get(".".join(path)) != set(stack.first):
            continue
        if _side(parameter.name, stack) == "above":
            continue
        if len(parts) < 3 and parameter.kind != "norm":  # a Sequential of bare layers
            continue
        stage = int(parts[0])
        if position > stack.end:
            ends = stack.last if parameter.kind == "norm" else stack.first
            return _with(stack, stage, ends[stage])
        return _with(stack, stage, stack.first[stage]) if stage else None
    return None


def outside(parameter: Parameter, position: int, stacks: list[Stack]) -> Place | None:
    if any(name in stack.layer for stack in stacks for name in parameter.names):
        return None
    if parameter.kind == "embedding" and not _is_bare(parameter.name, stacks):
        return below_all(parameter, stacks)
    sides = {_side(name, stack) for name in parameter.names for stack in _nearest(name, stacks)}
    if sides & {"below", "above"}:
        return below_all(parameter, stacks) if "below" in sides else Place("head", 0)
    return _by_order(parameter, position, stacks)


def below_all(parameter: Parameter, stacks: list[Stack], how: str = "") -> Place:
    """Below the stack that shares most of its path, among equals the deepest."""
    stack = max(_nearest(parameter.name, stacks), key=lambda stack: stack.depth)
    return Place(f"below {stack}{how}", stack.depth + 1)


def _nearest(name: str, stacks: list[Stack]) -> list[Stack]:
    """The stacks that share most of a name's path."""
    most = max(shared(stack.path, name) for stack in stacks)
    return [stack for stack in stacks if shared(stack.path, name) == most]


def _side(name: str, stack: Stack) -> str:
    """What the first telling part of a name says, beyond the path that it shares with the stack."""
    for part in name.split(".")[shared(stack.path, name) :]:
        if _ABOVE.fullmatch(part):
            return "above"
        if _BELOW.fullmatch(part):
            return "below"
    return ""


def _is_bare(name: str, stacks: list[Stack]) -> bool:
    """Whether it is held by a module that the stack is in, and no part of its own."""
    return any(name.count(".") == shared(stack.path, name) for stack in stacks)


def _by_order(parameter: Parameter, position: int, stacks: list[Stack]) -> Place | None:
    """Below what is registered after it, head of what is registered before."""
    if _is_bare(parameter.name, stacks):
        return None
    beside = _nearest(parameter.name, stacks)
    parts = parameter.name.split(".")[shared(beside[0].path, parameter.name) :]
    if position < min(stack.begin for stack in beside):
        is_any = parameter.kind == "norm" and len(parts) == 2 and _ANY_NORM.fullmatch(parts[0])
        return None if is_any else below_all(parameter, stacks, ", registered before it")
    if position > max(stack.end for stack in beside):
        listed = any(b.isdecimal() and _layered(a) for a, b in pairwise(parts))
        return None if listed else Place("head", 0)
    return None


def _layered(part: str) -> bool:
    """Whether a list is called one of layers: `decoder_blocks`, `blocks_token_only`."""
    return "layer" in part or "block" in part


def _with(stack: Stack, stage: int, index: int) -> Place:
    return Place(f"layer {index} of {stack}, with stage {stage}", stack.depth - index)


def without_heads(stacks: list[Stack]) -> list[Stack]:
    """The stacks that are not themselves part of a head or of what is below another one."""
    kept = [
        stack
        for stack in stacks
        if not any(_ABOVE.fullmatch(part) or _BELOW.fullmatch(part) for part in stack.path)
    ]
    return kept or stacks
