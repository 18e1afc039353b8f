"""Freezing on every backend: what stands still, what does not, and what a second spec inherits."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualtrain import build_optimizer, fit, start
from dualtrain.backend import Backend
from dualtrain.errors import LedgerError
from dualtrain.ledger import decide
from dualtrain.parity import compare_with_plan
from dualtrain.trace import read_trace
from dualtrain.training import Run
from tests import builders

START: dict[str, NDArray[np.float32]] = {
    "weight": np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]], np.float32),
    "bias": np.array([0.1, -0.2], np.float32),
}


spec_of = partial(builders.spec_of, duration={"updates": 5}, weight_decay={"value": 0.5})


FROZEN = {"patterns": ["bias"]}
BATCH = {
    "x": np.random.RandomState(0).randn(4, 3).astype("float32"),
    "labels": np.array([0, 1, 1, 0]),
}


@pytest.fixture
def linear(backend: Backend) -> Any:
    """y = x weight.T + bias."""
    model = backend.build_linear(3, 2)
    backend.load_weights(model, START)
    return model


def loss_of(backend: Backend) -> Any:
    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    return loss


def run_of(model: Any, **changes: Any) -> Run:
    return start(spec_of(**changes), model, micro_batches_per_epoch=1, measure=True)


def forward(backend: Backend, run: Run) -> Any:
    return loss_of(backend)(run.model, backend.to_device(BATCH, run.device))


def test_a_frozen_parameter_does_not_move_nor_decay(backend: Backend, linear: Any) -> None:
    fit(spec_of(freeze=FROZEN), linear, [BATCH], loss=loss_of(backend))
    after = backend.dump_weights(linear)

    assert not np.array_equal(START["weight"], after["weight"])
    np.testing.assert_array_equal(START["bias"], after["bias"])


def test_a_frozen_parameter_gets_no_gradient(backend: Backend, linear: Any) -> None:
    run = run_of(linear, freeze=FROZEN)
    forward(backend, run).backward()

    assert (linear.bias.grad is None, linear.weight.grad is None) == (True, False)


def test_a_frozen_parameter_is_not_in_the_norm(backend: Backend, linear: Any) -> None:
    """With the weight frozen, the norm is that of the bias's gradient."""
    run = run_of(linear, freeze={"patterns": ["weight"]})
    x, labels = BATCH["x"].astype(np.float64), BATCH["labels"]
    logits = x @ START["weight"].T.astype(np.float64) + START["bias"]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = np.linalg.norm((p - np.eye(2)[labels]).sum(0))
    done = run.step(forward(backend, run), divisor=1)

    assert done is not None
    assert expected == pytest.approx(float(done.grad_norm), rel=1e-5)


def test_a_gradient_from_before_is_cleared(backend: Backend, linear: Any) -> None:
    """torch would apply it, Paddle would add to it after thawing."""
    forward(backend, run_of(linear)).backward()
    run = run_of(linear, freeze=FROZEN)

    assert linear.bias.grad is None
    run.step(forward(backend, run), divisor=1)
    np.testing.assert_array_equal(START["bias"], backend.dump_weights(linear)["bias"])


def test_the_momentum_of_an_earlier_optimizer_does_not_move_it(
    backend: Backend, linear: Any
) -> None:
    fit(spec_of(), linear, [BATCH], loss=loss_of(backend))
    before = backend.dump_weights(linear)
    fit(spec_of(freeze=FROZEN), linear, [BATCH], loss=loss_of(backend))

    np.testing.assert_array_equal(before["bias"], backend.dump_weights(linear)["bias"])


def test_build_optimizer_freezes_too(backend: Backend, linear: Any) -> None:
    """For a script with a loop of its own."""
    optimizer = build_optimizer(spec_of(freeze=FROZEN), linear)
    tensors = backend.to_device(BATCH, backend.open_device("cpu"))
    for _ in range(3):
        loss_of(backend)(linear, tensors).backward()
        optimizer.step()
        backend.clear_gradients(optimizer)

    np.testing.assert_array_equal(START["bias"], backend.dump_weights(linear)["bias"])
    assert backend.effective_decay(optimizer, linear) == {"weight": 0.5}


def test_what_a_spec_froze_the_next_one_thaws(backend: Backend, linear: Any) -> None:
    fit(spec_of(freeze=FROZEN), linear, [BATCH], loss=loss_of(backend))
    frozen = backend.dump_weights(linear)
    fit(spec_of(), linear, [BATCH], loss=loss_of(backend))

    assert not np.array_equal(frozen["bias"], backend.dump_weights(linear)["bias"])


def test_of_a_copied_model_too(backend: Backend, linear: Any) -> None:
    """Neither framework's copy of a parameter keeps what is written on it."""
    fit(spec_of(freeze=FROZEN), linear, [BATCH], loss=loss_of(backend))
    copied = copy.deepcopy(linear)
    fit(spec_of(), copied, [BATCH], loss=loss_of(backend))
    fit(spec_of(), linear, [BATCH], loss=loss_of(backend))

    weights = backend.dump_weights(copied)
    assert not np.array_equal(START["bias"], weights["bias"])
    for name, expected in backend.dump_weights(linear).items():
        np.testing.assert_array_equal(weights[name], expected)


def test_the_ledger_is_the_same_before_and_after_freezing(backend: Backend, linear: Any) -> None:
    spec = spec_of(freeze=FROZEN)
    before = decide(backend.parameters(linear), spec)
    build_optimizer(spec, linear)

    assert before == decide(backend.parameters(linear), spec)
    assert [(r.parameter.name, r.freeze_rule, r.trains) for r in before.rows] == [
        ("bias", "pattern bias", False),
        ("weight", "default", True),
    ]


def test_the_trace_tells(backend: Backend, linear: Any, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    fit(spec_of(freeze=FROZEN), linear, [BATCH], loss=loss_of(backend), trace=path)
    trace = read_trace(path)

    decided = [(d.name, d.frozen, d.freeze_rule) for d in trace.header.decisions.values()]
    assert decided == [("bias", True, "pattern bias"), ("weight", False, "default")]
    held = [
        (p.trainable, p.effective_decay, p.effective_lr_multiplier) for p in trace.header.parameters
    ]
    assert held == [(False, None, None), (True, 0.5, 1.0)]
    assert compare_with_plan(trace).agrees


def test_a_model_frozen_whole_is_refused_and_left_alone(backend: Backend, linear: Any) -> None:
    with pytest.raises(LedgerError, match=r"2 of them frozen by freeze\.patterns$"):
        build_optimizer(spec_of(freeze={"patterns": ["*"]}), linear)

    assert all(p.trainable for p in backend.parameters(linear))
