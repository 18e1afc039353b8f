"""AMP: done where the device can, refused where it cannot; a skipped update holds the clock."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dualtrain import Spec
from dualtrain.backend import Backend
from dualtrain.errors import BackendError
from dualtrain.training import Run, start

CAN = "cpu"  # every test here runs on it


def amp_spec(**amp: Any) -> Spec:
    parts: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 0.1},
        "schedule": {"name": "linear"},
        "duration": {"updates": 40},
        "clip": {"global_norm": 1.0},
        "amp": {"dtype": "float16", **amp},
    }
    return Spec(**parts)


def started(backend: Backend, spec: Spec) -> Run:
    return start(spec, backend.build_linear(2, 2), micro_batches_per_epoch=1, measure=True)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_amp_is_done_or_refused(backend: Backend, dtype: str) -> None:
    """Never silently float32: Paddle's `auto_cast` does nothing on the CPU."""
    if CAN not in backend.AMP_DEVICES:
        with pytest.raises(BackendError, match=f"do nothing on the CPU.*Received: .*'{dtype}'"):
            started(backend, amp_spec(dtype=dtype))
        return
    run = started(backend, amp_spec(dtype=dtype))
    x = backend.to_device({"x": np.ones((4, 2), np.float32)}, run.device)["x"]
    with run.autocast():
        y = run.model(x)
    assert dtype in str(y.dtype)
    applied = run.step(y.float().sum(), divisor=8)
    assert applied is not None
    assert (applied.loss_scale is not None) == (dtype == "float16")
    assert all(str(p.dtype).endswith("float32") for p in run.model.parameters())


SCALE = {"init": 1024.0, "growth_factor": 4.0, "backoff_factor": 0.25, "growth_interval": 5}
"""Each of the numbers another than the frameworks' default."""

SCALES = """1024 1024 1024 1024 256 64 64 64 64 64
256 64 64 64 64 64 256 256 64 16"""
"""The scale of each update with growth every 5 good ones and overflows at 3, 4, 10, 17, 18, 19."""


@pytest.mark.parametrize("on_skip", ["hold", "advance"])
def test_a_skipped_update_moves_nothing_but_the_scale(backend: Backend, on_skip: str) -> None:
    if CAN not in backend.AMP_DEVICES:
        pytest.skip("this backend has no AMP on the CPU; its own scaler: tests/parity/test_amp.py")
    check_skips(backend, started(backend, amp_spec(loss_scale=SCALE, on_skip=on_skip)), on_skip)


def check_skips(backend: Backend, run: Run, on_skip: str) -> None:
    """Twenty updates, six of which overflow: scales, clock, rates and weights."""
    overflows = {3, 4, 10, 17, 18, 19}
    x = backend.to_device({"x": np.ones((4, 2), np.float32)}, run.device)["x"]
    applied = []
    for index in range(20):
        before = backend.dump_weights(run.model)
        loss = run.model(x).sum() * (math.inf if index in overflows else 1.0)
        done = run.step(loss, divisor=8)
        assert done is not None
        applied.append(done)
        moved = any(
            not np.array_equal(array, before[name])
            for name, array in backend.dump_weights(run.model).items()
        )
        assert moved == (index not in overflows)
    assert [a.skipped for a in applied] == [index in overflows for index in range(20)]
    assert [a.loss_scale for a in applied] == [float(s) for s in SCALES.split()]
    skipped_before = np.cumsum([0, *(a.skipped for a in applied[:-1])])
    held = skipped_before if on_skip == "hold" else np.zeros(20, int)
    assert [a.t for a in applied] == (np.arange(20) - held).tolist()
    assert [a.lr for a in applied] == [run.plan.lr_at(a.t) for a in applied]
