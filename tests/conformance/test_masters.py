"""Master weights, AMP level O2: what training does to them, and what is seen of them.

The forward pass computes in float32, so it runs where the framework has no low kernels, too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dualtrain.backend import Backend
from dualtrain.errors import BackendError
from dualtrain.training import Run, start
from tests.conformance.test_amp import amp_spec, started, weights
from tests.conformance.test_optimizers import CASES, case

__all__ = ["case"]

pytestmark = pytest.mark.usefixtures("without_autocast")


def low_loss(run: Run, index: int) -> Any:
    """sum of weight x (k + 1) / 4: computed in float32, for Paddle has no low products on the CPU.

    The gradients fit into bfloat16, so nothing is rounded on the way to the masters.
    """
    terms = []
    for position, parameter in enumerate(run.model.parameters()):
        wide = run.backend.scaled(parameter, 1.0)
        terms.append((wide * ((index + position) % 3 + 1) / 4).sum())
    return sum(terms)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_masters_move_as_weights_do_in_float32(backend: Backend, case: str, dtype: str) -> None:
    """Each optimizer, clip, accumulation, loss scaling: to the bit; the model is rounded."""
    optimizer, decay = CASES[case]
    changes = {
        "optimizer": {"lr": 0.1, **optimizer},
        "schedule": {"name": "constant"},
        "weight_decay": decay,
        "batch": {"accumulate": 2},
    }
    o2, plain = (
        started(backend, amp_spec(amp, **changes), micro_batches=2)
        for amp in ({"dtype": dtype, "level": "O2"}, None)
    )
    for index in range(10):
        for run in (o2, plain):
            run.step(low_loss(run, index))
        np.testing.assert_array_equal(weights(o2), weights(plain))
        for parameter in o2.model.parameters():
            assert dtype in str(parameter.dtype)
            assert parameter.grad is None
    model = [backend.to_numpy(p).ravel() for p in o2.model.parameters()]
    ulp = {"float16": 2.0**-10, "bfloat16": 2.0**-7}[dtype]
    moved = np.sort(np.concatenate(model)), np.sort(weights(plain))
    np.testing.assert_allclose(*moved, rtol=ulp)  # not half of it: Paddle 2.6 truncates on the CPU
    assert not np.array_equal(*moved)


def test_masters_keep_the_initial_weights_unrounded(backend: Backend) -> None:
    """0.1 in the bias is not a bfloat16 number; before the first update it is what it was."""
    run = started(backend, amp_spec({"dtype": "bfloat16", "level": "O2"}))
    dumped = backend.dump_weights(run.model)
    assert dumped["bias"].tolist() == [-1.0, float(np.float32(0.1))]
    assert dumped["weight"].tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_weights_can_be_loaded_over_masters(backend: Backend) -> None:
    run = started(backend, amp_spec({"dtype": "bfloat16", "level": "O2"}))
    new = {"weight": np.full((2, 2), 0.3, np.float32), "bias": np.full(2, 0.7, np.float32)}
    backend.load_weights(run.model, new)
    dumped = backend.dump_weights(run.model)
    assert all(np.array_equal(dumped[name], array) for name, array in new.items())
    held = sorted(float(v) for p in run.model.parameters() for v in backend.to_numpy(p).ravel())
    assert held == pytest.approx([0.3] * 4 + [0.7] * 2, rel=2**-7)
    assert held != pytest.approx([0.3] * 4 + [0.7] * 2, rel=1e-4)


def test_an_overflow_skips_the_masters_update(backend: Backend) -> None:
    run = started(backend, amp_spec({"level": "O2"}))
    before = weights(run)
    done = run.step(low_loss(run, 0) * math.inf)
    assert done is not None
    assert done.skipped
    np.testing.assert_array_equal(before, weights(run))
    assert all(p.grad is None for p in run.model.parameters())
    again = run.step(low_loss(run, 0))
    assert again is not None
    assert not again.skipped


def test_the_live_optimizer_tells_its_decay_with_masters(backend: Backend) -> None:
    decay = {"weight_decay": {"value": 0.1, "exclude": ["bias"]}}
    run = started(backend, amp_spec({"level": "O2"}, **decay))
    held = backend.effective_decay(run.optimizer, run.model)
    assert held == {"weight": 0.1, "bias": 0.0}


@pytest.mark.parametrize("amp", [None, {}, {"level": "O2"}])
def test_a_model_with_masters_is_refused_by_a_second_run(
    backend: Backend, amp: dict[str, Any] | None
) -> None:
    """Its optimizer would move the low parameters, and the weights shown would stand still."""
    run = started(backend, amp_spec({"level": "O2"}))
    with pytest.raises(BackendError, match=r"a fresh one.*Received: one whose parameters"):
        start(amp_spec(amp), run.model, micro_batches_per_epoch=1)


@pytest.mark.parametrize("amp", [None, {}, {"level": "O2"}])
def test_low_parameters_without_masters_are_refused(
    backend: Backend, amp: dict[str, Any] | None
) -> None:
    """As a checkpoint in bfloat16 has them: most updates would be rounded away."""
    model = started(backend, amp_spec({"level": "O2"})).model
    for parameter in model.parameters():
        del parameter.dualtrain_master
    with pytest.raises(BackendError, match=r"begin in float32.*Received: 'weight' in .*float16$"):
        start(amp_spec(amp), model, micro_batches_per_epoch=1)


def test_a_backward_pass_that_broke_off_leaves_nothing_in_the_next_epoch(backend: Backend) -> None:
    amp = {"dtype": "bfloat16", "level": "O2"}
    runs = [started(backend, amp_spec(amp)) for _ in range(2)]
    (low_loss(runs[0], 0) * -8).backward()  # and then the micro-batch failed
    for run in runs:
        run.begin_epoch()
        run.step(low_loss(run, 0))
    np.testing.assert_array_equal(weights(runs[0]), weights(runs[1]))
