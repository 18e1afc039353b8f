"""AMP: autocast done or refused; loss scaling on every device.

Scaling does not need autocast, so it is tested where that is refused, too.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from dualtrain import Spec, fit
from dualtrain.backend import Backend
from dualtrain.errors import BackendError
from dualtrain.training import AppliedUpdate, Run, start
from tests.builders import spec_of

AMP_OR_NOT: tuple[dict[str, Any] | None, ...] = ({}, None)
CAN = "cpu"  # every test here runs on it


def amp_spec(amp: dict[str, Any] | None, **changes: Any) -> Spec:
    usual: dict[str, Any] = {
        "schedule": {"name": "linear"},
        "duration": {"updates": 40},
        "clip": {"global_norm": 1.0},
        "amp": None if amp is None else {"dtype": "float16", **amp},
    }
    return spec_of(**usual | changes)


def started(backend: Backend, spec: Spec, *, micro_batches: int = 1) -> Run:
    """A run of such a Linear."""
    return start(spec, linear(backend), micro_batches_per_epoch=micro_batches, measure=True)


def linear(backend: Backend) -> Any:
    """A 2 x 2 Linear whose weights are 1, 2, 3, 4 and -1, 0.1."""
    model = backend.build_linear(2, 2)
    weight, bias = np.array([[1, 2], [3, 4]], np.float32), np.array([-1, 0.1], np.float32)
    backend.load_weights(model, {"weight": weight, "bias": bias})
    return model


@pytest.mark.parametrize("level", ["O1", "O2"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_amp_is_done_or_refused(backend: Backend, dtype: str, level: str) -> None:
    """Never silently float32: Paddle's `auto_cast` does nothing on the CPU."""
    spec = amp_spec({"dtype": dtype, "level": level})
    if CAN not in backend.AMP_DEVICES:
        with pytest.raises(BackendError, match=f"nothing on the CPU.*Received: .*'{dtype}'"):
            started(backend, spec)
        return
    run = started(backend, spec)
    held = {str(p.dtype) for p in run.model.parameters()}
    x = backend.to_device({"x": np.ones((4, 2), np.float32)}, run.device)["x"]
    with run.autocast():
        y = run.model(x)
    assert dtype in str(y.dtype)
    assert all(name.endswith("float32" if level == "O1" else dtype) for name in held)
    applied = run.step(y.sum(), divisor=8)
    assert applied is not None
    assert (applied.loss_scale is not None) == (dtype == "float16")
    assert not applied.skipped


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.usefixtures("without_autocast")
def test_amp_is_of_the_forward_pass_alone(
    backend: Backend, dtype: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where that is in float32, clip, rule, averages and short groups are as without amp.

    To the bit: a loss scale is a power of two. Five micro-batches in groups of three.
    """
    monkeypatch.setattr(backend, "autocast", lambda amp, device: nullcontext())
    draw = np.random.default_rng(0)
    batches = [(draw.normal(size=(4, 2)).astype("f4"), draw.integers(0, 2, 4)) for _ in range(5)]
    updates, files = {}, {}
    for name, amp in (("without", None), ("with", {"dtype": dtype})):
        spec = amp_spec(
            amp,
            weight_decay={"value": 0.1, "exclude": ["bias"]},
            clip={"global_norm": 0.05},
            ema={"decay": 0.9},
            batch={"accumulate": 3},
            duration={"epochs": 4},
        )
        folder = tmp_path / name
        made = fit(spec, linear(backend), batches, trace=folder / "trace.jsonl", output=folder)
        updates[name] = [(u.loss, u.grad_norm, u.clipped_norm) for u in made]
        files[name] = [load_file(folder / f"{file}.safetensors") for file in ("model", "ema")]
    assert updates["without"] == updates["with"]
    assert min(norm or 0.0 for _, norm, _ in updates["with"]) > 0.05  # all are clipped
    for right, found in zip(files["without"], files["with"], strict=True):
        assert [*right] == [name for name in right if np.array_equal(right[name], found[name])]


# loss scaling

SCALE = {"init": 1024.0, "growth_factor": 4.0, "backoff_factor": 0.25, "growth_interval": 5}
"""Each of the numbers another than the frameworks' default."""

SCALES = """1024 1024 1024 1024 256 64 64 64 64 64
256 64 64 64 64 64 256 256 64 16"""
"""The scale of each update with growth every 5 good ones and overflows at 3, 4, 10, 17, 18, 19."""


def make(run: Run, updates: str) -> list[AppliedUpdate]:
    """One update per character; "x" has an infinite loss. Each has gradients of its own."""
    applied = []
    for index, update in enumerate(updates):
        x = np.array([[0.5, 1.5 * index + 1]], np.float32)
        tensors = run.backend.to_device({"x": x}, run.device)
        done = run.step(run.model(tensors["x"]).sum() * (math.inf if update == "x" else 1.0))
        assert done is not None
        applied.append(done)
    return applied


def weights(run: Run) -> NDArray[np.float32]:
    dumped = run.backend.dump_weights(run.model)
    return np.concatenate([dumped[name].ravel() for name in sorted(dumped)])


@pytest.mark.parametrize("on_skip", ["hold", "advance"])
@pytest.mark.usefixtures("without_autocast")
def test_a_skipped_update_moves_nothing_but_the_scale(backend: Backend, on_skip: str) -> None:
    """Twenty updates, six of which overflow: scales, clock, rates and weights."""
    run = started(backend, amp_spec({"loss_scale": SCALE, "on_skip": on_skip}))
    updates = "...xx.....x......xxx"
    applied = []
    for update in updates:
        before = weights(run)
        applied += make(run, update)
        assert np.array_equal(before, weights(run)) == (update == "x")
    assert [a.skipped for a in applied] == [update == "x" for update in updates]
    assert [a.loss_scale for a in applied] == [float(s) for s in SCALES.split()]
    skipped_before = np.cumsum([0, *(a.skipped for a in applied[:-1])])
    held = skipped_before if on_skip == "hold" else np.zeros(20, int)
    assert [a.t for a in applied] == (np.arange(20) - held).tolist()
    assert [a.lr for a in applied] == [run.plan.lr_at(a.t) for a in applied]
    assert all((a.grad_norm is None) == a.skipped for a in applied)


@pytest.mark.parametrize("on_skip", ["hold", "advance"])
@pytest.mark.usefixtures("without_autocast")
def test_the_very_first_update_may_be_skipped(backend: Backend, on_skip: str) -> None:
    """Without a warning that the schedule was stepped before the optimizer: it would fail here."""
    run = started(backend, amp_spec({"on_skip": on_skip}))
    first, second = make(run, "x.")
    assert (first.skipped, second.skipped) == (True, False)
    assert second.lr == run.plan.lr_at(0 if on_skip == "hold" else 1)


@pytest.mark.usefixtures("without_autocast")
def test_a_skip_leaves_the_optimizers_state_and_no_gradient(backend: Backend) -> None:
    """Moments, their bias correction and the gradients are as if the bad update had not been."""
    one, other = (started(backend, amp_spec({}, schedule={"name": "constant"})) for _ in range(2))
    for update in (0.5, math.inf, math.nan, -2.0):
        for run in (one, other):
            if run is one or math.isfinite(update):
                x = backend.to_device({"x": np.ones((1, 2), np.float32)}, run.device)["x"]
                run.step(run.model(x).sum() * update)
    np.testing.assert_array_equal(weights(one), weights(other))


@pytest.mark.usefixtures("without_autocast")
def test_an_overflow_in_one_micro_batch_skips_its_update(backend: Backend) -> None:
    run = started(backend, amp_spec({}, batch={"accumulate": 2}), micro_batches=4)
    x = backend.to_device({"x": np.ones((1, 2), np.float32)}, run.device)["x"]
    done = [run.step(run.model(x).sum() * factor) for factor in (math.inf, 1.0, 1.0, 1.0)]
    assert [d and d.skipped for d in done] == [None, True, None, False]


@pytest.mark.usefixtures("without_autocast")
def test_gradients_are_unscaled_before_they_are_clipped(backend: Backend) -> None:
    """With the scale still on them the norm would be 65536 times as large, and always clipped."""
    scaled, plain = (
        started(backend, amp_spec(amp, clip={"global_norm": 3.5})) for amp in AMP_OR_NOT
    )
    norms = []
    for run in (scaled, plain):
        made = make(run, "....")
        norms.append(backend.numbers([n for a in made for n in (a.grad_norm, a.clipped_norm)]))
    assert norms[0] == norms[1]
    assert norms[0][:4] == pytest.approx([4.5**0.5, 4.5**0.5, 15**0.5, 3.5])
    np.testing.assert_array_equal(weights(scaled), weights(plain))


@pytest.mark.usefixtures("without_autocast")
def test_a_run_without_autocast_trains_as_without_amp(backend: Backend) -> None:
    """A scale that is a power of two rounds nothing."""
    scaled, plain = (started(backend, amp_spec(amp)) for amp in AMP_OR_NOT)
    for run in (scaled, plain):
        make(run, "." * 10)
    np.testing.assert_array_equal(weights(scaled), weights(plain))


def test_a_low_loss_is_scaled_in_float32(backend: Backend) -> None:
    """65536 is infinite in float16."""
    device = backend.open_device("cpu")
    loss = backend.to_device({"loss": np.array(1.5, np.float16)}, device)["loss"]
    assert backend.numbers([backend.scaled(loss, 65536.0)]) == [98304.0]
