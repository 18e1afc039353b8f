"""Labels of the wrong kind are refused alike on every backend; what does not count adds nothing."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualtrain import fit
from dualtrain.backend import Backend
from dualtrain.errors import DataError
from dualtrain.trace import read_trace
from dualtrain.training import Run, start
from tests import builders

RANDOM = np.random.RandomState(0)
X: NDArray[np.float32] = RANDOM.randn(4, 3).astype("float32")
WEIGHT: NDArray[np.float32] = RANDOM.randn(4, 3).astype("float32")
LR = 0.5


spec_of = partial(builders.spec_of, optimizer={"name": "sgd", "lr": LR}, duration={"updates": 1})


def linear_of(backend: Backend, outputs: int) -> Any:
    """y = x WEIGHT.T, of the first outputs."""
    model = backend.build_linear(3, outputs)
    bias = np.zeros(outputs, np.float32)
    backend.load_weights(model, {"weight": WEIGHT[:outputs].copy(), "bias": bias})
    return model


def batch(x: NDArray[Any], labels: NDArray[Any]) -> dict[str, Any]:
    """The frameworks' Linear calls its input `input` or `x`."""
    return {"input": x, "x": x, "labels": labels}


Case = tuple[int, NDArray[Any], str]
FLOATS: NDArray[np.float32] = np.array([0.5, 1.7, 1.0, 0.0], np.float32)

WRONG: dict[str, Case] = {
    "one logit, numbers to predict": (1, FLOATS[:, None], "logits must be of two classes or more"),
    "one logit, 0 or 1": (1, np.array([[0], [1], [1], [0]]), "logits must be of two classes"),
    "one logit, class numbers": (1, np.zeros(4, np.int64), "logits must be of two classes"),
    "several right classes": (
        3,
        np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1]], np.float16),
        r"row 1: soft labels.*fit\(loss=\).*Received: a sum of 2$",
    ),
    "shares that lack a part": (
        2,
        np.full((4, 2), 0.25),
        r"row 0: soft labels.*Received: a sum of 0\.5$",
    ),
    "a class too many": (3, np.array([0, 1, 2, 3]), r"row 3: a label must .*Received: 3$"),
    "far out": (3, np.array([0, 10**9, 2, -100]), r"row 1: a label must .*Received: 1000000000$"),
    "another ignored number": (3, np.array([0, -1, 2, 1]), r"row 1: .*-100\. Received: -1$"),
    "a byte's": (3, np.array([0, 1, 255, 1], np.uint8), r"row 2: .*astype.*Received: 255$"),
    "true and false": (3, np.array([True, False] * 2), r"true and false are two"),
    "floats for classes": (3, FLOATS, r"astype\('int64'\).*Received: \(4,\)$"),
    "floats with an axis": (3, FLOATS[:, None], r"astype\('int64'\).*Received: \(4, 1\)$"),
    "sigmoid's labels": (2, FLOATS.round(), r"astype\('int64'\).*Received: \(4,\)$"),
    "sigmoid's labels, all 0": (2, 0 * FLOATS, r"astype\('int64'\).*Received: \(4,\)$"),
    "an axis of one": (3, np.array([[0], [1], [2], [1]]), r"labels\[\.\.\., 0\]\. Received"),
    "one-hot whole numbers": (4, np.eye(4, dtype=np.int64), r"labels\.astype\('float32'\)"),
    "fewer labels": (3, np.array([0, 1]), r"must have the shape \(4,\).*Received: \(2,\)$"),
}


@pytest.mark.parametrize(("outputs", "labels", "message"), WRONG.values(), ids=WRONG)
def test_fit_refuses_it_by_its_place(
    backend: Backend, outputs: int, labels: NDArray[Any], message: str
) -> None:
    """The second micro-batch of a group: nothing has moved."""
    model = linear_of(backend, outputs)
    place = 0 if outputs == 1 else 1  # of one class no labels are right
    parts = [batch(X, labels if place == 0 else np.array([0, 1, 1, 0])), batch(X, labels)]
    spec = spec_of(batch={"accumulate": 2})
    with pytest.raises(DataError, match=rf"^update 0, epoch 0, micro-batch {place}: .*{message}"):
        fit(spec, model, parts)
    np.testing.assert_array_equal(WEIGHT[:outputs], backend.dump_weights(model)["weight"])


@pytest.mark.parametrize(("outputs", "labels", "message"), WRONG.values(), ids=WRONG)
def test_a_loop_of_ones_own_with_our_loss_refuses_it(
    backend: Backend, outputs: int, labels: NDArray[Any], message: str
) -> None:
    """On the CPU: labels on another device are not waited for."""
    model = linear_of(backend, outputs)
    run = start(spec_of(device="cpu"), model, micro_batches_per_epoch=1)
    tensors = backend.to_device({"x": X, "labels": labels}, run.device)
    with pytest.raises(DataError, match=message):
        run.step(backend.cross_entropy_sum(run.model(tensors["x"]), tensors["labels"]))


