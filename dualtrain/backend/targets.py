"""Targets: which labels the loss counts, who shifts them, and which of them are refused.

Class numbers: a label that is not -100 counts. Soft labels, floats, one share per class: a row that
is not all zeros counts. What a label may be is decided here, in numpy, so both frameworks refuse
alike; left to them, the same label is an IndexError, a trace of C++, a crash of the device, or a
loss without a meaning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import DataError

__all__ = [
    "IGNORED",
    "are_soft",
    "check_shapes",
    "check_values",
    "count",
    "shift_labels",
    "shift_logits",
    "smoothed",
]

IGNORED = -100
"""The class number that does not count."""

FLOAT32 = float(np.finfo(np.float32).eps)
"""The loss is computed in float32, so labels are held to nothing finer."""


def are_soft(labels: NDArray[Any]) -> bool:
    """Whether labels are one float per class."""
    return labels.dtype.kind == "f"


def count(labels: NDArray[Any], *, shift: bool = False) -> int:
    """How many targets the loss is a sum over.

    shift: after the first position of every sequence has been left out.

    Raises `DataError` for labels that are neither whole numbers nor floats, and for those that a
    shift would take from one sample to the next, which have no axis of positions.

    >>> count(np.array([1, -100, 0])), count(np.array([[0.9, 0.1], [0.0, 0.0]]))
    (2, 1)
    """
    soft = are_soft(labels)
    if not soft and labels.dtype.kind not in "biu":
        raise DataError(f"labels must be whole numbers or floats. Received: {labels.dtype}")
    if shift:
        needed = "(samples, positions, classes)" if soft else "(samples, positions)"
        if labels.ndim < (3 if soft else 2):
            raise DataError(
                f"with loss.shift_labels labels must have the shape {needed}: where there are no "
                f"positions leave shift_labels out. Received: {labels.shape}"
            )
        labels = shift_labels(labels, soft=soft)
    if soft and (labels.ndim < 2 or labels.shape[-1] < 2):
        return labels.size  # floats for classes: zeros among them too, until the logits are there
    return int(np.count_nonzero(labels.any(axis=-1) if soft else labels != IGNORED))


def shift_labels(labels: Any, *, soft: bool) -> Any:
    """The labels that a causal model's logits are held against: those of the next position.

    labels: (..., positions), soft ones (..., positions, classes); arrays or tensors.
    """
    return labels[..., 1:, :] if soft else labels[..., 1:]


def shift_logits(logits: Any) -> Any:
    """A causal model's logits without the last position's; (..., positions, classes)."""
    return logits[..., :-1, :]


OWN_LOSS = "a loss of your own: fit(loss=)"


def check_shapes(logits: Sequence[int], labels: Sequence[int], *, soft: bool) -> None:
    """Raise `DataError` unless logits and labels belong together.

    logits: (samples, ..., classes), of two classes or more; labels: one, or one row of soft ones,
    per row of logits. Shapes alone are looked at, so nothing waits for a device.
    """
    shape, label_shape = tuple(logits), tuple(labels)
    if len(shape) < 2:
        raise DataError(
            "logits must have the shape (samples, ..., classes): over one axis a softmax would be "
            "one over the samples. Let the model keep the axis of its classes; one logit, or "
            f"numbers to predict, need {OWN_LOSS}. Received: {shape}"
        )
    if shape[-1] < 2:
        raise DataError(
            "logits must be of two classes or more: a softmax over one is always 1, and its loss "
            "always 0. Give the model an output for each class; one logit, or numbers to predict, "
            f"need {OWN_LOSS}. Received: {shape}"
        )
    needed = shape if soft else shape[:-1]
    if label_shape == needed:
        return
    kind = "soft labels (floats)" if soft else "labels"
    raise DataError(
        f"{kind} for logits of shape {shape} must have the shape {needed}: the class axis is the "
        f"last. {_way_out(shape, label_shape, soft=soft)}. Received: {label_shape}"
    )


def _way_out(logits: tuple[int, ...], labels: tuple[int, ...], *, soft: bool) -> str:
    """What to do about labels whose shape is not that of the logits."""
    if soft and labels in (logits[:-1], (*logits[:-1], 1)):
        axis = "" if labels == logits[:-1] else "[..., 0]"
        return (
            f"Class numbers must be whole numbers: labels{axis}.astype('int64'); numbers to "
            f"predict need {OWN_LOSS}"
        )
    if not soft and labels == logits:
        return (
            "One-hot labels must be floats: labels.astype('float32'); several right classes per "
            f"sample need {OWN_LOSS}"
        )
    if not soft and labels == (*logits[:-1], 1):
        return "Take the last axis away: labels[..., 0]"
    if labels == (logits[0], *logits[2:], *(logits[1:2] if soft else ())):
        return "The logits have it second: let the model return it last"
    if labels and labels[1:] == (logits if soft else logits[:-1])[1:]:
        return f"Give a label for each of the {logits[0]} samples"
    if labels == (math.prod(logits[:-1]), *(logits[-1:] if soft else ())):
        return f"These are flat: labels.reshape{logits if soft else logits[:-1]}"
    return f"Anything else needs {OWN_LOSS}"


def check_values(
    labels: NDArray[Any], classes: int, *, epsilon: float | None = None, shifted: bool = False
) -> None:
    """Raise `DataError` for the first label that is no target of a softmax over `classes`.

    labels: class numbers, 0 to classes - 1 or -100; or soft ones, (..., classes), each row with a
        sum of 1, or all 0. The sum may be off by what rounding explains, see `tolerance`.
    epsilon: of the type that soft labels were computed in, where that is not their own.
    shifted: they are those from position 1 on, which the message counts by.
    """
    if are_soft(labels):
        _check_shares(
            labels, tolerance(epsilon or float(np.finfo(labels.dtype).eps), classes), shifted
        )
    else:
        _check_class_numbers(labels, classes, shifted)


def tolerance(epsilon: float, classes: int) -> float:
    """How far from 1 a row of shares may add up: max(epsilon, float32's) (4 + sqrt(classes)).

    Rounding the shares moves the sum by epsilon / 2 at most, however many they are; the sum that a
    softmax divides by is off by some sqrt(classes) roundings.

    >>> tolerance(2**-23, 4), tolerance(2**-10, 4)
    (7.152557373046875e-07, 0.005859375)
    """
    return max(epsilon, FLOAT32) * (4 + math.sqrt(classes))


def _check_class_numbers(labels: NDArray[Any], classes: int, shifted: bool) -> None:
    if labels.dtype.kind == "b" and classes > 2:
        raise DataError(
            f"labels for {classes} classes must be class numbers; true and false are two: "
            f"labels.astype('int64') if they are meant. Received: {labels.dtype}"
        )
    if not labels.size or (labels.min() >= 0 and labels.max() < classes):
        return
    index = _first(((labels < 0) | (labels >= classes)) & (labels != IGNORED))
    if index is None:
        return
    label = int(labels[index])
    way_out = (
        "what is not to count must be -100"
        if label < 0 or label == np.iinfo(labels.dtype).max
        else "number the classes from 0, or give the model more outputs"
    )
    if labels.dtype.kind == "u":
        way_out += f", which {labels.dtype} does not have: labels.astype('int64')"
    raise DataError(
        f"{_place(index, shifted)}: a label must be one of the model's {classes} classes, 0 to "
        f"{classes - 1}, or -100, which does not count: {way_out}. Received: {label}"
    )


def _check_shares(labels: NDArray[Any], allowed: float, shifted: bool) -> None:
    lowest, highest = labels.min(initial=0), labels.max(initial=0)
    if not (lowest >= 0 and highest < np.inf):
        index = _first(~((labels >= 0) & (labels < np.inf)))
        assert index is not None, "the extreme is one of the labels"
        raise DataError(
            f"{_place(index[:-1], shifted)}: soft labels must be finite and not negative; a row of "
            f"zeros does not count. Numbers to predict need {OWN_LOSS}. Received: {labels[index]}"
        )
    sums = labels.sum(axis=-1, dtype=np.float64)
    index = _first((abs(sums - 1) > allowed) & (sums != 0))
    if index is None:
        return
    raise DataError(
        f"{_place(index, shifted)}: soft labels, a share of 1 for each class, must add up to 1, or "
        "be all 0, which does not count: several right classes per sample (multi-label), or "
        f"numbers to predict, need {OWN_LOSS}; of shares that were rounded take "
        f"labels / labels.sum(-1, keepdims=True). Received: a sum of {sums[index]:.9g}"
    )


def _first(wrong: NDArray[np.bool_]) -> tuple[int, ...] | None:
    """The index of the first true entry."""
    if not wrong.any():
        return None
    return tuple(int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))


def _place(index: tuple[int, ...], shifted: bool) -> str:
    """Where a label stands, counted from 0 as the caller's own array is."""
    row, *positions = index
    if shifted:
        positions[-1] += 1
    told = ", ".join(map(str, positions))
    return f"row {row}" + (f", position {told}" if positions else "")


def smoothed(labels: Any, share: float) -> Any:
    """Soft labels, a tensor of (..., classes), as label smoothing has them.

    q becomes (1 - e) q + e sum(q) / classes, so a row of zeros still does not count: [1, 0] is
    [0.95, 0.05] at e = 0.1.
    """
    even = labels.sum(-1, keepdim=True) / labels.shape[-1]
    return (1.0 - share) * labels + share * even
