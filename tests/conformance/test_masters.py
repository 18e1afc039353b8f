"""Master weights, AMP level O2: what training does to them, and what is seen of them.

The forward pass computes in float32, so it runs where the framework has no low kernels, too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

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


def test_a_groups_gradients_add_up_in_float32(backend: Backend) -> None:
    """1 + 2^-9 is no bfloat16 number, though both parts are."""
    amp = {"dtype": "bfloat16", "level": "O2"}
    parts = {"optimizer": {"name": "sgd", "lr": 1.0}, "schedule": {"name": "constant"}}
    spec = amp_spec(amp, clip=None, batch={"accumulate": 2}, **parts)
    run = started(backend, spec, micro_batches=2)
    for gradient in (1.0, 2.0**-9):
        run.step(backend.scaled(run.model.bias, 2.0 * gradient).sum())
    expected = np.array([-1.0, 0.1], np.float32) - np.float32(1.0 + 2.0**-9)
    np.testing.assert_array_equal(backend.dump_weights(run.model)["bias"], expected)


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


# What others write into the model

LR = 0.125


def sgd(backend: Backend, **changes: Any) -> Run:
    """Plain SGD, after two updates: masters that the low type does not hold."""
    amp = {"dtype": "bfloat16", "level": "O2", **changes.pop("amp", {})}
    parts = {"optimizer": {"name": "sgd", "lr": LR}, "schedule": {"name": "constant"}, "clip": None}
    run = started(backend, amp_spec(amp, **parts, **changes))
    for index in range(2):
        run.step(low_loss(run, index) * 0.3)
    return run


def gradients(run: Run, index: int) -> dict[str, float]:
    """Of `low_loss`: one number for each parameter."""
    return {n: ((index + i) % 3 + 1) / 4 for i, n in enumerate(("weight", "bias"))}


def low(run: Run) -> dict[str, NDArray[np.float32]]:
    """What the model itself holds, in the framework's own layout."""
    return {n: run.backend.to_numpy(getattr(run.model, n)) for n in ("weight", "bias")}


def canonical(run: Run, native: NDArray[np.float32]) -> NDArray[np.float32]:
    """A square matrix in the layout of `dump_weights`: 1, 2, 3, 4 tell which that is."""
    fresh = started(run.backend, amp_spec(None))
    held = run.backend.to_numpy(fresh.model.weight)
    return native if held[0, 1] == 2 or native.ndim == 1 else native.T


@pytest.mark.parametrize("skip", [False, True])
def test_what_is_written_into_the_model_reaches_its_master(backend: Backend, skip: bool) -> None:
    """A row: it counts as it was written, the rest keeps what the low type cannot hold."""
    run = sgd(backend, amp={"dtype": "float16", "loss_scale": {"init": 1.0}})
    masters, before = backend.dump_weights(run.model), low(run)
    with backend.inference():
        for name in before:
            getattr(run.model, name)[0] = 0.25
    expected = {}
    for name, native in before.items():
        moved = np.zeros(native.shape, bool)
        moved[0] = True
        expected[name] = np.where(canonical(run, moved), np.float32(0.25), masters[name])
        rounded = np.where(canonical(run, moved), np.float32(0.25), canonical(run, native))
        assert not np.array_equal(expected[name], rounded)
    shown = backend.dump_weights(run.model)
    assert all(np.array_equal(shown[name], expected[name]) for name in expected)
    if skip:
        applied = run.step(low_loss(run, 0) * math.inf)
        assert applied is not None
        assert applied.skipped
    run.step(low_loss(run, 0))
    after = backend.dump_weights(run.model)
    for name, gradient in gradients(run, 0).items():
        np.testing.assert_array_equal(after[name], expected[name] - np.float32(LR * gradient))


def test_a_write_in_the_forward_pass_is_seen_by_its_own_update(backend: Backend) -> None:
    """As `max_norm` of an embedding writes, before the products of the same pass."""
    run = sgd(backend)
    with backend.inference():
        run.model.weight.fill_(0.5)
    run.step(low_loss(run, 0))
    moved = np.float32(0.5) - np.float32(LR * gradients(run, 0)["weight"])
    np.testing.assert_array_equal(backend.dump_weights(run.model)["weight"], np.full((2, 2), moved))


def test_a_write_into_a_frozen_parameter_is_what_is_saved(backend: Backend) -> None:
    run = sgd(backend, freeze={"patterns": ["bias"]})
    with backend.inference():
        run.model.bias.fill_(0.75)
    assert backend.dump_weights(run.model)["bias"].tolist() == [0.75, 0.75]


def test_averages_leave_what_was_written_before_them(backend: Backend) -> None:
    run = sgd(backend, ema={"decay": 0.5})
    with backend.inference():
        run.model.bias.fill_(0.75)
    with run.averaged():
        assert backend.dump_weights(run.model)["bias"].tolist() != [0.75, 0.75]
    assert backend.dump_weights(run.model)["bias"].tolist() == [0.75, 0.75]


def test_a_tensor_in_the_place_of_another_is_refused(backend: Backend) -> None:
    """`load_state_dict(assign=True)`: the masters would move what nobody computes with."""
    run, other = sgd(backend), started(backend, amp_spec(None)).model
    run.model.bias = other.bias
    with pytest.raises(BackendError, match=r"keep its tensors.*one of them replaced, of shape"):
        run.step(low_loss(run, 0))


def test_another_type_for_a_model_with_masters_is_refused(backend: Backend) -> None:
    run = sgd(backend)
    run.model.float()
    with pytest.raises(BackendError, match=r"their type.*one that is now in .*float32, of shape"):
        run.step(low_loss(run, 0))
