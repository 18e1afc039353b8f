"""The conformance suite is written once and runs on every backend, one from outside too.

DUALTRAIN_BACKENDS (names, comma-separated) chooses; all installed entry points when absent. A
backend that was asked for and cannot be loaded fails the run: silence is not a pass.
"""

from __future__ import annotations

import os

import pytest

from dualtrain.backend import Backend, backend_names, load_backend

REQUESTED = os.environ.get("DUALTRAIN_BACKENDS")
NAMES = REQUESTED.split(",") if REQUESTED else backend_names()


@pytest.fixture(scope="session", params=NAMES)
def backend(request: pytest.FixtureRequest) -> Backend:
    return load_backend(request.param)


@pytest.fixture
def without_autocast(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """AMP is accepted on every device, for tests that open no autocast context.

    Loss scaling and master weights need none, and Paddle's does nothing on the CPU.
    """
    monkeypatch.setattr(backend, "check_amp", lambda amp, device: None)