def test_a_later_update_is_named(backend: Backend) -> None:
    """Two epochs of two updates; the second epoch's last label is out of range."""
    good, bad = np.array([0, 1, 2, 1]), np.array([0, 1, 2, 5])
    epochs = [[good] * 3, [good, good, bad]]
    with pytest.raises(DataError, match=r"^update 3, epoch 1, micro-batch 2: row 3: "):
        fit(
            spec_of(batch={"accumulate": 2}, duration={"epochs": 2}),
            linear_of(backend, 3),
            lambda epoch: [batch(X, labels) for labels in epochs[epoch]],
        )


def test_mixed_and_smoothed_labels_are_taken(backend: Backend) -> None:
    """By hand: both are shares of 1."""
    one_hot = np.eye(4, dtype=np.float32)
    share = np.float32(0.3)
    mixed = share * one_hot + (1 - share) * one_hot[::-1]
    smooth = np.float32(0.9) * one_hot + np.float32(0.1) / 4
    for labels in (mixed, smooth, smooth.astype(np.float16), mixed.astype(np.float64)):
        (update,) = fit(spec_of(), linear_of(backend, 4), [batch(X, labels)])
        logits = X.astype(np.float64) @ WEIGHT.T
        log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        assert update.loss == pytest.approx(-(labels * log_p).sum() / 4, rel=1e-3)


Part = tuple[NDArray[np.float32], NDArray[Any]]


def shares(labels: NDArray[Any]) -> NDArray[np.float64]:
    """q; a row of zeros where a label does not count."""
    if labels.dtype.kind == "f":
        return labels.astype(np.float64)
    rows: NDArray[np.float64] = (labels[..., None] == np.arange(4)).astype(np.float64)
    return rows


def reference(part: Part, smoothing: float, shift: bool) -> tuple[float, int, NDArray[Any]]:
    """Loss sum, targets and d(loss sum) / d(weight) of y = x WEIGHT.T, in float64."""
    x, q = part[0].astype(np.float64), shares(part[1])
    if shift:
        x, q = x[..., :-1, :], q[..., 1:, :]
    x, q = x.reshape(-1, 3), q.reshape(-1, 4)
    total = q.sum(-1, keepdims=True)
    q = (1 - smoothing) * q + smoothing * total / 4
    logits = x @ WEIGHT.T.astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return float(-(q * log_p).sum()), int((total > 0).sum()), (np.exp(log_p) * total - q).T @ x


def part_of(labels: NDArray[Any], seed: int, soft: bool) -> Part:
    x = np.random.RandomState(seed).randn(*labels.shape, 3).astype("float32")
    return x, shares(labels).astype(np.float32) if soft else labels


