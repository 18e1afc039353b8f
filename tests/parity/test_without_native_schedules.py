"""A backend whose library of schedules is missing or broken: the same rates, from the plan."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import dualtrain_paddle
import dualtrain_torch
from dualtrain import start
from dualtrain.backend import load_backend
from dualtrain.testing import assert_lr_parity
from tests import builders

LIBRARIES = {"torch": "transformers", "paddle": "paddlenlp"}


@pytest.fixture(params=LIBRARIES)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its library cannot be imported, as paddlenlp cannot with aistudio-sdk 0.3."""
    library = LIBRARIES[request.param]
    compat = {"torch": dualtrain_torch, "paddle": dualtrain_paddle}[request.param]._compat
    for name in [n for n in sys.modules if n.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    compat.native_schedules.cache_clear()
    yield request.param
    compat.native_schedules.cache_clear()


spec_of = partial(
    builders.spec_of,
    optimizer={"name": "adamw", "lr": 0.01},
    warmup={"proportion": 0.29},
    duration={"updates": 100},
)


@pytest.mark.parametrize(
    "schedule",
    [
        {"name": "linear"},
        {"name": "constant"},
        {"name": "cosine_with_restarts", "cycles": 2},
        {"name": "polynomial", "power": 2, "end_lr": 1e-7},
    ],
    ids=lambda s: s["name"],
)
def test_the_rates_are_the_same(backend: str, schedule: dict[str, Any]) -> None:
    """It is said once; then the plan itself drives the framework's own schedule."""
    said = rf"^{LIBRARIES[backend]} cannot be imported .* the same numbers$"
    with pytest.warns(UserWarning, match=said):
        assert_lr_parity(spec_of(schedule=schedule), backends=[backend])
    assert_lr_parity(
        spec_of(schedule=schedule), backends=[backend]
    )  # a second warning would be an error


def test_a_model_of_ones_own_trains(backend: str) -> None:
    verbs = load_backend(backend)
    with pytest.warns(UserWarning, match="cannot be imported"):
        run = start(
            spec_of(schedule={"name": "linear"}),
            verbs.build_linear(1, 1),
            micro_batches_per_epoch=1,
        )
    x = verbs.to_device({"x": np.ones((1, 1), np.float32)}, run.device)["x"]
    applied = [run.step(run.model(x).sum()) for _ in range(30)]
    assert [a.lr for a in applied if a is not None] == [run.plan.lr_at(t) for t in range(30)]
