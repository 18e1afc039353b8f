"""The loss that is trained on: how its targets are smoothed, and whether it is a mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dualtrain.reading import Known, Made, Value
from dualtrain.recipes._clock import deep
from dualtrain.recipes._found import found
from dualtrain.recipes._record import Found
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes._signatures import given_by

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
    """`label_smoothing`, where targets are smoothed."""
    part = Part()
    smoothed = [_smoothing(one) for one in _losses(seen)]
    values = {repr(one.value) for one in smoothed}
    if len(values) == 1 and smoothed[0].value != 0:
        part.fields["label_smoothing"] = smoothed[0]
    elif len(values) > 1:
        why = f"several losses, smoothed by {' and '.join(sorted(values))}"
        part.fields["label_smoothing"] = Found(None, "unknown", smoothed[0].place, why=why)
    return part


def _losses(seen: Seen) -> Iterator[Made]:
    """The calls that known losses are, of those that a backward pass goes through, each once."""
    met = set[int]()
    for event in seen.backwards:
        for given in (event.receiver, *event.args):
            for value in deep(given) if given is not None else ():
                if isinstance(value, Made) and loss_of(value) is not None and id(value) not in met:
                    met |= {id(value), id(loss_of(value))}
                    yield value


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
        return found(given)
    path, names = SMOOTHS
    for value in (*call.args[1:], *call.kwargs.values()):
        for one in deep(value):
            if isinstance(one, Made) and one.path == path:
                return found(given_by(names, one).get("epsilon", Known(0.1)))
    return Found(0.1 if timm else 0.0, "implied", made.place, "library default")
