"""What a user reads when the spec's clip, loss or averages are wrong."""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.errors import SpecError
from tests.builders import spec_of

TASK = {
    "batch": {"size": 8},
    "task": {
        "name": "text_classification",
        "train": "train.csv",
        "text": "text",
        "label": "label",
        "model": {"path": "model", "max_length": 8},
    },
}

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "two kinds of clip": (
        {"clip": {"norm": 1.0, "value": 1.0}},
        "clip: give one of global_norm, norm, value. Received: {'norm': 1.0, 'value': 1.0}",
    ),
    "a rule of running variances that nobody has": (
        {"batch_norm": "unbiased"},
        "batch_norm: must be one of 'paddle', 'torch'. Received: 'unbiased'",
    ),
    "a rule of norms beside a value": (
        {"clip": {"value": 1.0, "rule": "torch"}},
        "clip: rule is about norms: leave it out beside value. Received: {'value': 1.0, 'rule': "
        "'torch'}",
    ),
    "no kind of clip": (
        {"clip": {}},
        "clip: give one of global_norm, norm, value. Received: {}",
    ),
    "a threshold that float32 rounds to 0": (
        {"clip": {"norm": 1e-50}},
        "clip.norm: must be >= 1e-30. Received: 1e-50",
    ),
    "a threshold beyond float32": (
        {"clip": {"value": 1e40}},
        "clip.value: must be <= 1e+30. Received: 1e+40",
    ),
    "a tail that leaks into counted targets": (
        {"batch": {"tail": "leak", "normalise": "token_mean"}},
        "batch: tail leak excludes normalise token_mean: the targets of the next epoch's first "
        "group are not known when a tail is divided. Write micro_mean or sum, or tail: flush. "
        "Received: {'tail': 'leak', 'normalise': 'token_mean'}",
    ),
    "all of a target smoothed away": (
        {"loss": {"label_smoothing": 1}},
        "loss.label_smoothing: must be < 1. Received: 1",
    ),
    "a flag as text": (
        {"loss": {"shift_labels": "yes"}},
        "loss.shift_labels: must be true or false; write true. Received: 'yes'",
    ),
    "labels of texts, shifted": (
        TASK | {"loss": {"shift_labels": True}},
        "task: a text has one label, which cannot be shifted: leave loss.shift_labels out. "
        "Received: true",
    ),
}


@pytest.mark.parametrize(("changes", "expected"), CASES.values(), ids=CASES.keys())
def test_what_is_wrong(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec_of(**changes)
    assert expected == str(caught.value)
