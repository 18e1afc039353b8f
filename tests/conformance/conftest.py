"""The conformance suite is written once and runs on every backend, one from outside too.

DUALTRAIN_BACKENDS (names, comma-separated) chooses; all installed entry points when absent. A
backend that was asked for and cannot be loaded fails the run: silence is not a pass.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from dualtrain.backend import Backend, backend_names, load_backend
from dualtrain.model import ModelConfig, fresh_config
from dualtrain.spec import FreshModel

REQUESTED = os.environ.get("DUALTRAIN_BACKENDS")
NAMES = REQUESTED.split(",") if REQUESTED else backend_names()


@pytest.fixture(scope="session", params=NAMES)
def backend(request: pytest.FixtureRequest) -> Backend:
    return load_backend(request.param)


@pytest.fixture(scope="session")
def config() -> ModelConfig:
    """The smallest BERT: square attention matrices, biases, norms, embeddings."""
    model = FreshModel(family="bert", hidden_size=8, layers=1, heads=2, max_length=8, dropout=0.0)
    return fresh_config(model, vocab_size=32, pad_id=0, classes=3)


@pytest.fixture(scope="session")
def model(backend: Backend, config: ModelConfig) -> Any:
    return backend.build_model(config)
