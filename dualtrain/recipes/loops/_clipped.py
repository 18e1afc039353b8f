"""Over what a call to clip takes one norm: a tensor, a group of them, or all that are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from dualtrain.reading import Event, Known, ListValue, Made, Unknown, Value, leaves
from dualtrain.recipes._clock import Clock, exclusive, same_tree
from dualtrain.recipes._seen import Seen
from dualtrain.recipes._signatures import given, parameters_of, signature_of
from dualtrain.recipes.parameters._groups import groups_of

__all__ = ["clipped", "in_parts", "one_group"]


def clipped(event: Event, seen: Seen) -> Literal["tensor", "group", "part", "all"]:
    """What a call to clip, or each of its rounds, is given: one of them, a group of the
    optimizer's, a part of the model, or all."""
    of = event.args[0] if event.args else event.kwargs.get("parameters")
    while isinstance(of, ListValue) and len(of.items) == 1 and not of.open:
        of = of.values[0]
    if isinstance(of, ListValue):
        over = [loop.over for loop in event.context.loops if loop.over is not None]
        return "group" if any(map(_groups, over)) else "all"
    if isinstance(of, Made) and isinstance(of.receiver, Unknown):
        return "part" if of.receiver.op == "element" and event.context.loops else "all"
    if not (isinstance(of, Unknown) and of.op in ("element", "item")):
        return "all"
    last = of.operands[-1]
    if of.op == "element" or not (isinstance(last, Known) and last.value == "params"):
        return "tensor" if event.context.loops else "all"
    group = of.operands[0]
    return "group" if getattr(group, "op", "") == "element" or not one_group(seen) else "all"


def one_group(seen: Seen) -> bool | None:
    """Whether all that the optimizer trains is in one group; None where that cannot be told."""
    made = seen.optimizer
    params = None
    if made is not None:
        signature = signature_of(made)
        params = parameters_of(signature, given(made, signature))
    if isinstance(params, ListValue):
        return len(groups_of(params)) < 2
    plain = isinstance(params, Made) and params.path.rpartition(".")[2] == "parameters"
    return True if plain else None


def in_parts(calls: Sequence[Event], clock: Clock) -> bool:
    """Whether calls of one update clip parts of the model, each by itself."""
    models = [(one, _model(one)) for one in calls if clock.within(one) and clock.entered(one)]
    return len(clock.seen.optimizers) == 1 and any(
        not (one is other or same_tree(a, b) or exclusive(one, other))
        for one, a in models
        for other, b in models
        if a is not None and b is not None
    )


def _model(event: Event) -> Value | None:
    """The model whose parameters are clipped."""
    of = event.args[0] if event.args else None
    return of.receiver if isinstance(of, Made) and of.path.endswith(".parameters") else None


def _groups(over: Value) -> bool:
    return any(isinstance(one, Known) and one.value == "param_groups" for one in leaves(over))
