"""The loss on every backend, against float64: what counts, smoothing, soft labels, the shift."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualtrain import fit
from dualtrain.backend import Backend
from dualtrain.errors import DataError, SpecError
from tests import builders

Floats = NDArray[np.floating[Any]]

RANDOM = np.random.RandomState(0)
LOGITS: NDArray[np.float32] = (RANDOM.randn(2, 5, 4) * 3).astype("float32")
HARD = np.array([[0, 3, -100, 1, 2], [-100, -100, 1, 0, 3]])
SOFT: NDArray[np.float32] = RANDOM.dirichlet(np.ones(4), (2, 5)).astype("float32")
SOFT[0, 1] = 0.0  # does not count
SOFT[1, 4] = [0.0, 0.75, 0.25, 0.0]


def one_hot(labels: NDArray[Any], classes: int) -> Floats:
    """Soft labels; a row of zeros where the label does not count."""
    rows: Floats = (labels[..., None] == np.arange(classes)).astype(np.float64)
    return rows


def reference(logits: Floats, q: Floats, smoothing: float = 0.0) -> tuple[float, Floats]:
    """The sum of the cross-entropy and its gradient, in float64."""
    wide = logits.astype(np.float64)
    log_p = wide - np.log(np.exp(wide).sum(-1, keepdims=True))
    total = q.astype(np.float64).sum(-1, keepdims=True)
    q = (1 - smoothing) * q + smoothing * total / logits.shape[-1]
    return float(-(q * log_p).sum()), np.exp(log_p) * total - q


def measured(
    backend: Backend, logits: NDArray[np.float32], labels: NDArray[Any], smoothing: float
) -> tuple[float, Floats]:
    """The same from the backend: rows of the identity into a Linear whose weight is the logits."""
    rows = logits.reshape(-1, logits.shape[-1])
    count, classes = rows.shape
    model = backend.build_linear(count, classes)
    weights = {"weight": rows.T.copy(), "bias": np.zeros(classes, np.float32)}
    backend.load_weights(model, weights)
    device = backend.open_device(builders.spec_of().device)
    model = backend.place(model, device)
    arrays = {"x": np.eye(count, dtype=np.float32), "labels": labels}
    tensors = backend.to_device(arrays, device)
    outputs = model(tensors["x"]).reshape(logits.shape)
    loss = backend.cross_entropy_sum(outputs, tensors["labels"], label_smoothing=smoothing)
    loss.backward()
    found = backend.to_numpy(model.weight.grad)  # Paddle keeps it the other way round
    gradient = found if found.shape == rows.shape else found.T
    return backend.numbers([loss])[0], gradient.reshape(logits.shape)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.75])
@pytest.mark.parametrize("labels", [HARD, SOFT], ids=["class numbers", "soft labels"])
def test_value_and_gradient_are_the_formulas(
    backend: Backend, labels: NDArray[Any], smoothing: float
) -> None:
    q = labels if labels is SOFT else one_hot(labels, 4)
    value, gradient = reference(LOGITS, q, smoothing)
    found = measured(backend, LOGITS, labels, smoothing)
    assert found[0] == pytest.approx(value, rel=1e-6)
    np.testing.assert_allclose(found[1], gradient, atol=1e-6)


@pytest.mark.parametrize("labels", [HARD, SOFT], ids=["class numbers", "soft labels"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_logits_of_a_low_type_are_taken_as_they_are(
    backend: Backend, dtype: str, labels: NDArray[Any]
) -> None:
    """Rounded once, by whoever made them: the loss is float32's of these very numbers."""
    given = {"logits": LOGITS, "labels": labels}
    tensors = backend.to_device(given, backend.open_device(builders.spec_of().device))
    verbs: Any = backend  # a verb that backends have for themselves
    low = verbs.cast(tensors["logits"], dtype)
    q = labels if labels is SOFT else one_hot(labels, 4)
    for smoothing in (0.0, 0.1):
        value, _ = reference(backend.to_numpy(low), q, smoothing)
        loss = backend.cross_entropy_sum(low, tensors["labels"], label_smoothing=smoothing)
        assert str(loss.dtype).endswith("float32")
        assert backend.numbers([loss])[0] == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("soft", [False, True])
def test_what_does_not_count_has_no_gradient(
    backend: Backend, smoothing: float, soft: bool
) -> None:
    labels = one_hot(HARD, 4).astype(np.float32) if soft else HARD
    _, gradient = measured(backend, LOGITS, labels, smoothing)
    assert not gradient[HARD == -100].any()
    assert gradient[HARD != -100].all()


@pytest.mark.parametrize(
    "labels",
    [HARD[..., None], HARD.T, HARD.ravel(), one_hot(HARD, 4).astype(np.int64), SOFT[..., 0]],
    ids=["a last axis of one", "transposed", "flat", "one-hot whole numbers", "floats, no classes"],
)
def test_labels_of_another_shape_are_refused(backend: Backend, labels: NDArray[Any]) -> None:
    tensors = backend.to_device({"x": LOGITS, "y": labels.copy()}, backend.open_device("cpu"))
    with pytest.raises(DataError, match=r"logits of shape \(2, 5, 4\) must have .* Received: \("):
        backend.cross_entropy_sum(tensors["x"], tensors["y"])


