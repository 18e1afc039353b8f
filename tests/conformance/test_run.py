"""One update on every backend: clock, groups, divisors, clip, decay, and what the trace says."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualtrain import Spec, fit
from dualtrain.backend import Backend
from dualtrain.errors import BackendError, DataError, OutputError, PlanError
from dualtrain.parity import compare_with_plan
from dualtrain.trace import Computation, read_trace
from dualtrain.training import Run, start
from tests import builders

WEIGHT: NDArray[np.float32] = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]], np.float32)
BIAS: NDArray[np.float32] = np.array([0.1, -0.2], np.float32)


spec_of = partial(builders.spec_of, duration={"epochs": 2})


@pytest.fixture
def linear(backend: Backend) -> Any:
    """y = x WEIGHT.T + BIAS."""
    model = backend.build_linear(3, 2)
    backend.load_weights(model, {"weight": WEIGHT, "bias": BIAS})
    return model


def batch(samples: int = 4, seed: int = 0) -> dict[str, Any]:
    random = np.random.RandomState(seed)
    return {
        "x": random.randn(samples, 3).astype("float32"),
        "labels": random.randint(0, 2, samples),
    }


def classify(backend: Backend) -> Any:
    """A loss for a bare Linear, whose input both frameworks name differently."""

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    return loss


def gradient(
    part: dict[str, Any],
    divisor: float,
    weight: NDArray[np.float32] = WEIGHT,
    bias: NDArray[np.float32] = BIAS,
) -> NDArray[np.float64]:
    """d(cross-entropy sum / divisor) / d(weight, bias), flat, in float64."""
    x = part["x"].astype(np.float64)
    logits = x @ weight.T.astype(np.float64) + bias
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(x)), part["labels"]] -= 1.0
    flat: NDArray[np.float64] = np.concatenate([(p.T @ x).ravel(), p.sum(0)]) / divisor
    return flat


def loss_sum(part: dict[str, Any]) -> float:
    """The cross-entropy with WEIGHT and BIAS, summed over the samples, in float64."""
    logits = part["x"].astype(np.float64) @ WEIGHT.T.astype(np.float64) + BIAS
    chosen = logits[np.arange(len(logits)), part["labels"]]
    return float((np.log(np.exp(logits).sum(1)) - chosen).sum())


def run_of(backend: Backend, model: Any, spec: Spec, micro_batches: int) -> Run:
    return start(spec, model, micro_batches_per_epoch=micro_batches, measure=True)


def test_the_clock_counts_updates_and_the_tail_is_one_of_its_own(
    backend: Backend, linear: Any
) -> None:
    run = run_of(backend, linear, spec_of(batch={"accumulate": 2}), 5)
    clocks = []
    for index in range(10):
        part = backend.to_device(batch(seed=index), run.device)
        applied = run.step(classify(backend)(run.model, part), divisor=4)
        clocks.append(applied.t if applied is not None else None)
    assert clocks == [None, 0, None, 1, 2, None, 3, None, 4, 5]
    assert run.t == 6


def test_a_dropped_tail_leaves_no_gradient(backend: Backend, linear: Any) -> None:
    """Nor does an update: the second group's gradient is its own (the rate is 0 at first)."""
    spec = spec_of(batch={"accumulate": 2, "tail": "drop"}, warmup={"steps": 1})
    run = run_of(backend, linear, spec, 3)
    applied = []
    for index in range(6):
        part = backend.to_device(batch(seed=index), run.device)
        applied.append(run.step(classify(backend)(run.model, part), divisor=8))
    assert [a is None for a in applied] == [True, False, True, True, False, True]
    for t, indices in enumerate([(0, 1), (3, 4)]):
        done = applied[indices[-1]]
        assert done is not None
        assert done.t == t
        expected = np.linalg.norm(sum(gradient(batch(seed=i), 8) for i in indices))
        assert backend.numbers([done.grad_norm]) == pytest.approx([float(expected)], rel=1e-5)


@pytest.mark.parametrize("normalise", ["micro_mean", "token_mean", "sum"])
def test_the_accumulated_gradient_is_that_of_the_formula(
    backend: Backend, linear: Any, normalise: str, tmp_path: Path
) -> None:
    """Micro-batches of 5 and of 2 samples: the mean or the sum of means, or the mean over all 7."""
    parts = [batch(5, seed=1), batch(2, seed=2)]
    spec = spec_of(batch={"accumulate": 2, "normalise": normalise}, duration={"updates": 1})
    (update,) = fit(spec, linear, parts, loss=classify(backend), trace=tmp_path / "trace.jsonl")
    divisors = {"micro_mean": (10, 4), "token_mean": (7, 7), "sum": (5, 2)}[normalise]
    expected = sum(gradient(p, d) for p, d in zip(parts, divisors, strict=True))
    assert update.grad_norm == pytest.approx(float(np.linalg.norm(expected)), rel=1e-5)
    sums = [loss_sum(part) for part in parts]
    assert update.micro_losses == pytest.approx([sums[0] / 5, sums[1] / 2], rel=1e-5)
    loss = sum(s / d for s, d in zip(sums, divisors, strict=True))
    assert update.loss == pytest.approx(loss, rel=1e-5)


