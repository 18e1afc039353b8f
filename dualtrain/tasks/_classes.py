"""What all tasks that choose one of several classes do with logits, in float64."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import MicroBatch
from dualtrain.errors import DataError
from dualtrain.tasks._score import Score

__all__ = ["NO_TARGET", "class_predictions", "cross_entropy", "log_probabilities", "score_classes"]

NO_TARGET = -100
"""The label of what has none: it counts neither in the loss nor in the score."""


def score_classes(
    outputs: Iterable[tuple[NDArray[np.float32], MicroBatch]], *, classes: int, samples: str
) -> Score:
    """Right answers and mean cross-entropy.

    samples: what the samples are called. Raises `DataError` for outputs of another shape.
    """
    correct, total, loss = 0, 0, 0.0
    for output, batch in outputs:
        labels = batch["labels"]
        if output.shape != (len(labels), classes):
            raise DataError(
                f"the model's output must have the shape ({samples}, classes), "
                f"{(len(labels), classes)}. Received: {output.shape}"
            )
        correct += int((output.argmax(axis=-1) == labels).sum())
        loss += cross_entropy(output, labels)
        total += len(labels)
    return Score(examples=total, loss=loss / total, correct=correct)


def cross_entropy(logits: NDArray[np.float32], labels: NDArray[Any]) -> float:
    """The sum over all targets; logits: (targets, classes), labels: (targets,)."""
    found = np.take_along_axis(log_probabilities(logits), labels[:, None], axis=-1)
    return -float(found.sum())


def class_predictions(
    logits: NDArray[np.float32], classes: Sequence[str]
) -> list[Mapping[str, Any]]:
    """The likeliest class of each sample, and its probability: the softmax of the logits."""
    likeliest = logits.argmax(axis=-1)
    probabilities = np.exp(log_probabilities(logits).max(axis=-1))
    return [
        {"prediction": classes[number], "probability": float(probability)}
        for number, probability in zip(likeliest, probabilities, strict=True)
    ]


def log_probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """The logarithm of the softmax over the last axis."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    found: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return found