spec_of = partial(builders.spec_of, duration={"updates": 1})


def batch(x: Floats, labels: NDArray[Any]) -> dict[str, Any]:
    """The frameworks' Linear calls its input `input` or `x`; what a model does not name is left."""
    return {"input": x, "x": x, "labels": labels}


WEIGHT: NDArray[np.float32] = RANDOM.randn(4, 3).astype("float32")
X: NDArray[np.float32] = RANDOM.randn(2, 5, 3).astype("float32")


@pytest.fixture
def linear(backend: Backend) -> Any:
    """y = x WEIGHT.T, four classes."""
    model = backend.build_linear(3, 4)
    backend.load_weights(model, {"weight": WEIGHT, "bias": np.zeros(4, np.float32)})
    return model


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("soft", [False, True])
def test_a_causal_models_targets_are_counted_after_the_shift(
    backend: Backend, linear: Any, smoothing: float, soft: bool
) -> None:
    """Of ten labels three do not count; of those that a position has before it six are left."""
    labels = one_hot(HARD, 4).astype(np.float32) if soft else HARD
    spec = spec_of(loss={"label_smoothing": smoothing, "shift_labels": True})
    (update,) = fit(spec, linear, [batch(X, labels)])
    logits = X[:, :-1].astype(np.float64) @ WEIGHT.T
    value, _ = reference(logits, one_hot(HARD[:, 1:], 4), smoothing)
    assert update.loss == pytest.approx(value / 6, rel=1e-6)
    assert update.micro_losses == pytest.approx([value / 6], rel=1e-6)


def test_shifted_data_gives_what_the_shift_gives(backend: Backend, linear: Any) -> None:
    (here,) = fit(spec_of(loss={"shift_labels": True}), linear, [batch(X, HARD)])
    weights = {"weight": WEIGHT, "bias": np.zeros(4, np.float32)}
    backend.load_weights(linear, weights)
    (there,) = fit(spec_of(), linear, [batch(X[:, :-1], HARD[:, 1:])])
    assert here.loss == there.loss


def test_token_mean_weighs_targets_and_micro_mean_micro_batches(
    backend: Backend, tmp_path: Path
) -> None:
    """31 and 3 targets, two micro-batches an update: by tokens, or as if both were as long."""
    random = np.random.RandomState(1)
    parts = []
    for count in (31, 3):
        x = random.randn(1, 40, 3).astype("float32") + count / 10
        labels = np.full((1, 40), -100)
        labels[0, 1 : count + 1] = random.randint(0, 4, count)
        labels[0, 0] = 1  # the first label has nothing before it: HF counts it, 32 and 4
        parts.append(batch(x, labels))
    found = []
    for normalise, divisors in (("micro_mean", (62, 6)), ("token_mean", (34, 34))):
        model = backend.build_linear(3, 4)
        backend.load_weights(model, {"weight": WEIGHT, "bias": np.zeros(4, np.float32)})
        spec = spec_of(loss={"shift_labels": True}, batch={"accumulate": 2, "normalise": normalise})
        (update,) = fit(spec, model, parts, trace=tmp_path / "trace.jsonl")
        loss, total = 0.0, np.zeros(16)
        for part, divisor in zip(parts, divisors, strict=True):
            x = part["x"][:, :-1].astype(np.float64)
            value, d = reference(x @ WEIGHT.T, one_hot(part["labels"][:, 1:], 4))
            loss += value / divisor
            by_weight = np.einsum("btc,bti->ci", d, x)
            total += np.append(by_weight.ravel(), d.sum((0, 1))) / divisor
        assert update.loss == pytest.approx(loss, rel=1e-5)
        assert update.grad_norm == pytest.approx(float(np.linalg.norm(total)), rel=1e-5)
        found.append(update.grad_norm)
    assert found[0] != pytest.approx(found[1], rel=0.1)


@pytest.mark.parametrize(
    ("labels", "loss"),
    [
        (np.array([[2, -100, -100]]), {"shift_labels": True}),
        (np.array([[2]]), {"shift_labels": True}),
        (np.zeros((1, 3, 4), np.float32), {}),
    ],
    ids=["only the first counts", "one position", "soft zeros"],
)
def test_a_batch_in_which_nothing_counts_is_refused(
    backend: Backend, linear: Any, labels: NDArray[Any], loss: dict[str, Any]
) -> None:
    x = X[:1, : labels.shape[1]]
    with pytest.raises(DataError, match=r"at least one counted target.*\. Received: none"):
        fit(spec_of(loss=loss), linear, [batch(x, labels)])


def test_a_loss_of_ones_own_and_the_specs_exclude_each_other(
    backend: Backend, linear: Any, tmp_path: Path
) -> None:
    """Before anything is written: which of them is meant cannot be told."""
    spec = spec_of(loss={"label_smoothing": 0.1})
    with pytest.raises(SpecError, match=r"^loss: excludes a loss function of your own\. Rec"):
        fit(spec, linear, [batch(X, HARD)], loss=lambda model, t: 0.0, output=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
