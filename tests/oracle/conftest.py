"""The oracle runs on every backend; DUALTRAIN_BACKENDS chooses, as in the conformance suite."""

from __future__ import annotations

import os

import pytest

from dualtrain.backend import backend_names

REQUESTED = os.environ.get("DUALTRAIN_BACKENDS")


@pytest.fixture(params=REQUESTED.split(",") if REQUESTED else backend_names())
def backend(request: pytest.FixtureRequest) -> str:
    """The name of a backend."""
    name: str = request.param
    return name