def test_a_short_group_is_divided_by_its_real_size(
    backend: Backend, linear: Any, tmp_path: Path
) -> None:
    spec = spec_of(batch={"accumulate": 3}, duration={"epochs": 1})
    part = batch(4, seed=3)
    (update,) = fit(spec, linear, [part], loss=classify(backend), trace=tmp_path / "trace.jsonl")
    expected = float(np.linalg.norm(gradient(part, 4)))
    assert update.grad_norm == pytest.approx(expected, rel=1e-5)


def test_a_loop_of_ones_own_divides_by_the_groups_real_size(backend: Backend, linear: Any) -> None:
    """`step(loss)` takes means: a group of two and the tail of one, each divided by its size."""
    spec = spec_of(batch={"accumulate": 2}, warmup={"steps": 1})
    run = run_of(backend, linear, spec, 3)
    norms = []
    for index in range(3):
        part = backend.to_device(batch(seed=index), run.device)
        done = run.step(classify(backend)(run.model, part) / 4)
        norms += [] if done is None else backend.numbers([done.grad_norm])
    first = gradient(batch(seed=0), 8) + gradient(batch(seed=1), 8)
    expected = [float(np.linalg.norm(g)) for g in (first, gradient(batch(seed=2), 4))]
    assert norms == pytest.approx(expected, rel=1e-5)


def test_the_update_is_adamws_with_the_specs_numbers(backend: Backend, linear: Any) -> None:
    """Three updates with betas and an eps of no framework's default, against float64.

    The eps is as large as the clipped gradient, so that the update shows what was clipped.
    """
    lr, (b1, b2), eps, limit = 0.1, (0.7, 0.95), 0.01, 0.02
    optimizer = {"name": "adamw", "lr": lr, "betas": [b1, b2], "eps": eps}
    weight_decay = {"value": 0.5, "exclude": ["bias"]}
    decay = np.repeat([0.5, 0.0], [6, 2])
    spec = spec_of(optimizer=optimizer, weight_decay=weight_decay, clip={"global_norm": limit})
    run = run_of(backend, linear, spec, 3)
    w, m, v = np.append(WEIGHT, BIAS).astype(np.float64), np.zeros(8), np.zeros(8)
    for k in (1, 2, 3):
        before = backend.dump_weights(run.model)
        g = gradient(batch(seed=k), 4, before["weight"], before["bias"])
        g *= limit / max(float(np.linalg.norm(g)), limit)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        w *= 1 - lr * decay
        w -= lr * (m / (1 - b1**k)) / (np.sqrt(v / (1 - b2**k)) + eps)
        part = backend.to_device(batch(seed=k), run.device)
        run.step(classify(backend)(run.model, part), divisor=4)
        after = backend.dump_weights(run.model)
        np.testing.assert_allclose(np.append(after["weight"], after["bias"]), w, rtol=1e-5)


@pytest.mark.parametrize("limit", [0.01, 1e6])
def test_the_clip_is_c_over_max_of_norm_and_c(
    backend: Backend, linear: Any, limit: float, tmp_path: Path
) -> None:
    spec = spec_of(
        clip={"global_norm": limit},
        weight_decay={"value": 0.5, "exclude": ["bias"]},  # in torch, two parameter groups
        duration={"updates": 3},
    )
    updates = fit(spec, linear, [batch()], loss=classify(backend), trace=tmp_path / "trace.jsonl")
    for update in updates:
        assert update.grad_norm is not None
        expected = update.grad_norm * limit / max(update.grad_norm, limit)
        assert update.clipped_norm == pytest.approx(expected, rel=1e-6)


def test_without_a_clip_there_is_no_clipped_norm(
    backend: Backend, linear: Any, tmp_path: Path
) -> None:
    (update,) = fit(
        spec_of(duration={"updates": 1}),
        linear,
        [batch()],
        loss=classify(backend),
        trace=tmp_path / "trace.jsonl",
    )
    assert update.grad_norm is not None
    assert update.clipped_norm is None


