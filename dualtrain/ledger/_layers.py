"""How many layers are above a parameter: for layer-wise lr decay."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dualtrain.errors import LedgerError
from dualtrain.ledger._parameter import Parameter
from dualtrain.ledger._rules import Rule, first
from dualtrain.ledger._stacks import NUMBERED, Stack, shared, stacks_of

__all__ = ["Place", "check_placed", "places"]

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
_SHOWN = 8


@dataclass(frozen=True)
class Place:
    """Where a parameter stands in its model."""

    text: str
    """`layer 3 of encoder.layer`, `below encoder.layer` or `head`, and how that is known where it
    is not by the name."""
    above: int
    """Layers above it: the n in rate^n."""


def places(
    parameters: Sequence[Parameter], *, below: Sequence[Rule] = (), above: Sequence[Rule] = ()
) -> dict[str, Place]:
    """Canonical name -> place, for every parameter whose place can be told.

    parameters: in the order of the modules, as a backend lists them. below, above: the spec's own
    words, which go before everything else.

    In a stack of L layers (`stacks_of`), layer i has L - i layers above it: the last 1, for the
    head counts as one. What is below the first has L + 1, what is above the last is head: 0. Each
    stack of an encoder-decoder model counts by its own numbers. So count MAE and BEiT, and
    paddlenlp's `layerwise_lr_decay`, which knows encoders only. timm gives the last norm 1, BEiT
    the position biases that all layers share 0, and ELECTRA all but the head one more: say so with
    `lr_multipliers`, by which the rate is multiplied too.

    Outside of a stack, a place is known from

    - the parts of the name: `embeddings`, `cls_token`, `patch_embed`, `feature_extractor` and the
      like are below, `head`, `classifier`, `pooler`, `fc_norm` and the like above; an Embedding is
      below. The first part that says something decides;
    - the order of the modules: what is registered before the stack is below, what after is above,
      and of a list with one part for each stage (`downsample_layers.2`) each goes with its stage.

    Neither tells the place of a bare parameter beside the stack, since modules list those first; of
    a norm before the stack that is not called one of its input; of further lists of layers or
    blocks after it; of what stands between two stacks; of what several layers share. Those are not
    in the result.

    BERT of 12 layers: `bert.embeddings.*` 13, `bert.encoder.layer.0.*` 12, layer 11 1,
    `bert.pooler.*` 0. Swin of 2 and 2 blocks: `layers.1.blocks.0.*` 2.

    Raises `LedgerError` for a model without numbered layers, and for a parameter that the spec
    says to be on both sides.
    """
    stacks = _without_heads(stacks_of(parameters))
    if not stacks:
        raise LedgerError(
            "layer_decay: the model must have numbered layers, as encoder.layer.0 is one; the "
            f"number must follow {', '.join(NUMBERED[:-1])} or {NUMBERED[-1]}. "
            f"Received: none in {len(parameters)} parameters. Leave it out, or give the rates by "
            "lr_multipliers"
        )
    lists = _lists(parameters)
    found = {}
    for position, parameter in enumerate(parameters):
        place = (
            _said(parameter, stacks, below, above)
            or _inside(parameter, stacks)
            or _beside_stages(parameter, position, stacks, lists)
            or _outside(parameter, position, stacks)
        )
        if place is not None:
            found[parameter.name] = place
    return found


def check_placed(parameters: Sequence[Parameter], lost: Sequence[Parameter], rate: float) -> None:
    """Refuse a model in which parameters that train have no place.

    Raises `LedgerError` with their names and the words that say it.
    """
    if not lost:
        return
    stacks = _without_heads(stacks_of(parameters))
    groups = list(dict.fromkeys(_group(p.name, stacks) for p in lost))
    shown = ", ".join(map(repr, groups[:_SHOWN]))
    more = f" and {len(groups) - _SHOWN} more" if len(groups) > _SHOWN else ""
    raise LedgerError(
        "layer_decay: each parameter must be in a layer, below the first or above the last. "
        f"Received: {shown}{more}, of which neither the name nor the order of the modules tells "
        f"it. Say it: layer_decay: {{rate: {rate:g}, below: [{groups[0]!r}]}}, or above: [...] for "
        "the head's rate"
    )


def _group(name: str, stacks: list[Stack]) -> str:
    """A pattern for the module beside the layers that holds a parameter; its name if it is bare."""
    parts = name.split(".")
    end = 1 + max((shared(stack.path, name) for stack in stacks), default=0)
    return name if end >= len(parts) else ".".join((*parts[:end], "*"))


def _said(
    parameter: Parameter, stacks: list[Stack], below: Sequence[Rule], above: Sequence[Rule]
) -> Place | None:
    """What the spec says."""
    low, high = first(below, parameter), first(above, parameter)
    if low is not None and high is not None:
        raise LedgerError(
            f"layer_decay: a parameter must be on one side. Received: {parameter.name!r} in "
            f"below ({low.value!r}) and in above ({high.value!r})"
        )
    if high is not None:
        return Place(f"head (above {high.value})", 0)
    return _below(parameter, stacks, f" (below {low.value})") if low is not None else None


def _inside(parameter: Parameter, stacks: list[Stack]) -> Place | None:
    """The layer, where it is in one; what several share is in none."""
    found = {
        (str(stack), stack.layer[name], stack.depth)
        for stack in stacks
        for name in parameter.names
        if name in stack.layer
    }
    if len(found) != 1:
        return None
    stack, index, depth = found.pop()
    return Place(f"layer {index} of {stack}", depth - index)


def _outside(parameter: Parameter, position: int, stacks: list[Stack]) -> Place | None:
    if any(name in stack.layer for stack in stacks for name in parameter.names):
        return None
    if parameter.kind == "embedding" and not _is_bare(parameter.name, stacks):
        return _below(parameter, stacks)
    told = {_told(name, stack) for name in parameter.names for stack in _nearest(name, stacks)}
    if told & {"below", "above"}:
        return _below(parameter, stacks) if "below" in told else Place("head", 0)
    return _by_order(parameter, position, stacks)


def _below(parameter: Parameter, stacks: list[Stack], how: str = "") -> Place:
    """Below the stack that shares most of its path, among equals the deepest."""
    stack = max(_nearest(parameter.name, stacks), key=lambda stack: stack.depth)
    return Place(f"below {stack}{how}", stack.depth + 1)


def _nearest(name: str, stacks: list[Stack]) -> list[Stack]:
    """The stacks that share most of a name's path."""
    most = max(shared(stack.path, name) for stack in stacks)
    return [stack for stack in stacks if shared(stack.path, name) == most]


