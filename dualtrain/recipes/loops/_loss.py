"""The loss that is trained on: how its targets are smoothed, and whether it is a mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

from dualtrain.reading import Known, ListValue, Made, Unknown, Value
from dualtrain.recipes._clock import deep
from dualtrain.recipes._found import found, stated
from dualtrain.recipes._record import Found
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes._signatures import given_by
from dualtrain.recipes.loops._moving import factors, is_rest

__all__ = ["loss_of", "loss_part", "reduction_of"]

_TORCH_CLASS = ("weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing")
_PADDLE_CLASS = ("weight", "ignore_index", "reduction", "soft_label", "axis", "use_softmax")
_PADDLE = ("input", "label", *_PADDLE_CLASS)

LOSSES: Mapping[str, Sequence[str]] = {
    "torch.nn.CrossEntropyLoss": _TORCH_CLASS,
    "torch.nn.modules.loss.CrossEntropyLoss": _TORCH_CLASS,
    "torch.nn.functional.cross_entropy": ("input", "target", *_TORCH_CLASS),
    "paddle.nn.CrossEntropyLoss": (*_PADDLE_CLASS, "label_smoothing"),
    "paddle.nn.functional.cross_entropy": (*_PADDLE, "label_smoothing"),
    "timm.loss.LabelSmoothingCrossEntropy": ("smoothing",),
}
"""What computes a cross-entropy, and its parameters in their order."""

SMOOTHS = ("paddle.nn.functional.label_smooth", ("label", "prior_dist", "epsilon"))
"""What smooths targets before the loss, and its parameters."""


def loss_part(seen: Seen) -> Part:
    """`label_smoothing`, where targets are smoothed, and `shift_labels`."""
    part, losses = Part(), list(_losses(seen))
    sums = [] if losses else list(_written_out(seen))
    smoothed = [*map(_smoothing, losses), *(found(share) for _, share in sums)]
    values = {repr(one.value) for one in smoothed}
    if len(values) == 1 and smoothed[0].value != 0:
        part.fields["label_smoothing"] = smoothed[0]
    elif len(values) > 1:
        why = f"several losses, smoothed by {' and '.join(sorted(values))}"
        part.fields["label_smoothing"] = Found(None, "unknown", smoothed[0].place, why=why)
    shifted = [*map(_shifted, losses), *(_cut(one, *SHIFT) for one, _ in sums)]
    if shifted and all(shifted):
        place = losses[0].place if losses else smoothed[0].place
        part.fields["shift_labels"] = stated(True, place, "computed")
    return part


def _losses(seen: Seen) -> Iterator[Made]:
    """The calls that known losses are, of those that a backward pass goes through, each once."""
    met = set[int]()
    for given in _given(seen):
        for value in deep(given):
            if isinstance(value, Made) and loss_of(value) is not None and id(value) not in met:
                met |= {id(value), id(loss_of(value))}
                yield value


def _given(seen: Seen) -> Iterator[Value]:
    """What goes into the backward passes."""
    for event in seen.backwards:
        yield from (event.receiver,) if event.receiver is not None else ()
        yield from event.args


def loss_of(value: Value | None) -> Made | None:
    """The call that a loss is: of a function, or of what makes the object that is called."""
    if not isinstance(value, Made):
        return None
    if value.path in LOSSES:
        return value
    called = value.path.removesuffix(".__call__").removesuffix(".forward")
    return loss_of(value.receiver) if called in LOSSES else None


OLD_WORDS = {("size_average", False): "sum", ("reduce", False): "none"}
"""What torch said before `reduction` -> what that is now."""


def reduction_of(made: Made) -> str | None:
    """mean, sum or none; None where the text does not tell."""
    given = given_by(LOSSES[made.path], made)
    for name in ("reduction", "size_average", "reduce"):
        value = given.get(name, Known(None))
        if not isinstance(value, Known):
            return None
        if value.value not in (None, True):
            return OLD_WORDS.get((name, value.value), str(value.value))
    return "mean"


def _smoothing(call: Made) -> Found:
    """Of a loss that is called: by its own word, or of the targets that it is given."""
    made = loss_of(call)
    assert made is not None, "only losses are asked"
    timm = made.path.startswith("timm.")
    given = given_by(LOSSES[made.path], made).get("smoothing" if timm else "label_smoothing")
    if given is not None:
        return _placed(given, made)
    path, names = SMOOTHS
    for value in (*call.args[1:], *call.kwargs.values()):
        for one in deep(value):
            if isinstance(one, Made) and one.path == path:
                return _placed(given_by(names, one).get("epsilon", Known(0.1)), one)
    return Found(0.1 if timm else 0.0, "implied", made.place, "library default")


def _placed(value: Value, made: Made) -> Found:
    """A number that a call is given, at its own place or else the call's."""
    one = found(value)
    return one if one.place is not None else replace(one, place=made.place)


def _written_out(seen: Seen) -> Iterator[tuple[Value, Value]]:
    """Of losses that are a sum of their own: `(1 - e) * own + e * all.mean()`, both of logarithms
    of a softmax: the sum, and e."""
    for value in _given(seen):
        parts = list(deep(value))
        if not _calls(parts, "log_softmax"):
            continue
        for one in parts:
            share = _share(one) if isinstance(one, Unknown) and one.op in ("+", "-") else None
            if share is not None:
                yield one, share


def _calls(values: Iterable[Value], name: str) -> bool:
    return any(isinstance(one, Made) and one.path.endswith(name) for one in values)


def _share(value: Unknown) -> Value | None:
    """e; None where it is no such sum."""
    for kept, spread in permutations(value.operands, 2):
        for rest, _ in factors(kept):
            for share, logs in factors(spread):
                if is_rest(rest, share) and _calls(deep(logs), ".mean"):
                    return share
    return None


SHIFT = ((None, -1), (1, None))
"""The bounds of `logits[..., :-1, :]` and of `labels[..., 1:]`."""


def _shifted(call: Made) -> bool:
    """Whether a loss is given logits and labels that are cut so."""
    given = [*call.args, *call.kwargs.values()]
    return len(given) > 1 and all(map(_cut, given[:2], SHIFT))


def _cut(value: Value, *wanted: tuple[int | None, int | None]) -> bool:
    """Whether all these bounds are cut on the way to a value."""
    found: set[tuple[Any, ...]] = set()
    for one in deep(value):
        for index in one.operands[1:] if isinstance(one, Unknown) and one.op == "item" else ():
            for part in index.values if isinstance(index, ListValue) else [index]:
                if isinstance(part, Unknown) and part.op == "bounds":
                    found.add(tuple(getattr(end, "value", ...) for end in part.operands[:2]))
    return set(wanted) <= found