def test_only_what_the_ledger_says_decays(backend: Backend, linear: Any) -> None:
    """With gradients of zero, AdamW leaves w (1 - lr x decay)."""
    spec = spec_of(weight_decay={"value": 0.5, "exclude": ["bias"]}, duration={"updates": 1})
    run = run_of(backend, linear, spec, 1)
    part = backend.to_device(batch(), run.device)
    run.step(classify(backend)(run.model, part) * 0.0, divisor=1)
    after = backend.dump_weights(run.model)
    np.testing.assert_allclose(after["weight"], WEIGHT * (1 - 0.1 * 0.5), rtol=1e-6)
    np.testing.assert_array_equal(after["bias"], BIAS)
    assert backend.effective_decay(run.optimizer, run.model) == {"weight": 0.5, "bias": 0.0}


def test_a_parameter_without_a_gradient_stands_still(backend: Backend, linear: Any) -> None:
    """Neither momentum nor decay moves it, though an earlier update gave it a gradient."""
    run = run_of(backend, linear, spec_of(weight_decay={"value": 0.5}), 2)
    part = backend.to_device(batch(), run.device)
    run.step(classify(backend)(run.model, part), divisor=4)
    before = backend.dump_weights(run.model)
    run.step(run.model.weight.sum())
    after = backend.dump_weights(run.model)
    assert not np.array_equal(after["weight"], before["weight"])
    np.testing.assert_array_equal(after["bias"], before["bias"])


def test_the_first_update_of_a_warmup_moves_nothing(backend: Backend, linear: Any) -> None:
    spec = spec_of(warmup={"steps": 2}, duration={"updates": 3})
    run = run_of(backend, linear, spec, 1)
    part = backend.to_device(batch(), run.device)
    moved, rates = [], []
    for _ in range(3):
        before = backend.dump_weights(run.model)
        done = run.step(classify(backend)(run.model, part), divisor=4)
        assert done is not None
        rates.append(done.lr)
        after = backend.dump_weights(run.model)
        moved.append(any(not np.array_equal(after[name], before[name]) for name in after))
    assert rates == [0.0, 0.05, 0.1]
    assert moved == [False, True, True]


def test_fit_trains_in_training_mode(backend: Backend, linear: Any) -> None:
    linear.eval()
    modes = []

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        modes.append(model.training)
        return classify(backend)(model, tensors)

    fit(spec_of(), linear, [batch()], loss=loss)
    assert modes == [True, True]


def test_labels_of_minus_100_are_not_counted(backend: Backend, linear: Any) -> None:
    whole, masked = batch(2, seed=4), batch(6, seed=4)
    masked["x"][:2], masked["labels"][:2] = whole["x"], whole["labels"]
    masked["labels"][2:] = -100
    spec = spec_of(duration={"updates": 1}, warmup={"steps": 0})
    losses = []
    for part in (whole, masked):
        backend.load_weights(linear, {"weight": WEIGHT, "bias": BIAS})
        losses.append(fit(spec, linear, [part], loss=classify(backend))[0].loss)
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


@pytest.mark.parametrize("dtype", ["int32", "uint8"])
def test_labels_may_be_any_whole_numbers(backend: Backend, linear: Any, dtype: str) -> None:
    part = batch()
    losses = []
    for labels in (part["labels"], part["labels"].astype(dtype)):
        backend.load_weights(linear, {"weight": WEIGHT, "bias": BIAS})
        done = fit(spec_of(), linear, [part | {"labels": labels}], loss=classify(backend))
        losses.append(done[0].loss)
    assert losses[0] == losses[1]


def test_a_batch_without_counted_targets_is_refused(backend: Backend, linear: Any) -> None:
    empty = batch() | {"labels": np.full(4, -100)}
    with pytest.raises(DataError, match=r"at least one counted target.*\. Received: none"):
        fit(spec_of(), linear, [empty], loss=classify(backend))


def test_a_batch_without_labels_is_refused(backend: Backend, linear: Any) -> None:
    with pytest.raises(DataError, match=r"must have 'labels', .* Received: 'x'$"):
        fit(spec_of(), linear, [{"x": batch()["x"]}])


def test_a_batch_is_copied_whatever_its_memory_is_like(backend: Backend) -> None:
    """Read-only (without a warning: those are errors here), reversed, and changed afterwards."""
    given = batch()["x"]
    backwards = given[:, ::-1]
    backwards.flags.writeable = False
    tensors = backend.to_device({"x": backwards}, backend.open_device("cpu"))
    expected = backwards.copy()
    given[:] = 0
    np.testing.assert_array_equal(backend.to_numpy(tensors["x"]), expected)


@pytest.mark.parametrize(
    ("batches", "received"),
    [
        ([3], "int"),
        ([{}], "dict, empty"),
        ([()], "tuple, empty"),
        ([(WEIGHT, WEIGHT, WEIGHT)], "tuple of 3"),  # a Linear takes one input
        ({"x": WEIGHT, "labels": WEIGHT}, "dict, which is one micro-batch"),
        (({} for _ in range(2)), "generator"),
        (lambda epoch: iter([{}]), "list_iterator"),
    ],
)
def test_batches_of_another_shape_are_refused(
    backend: Backend, linear: Any, batches: Any, received: str
) -> None:
    with pytest.raises(DataError, match=rf"must be a .* Received: {received}$"):
        fit(spec_of(), linear, batches)


