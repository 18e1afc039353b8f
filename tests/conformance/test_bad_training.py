"""What is handed to training by mistake is refused, alike on every backend."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualtrain import fit
from dualtrain.backend import Backend
from dualtrain.errors import DataError, PlanError
from dualtrain.training import Run, start
from tests import builders

X: NDArray[np.float32] = np.eye(3, dtype=np.float32)


spec_of = partial(builders.spec_of, optimizer={"name": "sgd", "lr": 0.1}, duration={"updates": 1})


def run_of(backend: Backend) -> tuple[Run, Any]:
    """A run, and the outputs of its model for three samples."""
    run = start(spec_of(), backend.build_linear(3, 2), micro_batches_per_epoch=1)
    return run, run.model(backend.to_device({"x": X}, run.device)["x"])


def test_a_loss_that_is_no_single_number_is_refused(backend: Backend) -> None:
    """Paddle would add them up, without a word."""
    run, outputs = run_of(backend)
    before = backend.dump_weights(run.model)
    with pytest.raises(DataError, match=r"one number.* Received: a Tensor of shape \(3, 2\)$"):
        run.step(outputs)
    np.testing.assert_array_equal(before["weight"], backend.dump_weights(run.model)["weight"])


@pytest.mark.parametrize("loss", [1.0, None])
def test_a_loss_that_is_no_tensor_is_refused(backend: Backend, loss: Any) -> None:
    with pytest.raises(DataError, match=rf"one number.* Received: {loss}$"):
        run_of(backend)[0].step(loss)


def test_a_loss_without_a_gradient_is_refused(backend: Backend) -> None:
    """Paddle would train nothing, without a word."""
    run, outputs = run_of(backend)
    with pytest.raises(DataError, match=r"parameters that train\. Received: one that does not"):
        run.step(outputs.sum().detach())


def test_fit_refuses_such_a_loss_too(backend: Backend) -> None:
    with pytest.raises(DataError, match="one number"):
        fit(spec_of(), backend.build_linear(3, 2), [{"x": X}], loss=lambda m, t: m(t["x"]))


@pytest.mark.parametrize("divisor", [0, -1.0, np.inf, np.nan, np.float32(0)])
def test_a_divisor_that_is_no_positive_number_is_refused(backend: Backend, divisor: float) -> None:
    run, outputs = run_of(backend)
    with pytest.raises(PlanError, match=rf"divisor must be a positive.* Received: {divisor}$"):
        run.step(outputs.sum(), divisor=divisor)


@pytest.mark.parametrize(
    ("array", "received"),
    [
        (X.tolist(), "list"),
        (X.astype(object), "array of object"),
        (X.astype(str), "array of <U32"),
        (X.astype(np.uint16), "array of uint16"),  # Paddle takes its bits for bfloat16
        (X.astype(np.uint64), "array of uint64"),
        (X.astype(">f4"), "array of >f4"),
    ],
)
def test_an_input_that_not_all_frameworks_have_is_refused(
    backend: Backend, array: Any, received: str
) -> None:
    with pytest.raises(DataError, match=rf"must hold numpy arrays.* Received: 'x', {received}$"):
        fit(spec_of(), backend.build_linear(3, 2), [{"x": array, "labels": np.arange(3)}])


def test_complex_labels_are_refused(backend: Backend) -> None:
    """Paddle would leave the imaginary parts out, without a word."""
    part = {"x": X, "labels": np.arange(3) + 0j}
    with pytest.raises(DataError, match=r"whole numbers or floats\. Received: complex128$"):
        fit(spec_of(), backend.build_linear(3, 2), [part])


@pytest.mark.parametrize("wrong", [-100.0, np.nan, np.inf])
def test_soft_labels_that_are_no_shares_are_refused(backend: Backend, wrong: float) -> None:
    labels = np.array([[0.5, 0.5], [wrong, 0.0], [0.0, 1.0]])
    with pytest.raises(DataError, match=rf"row 1: .*finite and not neg.* Received: {wrong}$"):
        fit(spec_of(), backend.build_linear(3, 2), [{"x": X, "input": X, "labels": labels}])
