"""Lines that move an average: d times what it is, and 1 - d times something new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeGuard

from dualtrain.reading import Event, Known, Made, Unknown, Value
from dualtrain.recipes._clock import counted, first_of, same_tree
from dualtrain.recipes._configured import configured
from dualtrain.recipes._found import number

__all__ = ["Moved", "decay_words", "factors", "is_rest", "moved"]

PUTS = ("copy_", "set_value", "assign")
OUTER = ("clone", "detach", "to", "astype", "cast", "type")
"""What changes no number."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One line of it."""

    average: Value
    weight: Value
    decay: Value
    """d."""


def moved(events: Iterable[Event]) -> Iterator[tuple[Event, Moved]]:
    """The lines of a program that move an average."""
    for event in events:
        one = _moved(event) if event.args else None
        if one is not None:
            yield event, one


def _moved(event: Event) -> Moved | None:
    receiver, first = event.receiver, event.args[0]
    if event.name in ("lerp_", "lerp") and receiver is not None and len(event.args) == 2:
        decay = _rest(event.args[1])
        return None if decay is None else Moved(receiver, first, decay)
    if event.name == "add_" and isinstance(receiver, Made) and receiver.path.endswith(".mul_"):
        return _in_place(event, receiver)
    if event.kind == "store" or event.name in PUTS:
        return _sum(_bare(first), receiver)
    return None


def _in_place(event: Event, scaled: Made) -> Moved | None:
    """`average.mul_(d).add_(weight, alpha=1 - d)`, and as older releases of torch have it."""
    if scaled.receiver is None or len(scaled.args) != 1:
        return None
    decay, share = scaled.args[0], event.kwargs.get("alpha")
    *before, weight = event.args
    if share is None and len(before) == 1:
        share = before[0]
    if share is None:
        return _pair(Unknown("", op="*", operands=(decay, scaled.receiver)), weight, None)
    return Moved(scaled.receiver, weight, decay) if is_rest(share, decay) else None


def _sum(value: Value, target: Value | None) -> Moved | None:
    if isinstance(value, Unknown) and value.op == "+":
        one, other = map(_bare, value.operands)
        return _pair(one, other, target) or _pair(other, one, target)
    return None


def _pair(kept: Value, new: Value, target: Value | None) -> Moved | None:
    """`d * average` and `(1 - d) * weight`; which is which, `1 - d` tells, or where it is put."""
    for decay, average in factors(kept):
        for share, weight in factors(new):
            told = _written(share) or (target is not None and _is_of(average, target))
            if told and is_rest(share, decay):
                return Moved(average, weight, decay)
    return None


def _is_of(value: Value, target: Value) -> bool:
    """Whether it is what is written to, or an item of that."""
    if isinstance(value, Unknown) and value.op in ("item", "attr"):
        return value is target or value.operands[0] is target
    return value is target


def factors(product: Value) -> Iterator[tuple[Value, Value]]:
    """Both factors of a product, each once as the first; signs are left out."""
    product = _unsigned(product)
    if isinstance(product, Unknown) and product.op == "*":
        yield from permutations(map(_unsigned, product.operands), 2)


def _unsigned(value: Value) -> Value:
    while isinstance(value, (Known, Unknown)) and value.op == "-" and len(value.operands) == 1:
        value = value.operands[0]
    return value


def _written(share: Value) -> TypeGuard[Known | Unknown]:
    """Whether it is written as `1 - d`."""
    if not isinstance(share, (Known, Unknown)):
        return False
    return share.op == "-" and len(share.operands) == 2


def _rest(share: Value) -> Value | None:
    """d of `1 - d`; None where it is none."""
    if _written(share):
        one, decay = share.operands
        return decay if number(one) == 1 else None
    if isinstance(share, Known) and isinstance(share.value, float):
        return Known(1 - share.value, share.origin)
    return None


def is_rest(share: Value, decay: Value) -> bool:
    """Whether one is `1 - d` of the other."""
    rest = _rest(share)
    if rest is None:
        return False
    a, b = number(rest), number(decay)
    near = a is not None and b is not None and abs(a - b) < 1e-12
    return near or same_tree(rest, decay)


def _bare(value: Value) -> Value:
    while isinstance(value, Made) and value.path.split(".")[-1] in OUTER:
        inner = value.receiver
        if inner is None:
            break
        value = inner
    return value


def decay_words(decay: Value) -> dict[str, Any] | None:
    """What d says in the words of a spec; None of a rule that has none.

    `d if k else 0` begins with the first weights; `min(d, (1 + k) / (10 + k))` warms up; what
    divides the share of the start out is debiased.
    """
    decay = configured(decay)
    if isinstance(decay, Known) and isinstance(decay.value, float) and 0 <= decay.value < 1:
        return {"decay": decay.value}
    if not isinstance(decay, Unknown):
        return None
    match decay.op, decay.operands:
        case "if", (test, kept, nothing) if counted(test) and number(nothing) == 0:
            words = decay_words(kept)
            return None if words is None or first_of(test) != 0 else {**words, "start": "first"}
        case "min", (one, other):
            limit, ratio = (one, other) if number(one) is not None else (other, one)
            words = decay_words(limit)
            return {**words, "warmup": True} if words and _rises(ratio) else None
        case "/", (over, by):
            return _debiased(over, by)
    return None


def _rises(ratio: Value) -> bool:
    """Whether it is `(1 + k) / (10 + k)`, k from 0."""
    if not isinstance(ratio, Unknown) or ratio.op != "/":
        return False
    counts = [_added(one) for one in ratio.operands]
    return [first_of(one) for one in ratio.operands] == [1, 10] and all(counts)


def _added(value: Value) -> bool:
    return isinstance(value, Unknown) and value.op == "+" and counted(value)


def _debiased(over: Value, by: Value) -> dict[str, Any] | None:
    """`d * (1 - before) / (1 - before * d)`, before the product of all d so far."""
    after = _rest(by)
    if not isinstance(over, Unknown) or over.op != "*" or not isinstance(after, Unknown):
        return None
    for decay, factor in factors(over):
        before = _rest(factor)
        if before is None or first_of_share(before) != 1 or after.op != "*":
            continue
        if any(same_tree(a, before) and same_tree(b, decay) for a, b in factors(after)):
            words = decay_words(decay)
            return None if words is None else {**words, "start": "debiased"}
    return None


def first_of_share(value: Value) -> float | None:
    """What a number that is carried from update to update is at first."""
    while isinstance(value, Unknown) and value.op == "carried":
        value = value.operands[0]
    return number(value)