def test_no_batches_at_all_are_refused(backend: Backend, linear: Any) -> None:
    with pytest.raises(DataError, match=r"at least one micro-batch: .* Received: list, empty$"):
        fit(spec_of(), linear, [])


def test_another_number_of_batches_in_a_later_epoch_is_refused(
    backend: Backend, linear: Any
) -> None:
    with pytest.raises(DataError, match=r"first, 2. Received: 1 in epoch 1"):
        fit(spec_of(), linear, lambda epoch: [batch()] * (2 - epoch), loss=classify(backend))


def test_token_mean_needs_the_groups_count(backend: Backend, linear: Any) -> None:
    run = run_of(backend, linear, spec_of(batch={"normalise": "token_mean"}), 1)
    part = backend.to_device(batch(), run.device)
    with pytest.raises(PlanError, match=r"counted targets in the whole group\. Received: None"):
        run.step(classify(backend)(run.model, part))


def test_loading_a_backend_says_nothing(backend: Backend) -> None:
    code = f"from dualtrain.backend import load_backend; load_backend({backend.NAME!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_another_backend_than_the_models_is_refused(backend: Backend, linear: Any) -> None:
    with pytest.raises(BackendError, match=r"backend must be one of .* Received: 'jax'"):
        start(spec_of(), linear, micro_batches_per_epoch=1, backend="jax")


def test_a_missing_device_is_refused(backend: Backend, linear: Any) -> None:
    with pytest.raises(
        BackendError, match=r"^device: .* sees \d+ CUDA devices. Received: 'cuda:9'"
    ):
        start(spec_of(device="cuda:9"), linear, micro_batches_per_epoch=1)


def test_the_trace_of_a_failed_run_says_why(backend: Backend, linear: Any, tmp_path: Path) -> None:
    parts = [batch(), batch() | {"labels": np.full(4, -100)}]
    with pytest.raises(DataError) as error:
        fit(spec_of(), linear, parts, loss=classify(backend), trace=tmp_path / "trace.jsonl")
    assert read_trace(tmp_path / "trace.jsonl").outcome == f"error: DataError: {error.value}"


def test_an_output_that_cannot_be_written_leaves_no_trace(
    backend: Backend, linear: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    files: dict[str, Any] = {"trace": tmp_path / "t.jsonl", "output": tmp_path / "file"}
    with pytest.raises(OutputError, match=r"file: the output is a folder\. Received: a file"):
        fit(spec_of(), linear, [batch()], loss=classify(backend), **files)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("option", ["trace", "output"])
def test_files_that_cannot_be_written_are_refused_before_training(
    backend: Backend, linear: Any, tmp_path: Path, option: str
) -> None:
    (tmp_path / "output").write_text("a file")
    (tmp_path / "trace").mkdir()

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        pytest.fail("training has begun")

    files: dict[str, Any] = {option: tmp_path / option}
    with pytest.raises(OutputError) as error:
        fit(spec_of(), linear, [batch()], loss=loss, **files)
    assert str(tmp_path / option) in str(error.value)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "output", tmp_path / "trace"]


DECAY = {"bias": 0.0, "weight": 0.1}


def test_the_trace_is_what_fit_returns(backend: Backend, linear: Any, tmp_path: Path) -> None:
    spec = spec_of(clip={"global_norm": 0.1}, weight_decay={"value": 0.1, "exclude": ["bias"]})
    parts = [batch(seed=i) for i in range(3)]
    updates = fit(spec, linear, parts, loss=classify(backend), trace=tmp_path / "trace.jsonl")
    trace = read_trace(tmp_path / "trace.jsonl")
    assert trace.updates == updates
    assert trace.header.backend == backend.NAME
    assert {d.name: d.decay for d in trace.header.decisions.values()} == DECAY
    assert {p.name: p.effective_decay for p in trace.header.parameters} == DECAY
    assert [(p.dtype, p.trainable) for p in trace.header.parameters] == [("float32", True)] * 2
    assert trace.header.computation == Computation(dtype="float32")
    assert compare_with_plan(trace).agrees


def test_the_seed_decides_what_the_framework_draws(backend: Backend) -> None:
    """Masks of dropout, above all; here the weights of a layer, which every framework draws."""
    drawn = []
    for seed in (1, 1, 2):
        start(spec_of(seed=seed), backend.build_linear(3, 2), micro_batches_per_epoch=1)
        drawn.append(backend.to_numpy(backend.build_linear(4, 4).weight))
    first, again, other = drawn
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
