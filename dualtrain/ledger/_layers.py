"""How many layers are above a parameter: for layer-wise lr decay."""

from __future__ import annotations

from collections.abc import Sequence

from dualtrain.errors import LedgerError
from dualtrain.ledger._beside import (
    Place,
    below_all,
    beside_stages,
    lists_in,
    outside,
    without_heads,
)
from dualtrain.ledger._parameter import Parameter
from dualtrain.ledger._rules import ParameterRule, first
from dualtrain.ledger._stacks import NUMBERED, Stack, shared, stacks_of
from dualtrain.listing import listed

__all__ = ["Place", "check_placed", "places"]

_MOST = 8


def places(
    parameters: Sequence[Parameter],
    *,
    below: Sequence[ParameterRule] = (),
    above: Sequence[ParameterRule] = (),
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
    stacks = without_heads(stacks_of(parameters))
    if not stacks:
        raise LedgerError(
            "layer_decay: the model must have numbered layers, as encoder.layer.0 is one; the "
            f"number must follow {', '.join(NUMBERED[:-1])} or {NUMBERED[-1]}. "
            f"Received: none in {len(parameters)} parameters. Leave it out, or give the rates by "
            "lr_multipliers"
        )
    lists = lists_in(parameters)
    by_name = {}
    for position, parameter in enumerate(parameters):
        place = (
            _by_spec(parameter, stacks, below, above)
            or _inside(parameter, stacks)
            or beside_stages(parameter, position, stacks, lists)
            or outside(parameter, position, stacks)
        )
        if place is not None:
            by_name[parameter.name] = place
    return by_name


def check_placed(parameters: Sequence[Parameter], strays: Sequence[Parameter], rate: float) -> None:
    """Refuse a model in which parameters that train have no place.

    Raises `LedgerError` with their names and the words that say it.
    """
    if not strays:
        return
    stacks = without_heads(stacks_of(parameters))
    groups = list(dict.fromkeys(_group(p.name, stacks) for p in strays))
    raise LedgerError(
        "layer_decay: each parameter must be in a layer, below the first or above the last. "
        f"Received: {listed([*map(repr, groups)], _MOST)}, of which neither the name nor the "
        "order of the modules tells it. Say it: layer_decay: "
        f"{{rate: {rate:g}, below: [{groups[0]!r}]}}, or above: [...] for the head's rate"
    )


def _group(name: str, stacks: list[Stack]) -> str:
    """A pattern for the module beside the layers that holds a parameter; its name if it is bare."""
    parts = name.split(".")
    end = 1 + max((shared(stack.path, name) for stack in stacks), default=0)
    return name if end >= len(parts) else ".".join((*parts[:end], "*"))


def _by_spec(
    parameter: Parameter,
    stacks: list[Stack],
    below: Sequence[ParameterRule],
    above: Sequence[ParameterRule],
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
    return below_all(parameter, stacks, f" (below {low.value})") if low is not None else None


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