@pytest.mark.parametrize("empty", [0, 1, 2], ids=["first", "middle", "last"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("soft", [False, True])
def test_token_mean_lets_a_micro_batch_without_targets_add_0(
    backend: Backend, empty: int, smoothing: float, shift: bool, soft: bool, tmp_path: Path
) -> None:
    """Its group is divided by the targets of the others."""
    labels = [np.array([[2, 0, -100], [-100, 3, 1]]), np.array([[1, 1, 2]])]
    nothing = np.array([[1, -100, -100]]) if shift else np.full((2, 3), -100)
    labels.insert(empty, nothing)
    parts = [part_of(one, seed, soft) for seed, one in enumerate(labels)]
    found = [reference(part, smoothing, shift) for part in parts]
    targets = sum(count for _, count, _ in found)
    model = linear_of(backend, 4)
    (update,) = fit(
        spec_of(
            batch={"accumulate": 3, "normalise": "token_mean"},
            loss={"label_smoothing": smoothing, "shift_labels": shift},
        ),
        model,
        [batch(*part) for part in parts],
        trace=tmp_path / "trace.jsonl",
    )
    assert found[empty][:2] == (0.0, 0)
    assert update.loss == pytest.approx(sum(loss for loss, _, _ in found) / targets, rel=1e-5)
    assert update.micro_losses == pytest.approx(
        [loss / max(count, 1) for loss, count, _ in found], rel=1e-5
    )
    step = LR * sum(gradient for _, _, gradient in found) / targets
    np.testing.assert_allclose(backend.dump_weights(model)["weight"], WEIGHT - step, atol=2e-6)


def test_a_sequence_of_one_position_adds_0_after_the_shift(backend: Backend) -> None:
    parts = [batch(X[None], np.array([[0, 1, 2, 3]])), batch(X[None, :1], np.array([[2]]))]
    spec = spec_of(batch={"accumulate": 2, "normalise": "token_mean"}, loss={"shift_labels": True})
    (update,) = fit(spec, linear_of(backend, 4), parts)
    loss, targets, _ = reference((X[None], np.array([[0, 1, 2, 3]])), 0.0, True)
    assert (targets, update.micro_losses[1]) == (3, 0.0)
    assert update.loss == pytest.approx(loss / 3, rel=1e-5)


@pytest.mark.parametrize("normalise", ["micro_mean", "token_mean"])
def test_a_micro_batch_without_samples_is_refused(backend: Backend, normalise: str) -> None:
    """torch would take it, Paddle's Linear fails on it."""
    parts = [batch(X, np.array([0, 1, 2, 1])), batch(X[:0], np.zeros(0, np.int64))]
    spec = spec_of(batch={"accumulate": 2, "normalise": normalise})
    rule = r"a micro-batch must have at least one sample.*'input' of shape \(0, 3\)$"
    with pytest.raises(DataError, match=rf"^update 0, epoch 0, micro-batch 1: {rule}"):
        fit(spec, linear_of(backend, 3), parts)


def own_loss(backend: Backend) -> Any:
    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    return loss


@pytest.mark.parametrize("own", [False, True], ids=["ours", "own"])
def test_a_group_without_targets_is_refused(backend: Backend, own: bool) -> None:
    """By its number and its micro-batches'."""
    good, none = np.array([0, 1, 2, 1]), np.full(4, -100)
    parts = [batch(X, labels) for labels in (good, none, none, none)]
    spec = spec_of(batch={"accumulate": 2, "normalise": "token_mean"}, duration={"epochs": 1})
    rule = r"an update must have at least one counted target: .*Received: none$"
    with pytest.raises(DataError, match=rf"^update 1, epoch 0, micro-batches 2, 3: {rule}"):
        fit(spec, linear_of(backend, 3), parts, loss=own_loss(backend) if own else None)


@pytest.mark.parametrize("own", [False, True], ids=["ours", "own"])
def test_micro_mean_has_no_mean_of_nothing(backend: Backend, own: bool) -> None:
    parts = [batch(X, np.array([0, 1, 2, 1])), batch(X, np.full(4, -100))]
    rule = r"with batch\.normalise micro_mean .*choose token_mean.* Received: none$"
    with pytest.raises(DataError, match=rf"^update 0, epoch 0, micro-batch 1: {rule}"):
        fit(
            spec_of(batch={"accumulate": 2}),
            linear_of(backend, 3),
            parts,
            loss=own_loss(backend) if own else None,
        )


@pytest.mark.parametrize(
    ("x", "labels"),
    [(X, np.array([0, 1, 2, 3])), (X, np.eye(4, dtype=np.float32))],
    ids=["class numbers", "soft"],
)
def test_a_shift_without_positions_is_refused(
    backend: Backend, x: NDArray[Any], labels: NDArray[Any]
) -> None:
    """Else each sample would be held against the next one's label."""
    with pytest.raises(DataError, match=r"micro-batch 0: with loss\.shift_labels labels must"):
        fit(spec_of(loss={"shift_labels": True}), linear_of(backend, 4), [batch(x, labels)])


def test_a_model_that_squeezes_its_output_away_is_refused(backend: Backend) -> None:
    """Of four numbers it would make one softmax: the labels happen to add up to 1."""
    parts = [batch(X[0], np.array([0, 1, 0, 0], np.float32))]
    with pytest.raises(DataError, match=r"one over the samples.* Received: \(4,\)$"):
        fit(spec_of(), linear_of(backend, 4), parts)


def test_a_trace_that_is_asked_for_changes_no_refusal(backend: Backend, tmp_path: Path) -> None:
    """The first micro-batch, the one that the probe looks at."""
    with pytest.raises(DataError, match=r"^update 0, epoch 0, micro-batch 0: row 0: a label"):
        fit(
            spec_of(),
            linear_of(backend, 3),
            [batch(X, np.array([7, 1, 2, 1]))],
            trace=tmp_path / "trace.jsonl",
        )
    trace = read_trace(tmp_path / "trace.jsonl")
    assert trace.updates == ()
    assert trace.end is not None
    assert trace.end.reason.startswith("error: DataError: update 0, epoch 0, micro-batch 0: row 0:")


def test_the_run_is_not_used_up(backend: Backend) -> None:
    """A loop of one's own may go on after a refusal; the group has lost nothing."""
    run: Run = start(spec_of(device="cpu"), linear_of(backend, 3), micro_batches_per_epoch=1)
    x = backend.to_device(
        {"x": X, "bad": np.array([0, 1, 2, 3]), "good": np.array([0, 1, 2, 1])}, run.device
    )
    with pytest.raises(DataError, match=r"^row 3: "):
        backend.cross_entropy_sum(run.model(x["x"]), x["bad"])
    assert run.step(backend.cross_entropy_sum(run.model(x["x"]), x["good"])) is not None