def _told(name: str, stack: Stack) -> str:
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
        return None if is_any else _below(parameter, stacks, ", registered before it")
    if position > max(stack.end for stack in beside):
        listed = any(b.isdecimal() and _layered(a) for a, b in pairwise(parts))
        return None if listed else Place("head", 0)
    return None


def _layered(part: str) -> bool:
    """Whether a list is called one of layers: `decoder_blocks`, `blocks_token_only`."""
    return "layer" in part or "block" in part


def _lists(parameters: Sequence[Parameter]) -> dict[str, set[int]]:
    """The numbers in every list of modules, by its path."""
    found: dict[str, set[int]] = {}
    for parameter in parameters:
        parts = parameter.name.split(".")
        for position, part in enumerate(parts):
            if part.isdecimal():
                found.setdefault(".".join(parts[:position]), set()).add(int(part))
    return found


def _beside_stages(
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
        if _told(parameter.name, stack) == "above":
            continue
        if len(parts) < 3 and parameter.kind != "norm":  # a Sequential of bare layers
            continue
        stage = int(parts[0])
        if position > stack.end:
            ends = stack.last if parameter.kind == "norm" else stack.first
            return _with(stack, stage, ends[stage])
        return _with(stack, stage, stack.first[stage]) if stage else None
    return None


def _with(stack: Stack, stage: int, index: int) -> Place:
    return Place(f"layer {index} of {stack}, with stage {stage}", stack.depth - index)


def _without_heads(stacks: list[Stack]) -> list[Stack]:
    """The stacks that are not themselves part of a head or of what is below another one."""
    kept = [
        stack
        for stack in stacks
        if not any(_ABOVE.fullmatch(part) or _BELOW.fullmatch(part) for part in stack.path)
    ]
    return kept or stacks
