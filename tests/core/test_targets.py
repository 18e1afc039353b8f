"""Which targets the loss counts and which are refused, without a framework."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualtrain.backend.targets import (
    are_soft,
    check_shapes,
    check_values,
    count,
    shift_labels,
    shift_logits,
    tolerance,
)
from dualtrain.errors import DataError


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([1, -100, 0, -1]), 3),  # -100 alone does not count
        (np.array([[1, -100], [-100, -100]], np.int8), 1),
        (np.array([200, 0], np.uint8), 2),  # a type that has no -100
        (np.array([[0.9, 0.1], [0.0, 0.0], [0.0, 1e-9]]), 2),  # rows, of which zeros do not
        (np.zeros((0, 3), np.float32), 0),
        (np.zeros(3), 3),  # floats for classes, which are refused when the logits are known
        (np.zeros((3, 1)), 3),
    ],
)
def test_count(labels: Any, expected: int) -> None:
    assert expected == count(labels)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([[1, -100, 0], [2, 2, -100]]), 2),
        (np.array([[1], [0]]), 0),  # one position has none before it
        (np.ones((2, 3, 4)), 4),
    ],
)
def test_count_after_the_shift(labels: Any, expected: int) -> None:
    assert expected == count(labels, shift=True)


@pytest.mark.parametrize("labels", [np.array([1, 0]), np.ones((2, 4)), np.array(1)])
def test_a_shift_needs_positions(labels: Any) -> None:
    """Else sample i would be held against the label of sample i + 1."""
    with pytest.raises(DataError, match=r"^with loss\.shift_labels labels must .*Received: \("):
        count(labels, shift=True)


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
    [((2, 5, 4), (2, 5), False), ((2, 5, 4), (2, 5, 4), True), ((3, 2), (3,), False)],
)
def test_shapes_that_fit(logits: Any, labels: Any, soft: bool) -> None:
    check_shapes(logits, labels, soft=soft)


SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...], bool, str]] = {
    "transposed": ((2, 5, 4), (5, 2), False, "Anything else needs a loss of your own"),
    "a last axis of one": ((5, 4), (5, 1), False, r"labels\[\.\.\., 0\]\. Rec"),
    "one-hot whole numbers": ((5, 4), (5, 4), False, r"labels\.astype\('float32'\)"),
    "flat": ((2, 5, 4), (10,), False, r"flat: labels\.reshape\(2, 5\)"),
    "flat and soft": ((2, 5, 4), (10, 4), True, r"flat: labels\.reshape\(2, 5, 4\)"),
    "float class numbers": ((5, 4), (5,), True, r"labels\.astype\('int64'\)"),
    "float class numbers, an axis of one": ((5, 4), (5, 1), True, r"\[\.\.\., 0\]\.astype\('int64"),
    "sigmoid's labels": ((5, 2), (5,), True, r"numbers to predict need a loss of your own: fit\("),
    "classes second": ((2, 4, 5), (2, 5), False, "let the model return it last"),
    "classes second, images": ((2, 4, 8, 9), (2, 8, 9), False, "let the model return it last"),
    "classes second and soft": ((2, 4, 5), (2, 5, 4), True, "let the model return it last"),
    "fewer samples": ((5, 4), (4,), False, "Give a label for each of the 5 samples"),
}


@pytest.mark.parametrize(("logits", "labels", "soft", "way_out"), SHAPES.values(), ids=SHAPES)
def test_shapes_that_do_not(logits: Any, labels: Any, soft: bool, way_out: str) -> None:
    """Each with what to do about it."""
    with pytest.raises(DataError, match=way_out) as caught:
        check_shapes(logits, labels, soft=soft)
    assert str(caught.value).endswith(f"Received: {labels}")


def test_the_whole_message() -> None:
    with pytest.raises(DataError) as caught:
        check_shapes((5, 4), (5, 1), soft=False)
    assert str(caught.value) == (
        "labels for logits of shape (5, 4) must have the shape (5,): the class axis is the last. "
        "Take the last axis away: labels[..., 0]. Received: (5, 1)"
    )


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("logits", [(4, 1), (2, 3, 1), (4, 0)])
def test_one_class_is_none(logits: Any, soft: bool) -> None:
    """Its softmax is 1 and its loss 0, whatever the labels say."""
    labels = logits if soft else logits[:-1]
    with pytest.raises(DataError, match=r"two classes or more.*fit\(loss=\)\. Received: \("):
        check_shapes(logits, labels, soft=soft)


@pytest.mark.parametrize(("logits", "labels", "soft"), [((4,), (4,), True), ((4,), (), False)])
def test_logits_of_one_axis_are_refused(logits: Any, labels: Any, soft: bool) -> None:
    """A model that squeezes its one output away would train a softmax over its samples."""
    with pytest.raises(DataError, match=r"softmax would be one over the samples.*\(4,\)$"):
        check_shapes(logits, labels, soft=soft)


GOOD: list[NDArray[Any]] = [
    np.array([0, 3, -100]),
    np.array([0, 3], np.uint8),
    np.array([[-100, -100]], np.int8),
    np.zeros(0, np.int64),
    np.eye(4, dtype=np.float16),
    np.zeros((2, 4)),
    np.full((2, 3, 4), 0.25),
    np.zeros((0, 4), np.float32),
]


@pytest.mark.parametrize("labels", GOOD, ids=str)
def test_values_that_are_targets(labels: Any) -> None:
    check_values(labels, 4)


def test_true_and_false_are_two_classes() -> None:
    check_values(np.array([True, False]), 2)
    with pytest.raises(DataError, match=r"true and false are two.*Received: bool$"):
        check_values(np.array([True, False]), 3)


NUMBERS: dict[str, tuple[NDArray[Any], str, str]] = {
    "one too large": (np.array([0, 1, 4]), "row 2", "4"),
    "numbered from 1": (np.array([[1, 2], [3, 4]]), "row 1, position 1", "4"),
    "another number for what does not count": (np.array([2, -1, -100]), "row 1", "-1"),
    "an image's 255": (np.array([[[0, 255]]], np.uint8), "row 0, position 0, 1", "255"),
    "after some that do not count": (np.array([-100, 9]), "row 1", "9"),
}


@pytest.mark.parametrize(("labels", "place", "received"), NUMBERS.values(), ids=NUMBERS)
def test_class_numbers_that_are_none(labels: Any, place: str, received: str) -> None:
    with pytest.raises(DataError) as caught:
        check_values(labels, 4)
    text = str(caught.value)
    assert text.startswith(f"{place}: a label must be one of the model's 4 classes, 0 to 3, or")
    assert text.endswith(f". Received: {received}")


@pytest.mark.parametrize(
    ("labels", "way_out"),
    [
        (np.array([4]), "number the classes from 0, or give the model more outputs"),
        (np.array([-1]), "what is not to count must be -100"),
        (np.array([255], np.uint8), r"which uint8 does not have: labels\.astype\('int64'\)"),
    ],
)
def test_class_numbers_have_a_way_out(labels: Any, way_out: str) -> None:
    with pytest.raises(DataError, match=way_out):
        check_values(labels, 4)


SHARES: dict[str, tuple[list[Any], str, str]] = {
    "several right ones": ([[0, 1, 0], [1, 1, 0]], "row 1: soft labels", "a sum of 2"),
    "all right": ([[1, 1, 1]], "row 0: soft", "a sum of 3"),
    "too little": ([[0.5, 0.25, 0.0]], "row 0: soft", "a sum of 0.75"),
    "next to nothing": ([[0, 1e-9, 0]], "row 0: soft", "a sum of 1e-09"),
    "rounded to two digits": ([[0.33, 0.33, 0.33]], "row 0: soft", "a sum of 0.99"),
    "negative, with a sum of 1": ([[1.5, -0.5, 0]], "row 0: soft labels must be finite", "-0.5"),
    "not a number": ([[0, 1, 0], [np.nan, 0, 1]], "row 1: soft labels must be finite", "nan"),
    "infinite": ([[np.inf, 0, 0]], "row 0: soft labels must be finite", "inf"),
    "numbers to predict": ([[[0, 1, 0], [3.5, -2, 7]]], "row 0, position 1: soft labels", "-2.0"),
}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("rows", "begins", "received"), SHARES.values(), ids=SHARES)
def test_rows_that_are_no_shares(rows: list[Any], begins: str, received: str, dtype: str) -> None:
    with pytest.raises(DataError, match=r"need a loss of your own: fit\(loss=\)") as caught:
        check_values(np.array(rows, dtype), 3)
    assert str(caught.value).startswith(begins)
    found = float(str(caught.value).rpartition(" ")[2])
    assert found == pytest.approx(float(received.rpartition(" ")[2]), rel=1e-6, nan_ok=True)


@pytest.mark.parametrize(
    ("labels", "place"),
    [
        (np.array([[3, 0, 9]]), "row 0, position 2"),
        (np.array([[[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]]]), "row 0, position 2"),
    ],
)
def test_a_shifted_label_stands_where_the_caller_has_it(labels: Any, place: str) -> None:
    shifted = shift_labels(labels, soft=are_soft(labels))
    with pytest.raises(DataError, match=f"^{place}: "):
        check_values(shifted, 2, shifted=True)


@pytest.mark.parametrize("classes", [2, 3, 10, 1000, 20_000])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_what_only_rounding_parts_from_1_is_taken(dtype: str, classes: int) -> None:
    """Softmax, mixup and label smoothing, computed in the type or rounded to it."""
    random = np.random.RandomState(classes)
    kind = np.dtype(dtype)
    wide = random.randn(5, classes) * 3
    logits = wide.astype(kind)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    one_hot = np.zeros((2, 5, classes), kind)
    np.put_along_axis(one_hot, random.randint(0, classes, (2, 5, 1)), 1, -1)
    share = kind.type(0.3)
    smoothing = kind.type(0.1)
    exact = np.exp(wide) / np.exp(wide).sum(-1, keepdims=True)
    for labels in (
        powers / powers.sum(-1, keepdims=True),
        exact.astype(kind),
        exact.astype(np.float32).astype(np.float64),
        share * one_hot[0] + (kind.type(1) - share) * one_hot[1],
        (kind.type(1) - smoothing) * one_hot[0] + smoothing / kind.type(classes),
    ):
        check_values(labels, classes)


def test_a_type_that_numpy_lacks_brings_its_own_epsilon() -> None:
    """bfloat16 rounds a third to 0.333984375: its sum is off by 2e-3."""
    labels = np.full((1, 3), 0.333984375, np.float32)
    check_values(labels, 3, epsilon=2**-7)
    with pytest.raises(DataError, match=r"a sum of 1\.00195312$"):
        check_values(labels, 3)


def test_no_tolerance_lets_a_second_class_pass() -> None:
    """Even of float16 and the largest vocabularies."""
    assert tolerance(2**-23, 4) == pytest.approx(6 * 2**-23)
    assert tolerance(2**-52, 4) == tolerance(2**-23, 4)  # the loss is computed in float32
    assert tolerance(float(np.finfo(np.float16).eps), 250_000) < 0.5
