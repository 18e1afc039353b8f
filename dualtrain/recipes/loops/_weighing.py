"""How the losses of an update's micro-batches are weighed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeGuard

from dualtrain.reading import Event, Known, ListValue, Made, Unknown, Value
from dualtrain.recipes._clock import Clock, deep, names_of, same_tree
from dualtrain.recipes._configured import configured
from dualtrain.recipes._found import described, stated
from dualtrain.recipes._record import Found
from dualtrain.recipes._source_lines import function_at
from dualtrain.recipes.loops._loss import loss_of, reduction_of

__all__ = ["weighing"]

COUNTS = ("sum", "numel", "count_nonzero")
"""Methods and functions that count the targets of a batch."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a loss comes to the backward pass."""

    loss: Made | None = None
    """A library's cross-entropy; None where the value is none that is known."""
    divisors: tuple[Value, ...] = ()
    averaged: bool = False
    """Whether a `mean()` is on the way."""


def weighing(clock: Clock) -> Found | None:
    """`normalise` in the spec's words: micro_mean, sum or token_mean; unknown where a loss is no
    mean over its batch. None where a micro-batch is an update, and its loss is a mean."""
    backwards = [one for one in clock.seen.backwards if clock.within(one)]
    if not backwards or any(one.receiver is None for one in backwards):
        return None
    place = backwards[0].place
    ways = [w for one in backwards for value in _losses(one) for w in _ways(value, Way(), set())]
    kinds = {_kind(way, clock): way for way in ways if way.loss is not None}
    if None in kinds:
        return Found(None, "unknown", place, why=_no_mean(kinds[None]))
    size = clock.size
    if set(kinds) == {"group"}:
        return stated("token_mean", place, "computed") if size is not None else None
    if size is None:
        return None
    if any(_divides(one, clock, size) for one in backwards) or _written(clock, backwards, size):
        return stated("micro_mean", place, "computed")
    by = [one for way in ways for one in way.divisors if not _counts(one)]
    if by:
        why = f"the loss is divided by {described(by[0])}, and what that is cannot be told"
        return Found(None, "unknown", place, why=why)
    return stated("sum", place, "computed")


def _losses(backward: Event) -> list[Value]:
    """What goes into a backward pass: `loss.backward()`, `accelerator.backward(loss)`."""
    received = [] if backward.receiver is None else [backward.receiver]
    return [*received, *backward.args]


def _ways(value: Value, way: Way, met: set[int]) -> Iterator[Way]:
    if id(value) in met:
        return
    met.add(id(value))
    inner: list[Value] = []
    match value:
        case Made() if loss_of(value) is not None:
            yield replace(way, loss=loss_of(value))
            return
        case Made(path=path, receiver=receiver, args=args):
            way = replace(way, averaged=way.averaged or path.endswith(".mean"))
            inner = [*([] if receiver is None else [receiver]), *args]
        case Known(op="/", operands=(over, by)) | Unknown(op="/" | "//", operands=(over, by)):
            inner, way = [over], replace(way, divisors=(*way.divisors, by))
        case Unknown(op="*", operands=(first, second)):
            parts = [one for one in (first, second) if not _share(one)]
            shares = [one.operands[1] for one in (first, second) if _share(one)]
            inner, way = parts, replace(way, divisors=(*way.divisors, *shares))
        case Unknown(op="if"):
            inner = list(value.operands[1:])
        case Unknown(op="+" | "-"):
            inner = list(value.operands)
        case Unknown(op="item" | "attr" | "carried" | "element" | "float"):
            inner = [value.operands[0]]
    if not inner:
        yield way
    for one in inner:
        yield from _ways(one, way, met)


def _share(value: Value) -> TypeGuard[Known | Unknown]:
    """Whether it is `1 / n`."""
    if not isinstance(value, (Known, Unknown)) or value.op != "/":
        return False
    over = value.operands[0]
    return isinstance(over, Known) and over.value == 1


def _kind(way: Way, clock: Clock) -> str | None:
    """What a loss is: a `mean` over its batch, one over the `group`; None of what is neither."""
    assert way.loss is not None, "only those that are known are asked"
    reduction = reduction_of(way.loss)
    if reduction == "mean":
        return "mean"
    if any(_of_group(one, clock) for one in way.divisors):
        return "group"
    if any(map(_counts, way.divisors)) or (reduction == "none" and way.averaged):
        return "mean"
    return None


def _counts(by: Value) -> bool:
    """Whether a divisor counts targets: `(labels != -100).sum()`."""
    return any(isinstance(one, Made) and one.path.split(".")[-1] in COUNTS for one in deep(by))


def _of_group(by: Value, clock: Clock) -> bool:
    """Whether a divisor is a sum over all micro-batches of an update."""
    return clock.inner is not None and any(
        isinstance(part, ListValue) and part.over is clock.loop.over
        for one in deep(by)
        if isinstance(one, Unknown) and one.op == "sum"
        for part in one.operands
    )


def _no_mean(way: Way) -> str:
    assert way.loss is not None, "it is one that is known"
    told = reduction_of(way.loss) or "of a kind that is not known"
    by = f", divided by {described(way.divisors[0])}" if way.divisors else ""
    return f"the loss of {way.loss.place} is a reduction {told}{by}: no mean over its targets"


def _divides(backward: Event, clock: Clock, size: Value) -> bool:
    return any(_by_size(one, clock, size) for given in _losses(backward) for one in deep(given))


def _by_size(value: Value, clock: Clock, size: Value) -> bool:
    """Whether it is a division by the number of micro-batches."""
    if not isinstance(value, (Known, Unknown)) or value.op not in ("/", "//", "*"):
        return False
    by = configured(value.operands[-1])
    if len(value.operands) != 2:
        return False
    counted = isinstance(by, Unknown) and by.op == "len" and by.operands[0] is clock.loop.over
    return counted or same_tree(by, configured(size))


def _written(clock: Clock, backwards: list[Event], size: Value) -> bool:
    """Whether the text divides by something of the size's name, in a branch not entered perhaps."""
    names = names_of(size)
    for one in backwards:
        function = function_at(clock.seen.program, one.place)
        for node in ast.walk(function) if function is not None else ():
            if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
                by = node.right if isinstance(node, ast.BinOp) else node.value
                if names & {name.lower() for name in _identifiers(by)}:
                    return True
    return False


def _identifiers(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        match one:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.Constant(value=str(name)):
                yield name
