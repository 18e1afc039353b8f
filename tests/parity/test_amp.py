"""Paddle's own `GradScaler`, which switches itself off on the CPU, with its place check patched.

Autocast has no effect here: what is tested is the scaler and what the core does around it.
"""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
from paddle.amp import grad_scaler

from dualtrain.backend import load_backend
from tests.conformance.test_amp import SCALE, amp_spec, check_skips, started


def _global_state() -> Any:
    """Where Paddle keeps the type of the last autocast; without float16 the scaler does nothing."""
    return importlib.import_module("paddle.amp.auto_cast").amp_global_state()


@pytest.fixture
def amp_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make Paddle believe that the CPU is a GPU while the scaler is built."""
    gpu = SimpleNamespace(
        is_gpu_place=lambda: True, is_xpu_place=lambda: False, is_custom_place=lambda: False
    )
    tracer = SimpleNamespace(_expected_place=gpu)
    monkeypatch.setattr("dualtrain_paddle.check_amp", lambda amp, device: None)
    real = grad_scaler.GradScaler.__init__

    def patched(self, *args, **settings):  # type: ignore[no-untyped-def]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(grad_scaler, "_dygraph_tracer", lambda: tracer)
            real(self, *args, **settings)

    monkeypatch.setattr(grad_scaler.GradScaler, "__init__", patched)
    monkeypatch.setattr(_global_state(), "amp_dtype", "float16")


@pytest.mark.parametrize("on_skip", ["hold", "advance"])
def test_paddles_scaler_skips_like_torchs(amp_on_the_cpu: None, on_skip: str) -> None:
    backend = load_backend("paddle")
    check_skips(backend, started(backend, amp_spec(loss_scale=SCALE, on_skip=on_skip)), on_skip)
