"""Which targets the loss counts, without a framework."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dualtrain.errors import DataError
from dualtrain.targets import are_soft, check_shapes, count, shift_labels, shift_logits


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([1, -100, 0, -1]), 3),  # -100 alone does not count
        (np.array([[1, -100], [-100, -100]], np.int8), 1),
        (np.array([[0.9, 0.1], [0.0, 0.0], [0.0, 1e-9]]), 2),  # rows, of which zeros do not
        (np.zeros((0, 3), np.float32), 0),
    ],
)
def test_count(labels: Any, expected: int) -> None:
    assert expected == count(labels)


def test_the_shift_takes_the_first_label_and_the_last_logits() -> None:
    labels, logits = np.arange(6).reshape(2, 3), np.arange(24).reshape(2, 3, 4)
    assert shift_labels(labels, soft=False).tolist() == [[1, 2], [4, 5]]
    np.testing.assert_array_equal(shift_labels(logits, soft=True), logits[:, 1:, :])
    np.testing.assert_array_equal(shift_logits(logits), logits[:, :2, :])


def test_floats_are_soft() -> None:
    assert [are_soft(np.zeros(2, kind)) for kind in ("f2", "f8", "i8", "u1")] == [True] * 2 + [
        False
    ] * 2


@pytest.mark.parametrize(
    ("logits", "labels", "soft"),
    [((2, 5, 4), (2, 5), False), ((2, 5, 4), (2, 5, 4), True), ((4,), (), False)],
)
def test_shapes_that_fit(logits: Any, labels: Any, soft: bool) -> None:
    check_shapes(logits, labels, soft=soft)


def test_shapes_that_do_not() -> None:
    with pytest.raises(DataError) as caught:
        check_shapes((2, 5, 4), (5, 2), soft=False)
    assert str(caught.value) == (
        "labels for logits of shape (2, 5, 4) must have the shape (2, 5): "
        "the class axis is the last. Received: (5, 2)"
    )
