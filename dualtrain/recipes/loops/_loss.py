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
    "paddle.nn.functional.label_smooth": ("label", "prior_dist", "epsilon"),
}
"""What computes a cross-entropy, or smooths its targets, and its parameters in their order."""

SMOOTHING: Mapping[str, tuple[str, float]] = {
    "timm.loss.LabelSmoothingCrossEntropy": ("smoothing", 0.1),
    "paddle.nn.functional.label_smooth": ("epsilon", 0.1),
}
"""Where the amount is called otherwise, or is not 0 by default."""


def loss_part(seen: Seen) -> Part:
    """`label_smoothing`, where targets are smoothed."""
    part = Part()
    made = list(_losses(seen))
    smoothed = [one for one in map(_smoothing, made) if one is not None]
    values = {repr(one.value) for one in smoothed}
    if len(values) == 1 and smoothed[0].value != 0:
        part.fields["label_smoothing"] = smoothed[0]
    elif len(values) > 1:
        why = f"several losses, smoothed by {' and '.join(sorted(values))}"
        part.fields["label_smoothing"] = Found(None, "unknown", smoothed[0].place, why=why)
    return part


def _losses(seen: Seen) -> Iterator[Made]:
    """The calls of known losses that a backward pass goes through, each once."""
    met = set[int]()
    for event in seen.backwards:
        for given in (event.receiver, *event.args):
            for value in deep(given) if given is not None else ():
                made = loss_of(value)
                if made is not None and id(made) not in met:
                    met.add(id(made))
                    yield made


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


def _smoothing(made: Made) -> Found | None:
    """Of a loss that can smooth; its default where nothing is given."""
    name, default = SMOOTHING.get(made.path, ("label_smoothing", 0.0))
    given = given_by(LOSSES[made.path], made).get(name)
    if given is None:
        return Found(default, "implied", made.place, "library default")
    return found(given)
