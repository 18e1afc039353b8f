"""Freezing a part of a norm changes nothing but that part.

Paddle 3.3.1's own layers give what is below a layer norm whose weight is still a wrong gradient,
and the other half of a batch norm of which one is still none at all.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.check import check
from tests.oracle.model import Architecture
from tests.oracle.specs import Case

pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track")

LAYER, BATCH = Architecture(norm="layer", per_token=True), Architecture(norm="batch")
FROZEN: dict[str, tuple[Architecture, list[str]]] = {
    "a layer norm's weight, above what trains": (LAYER, ["encoder.layer.1.norm.weight"]),
    "a layer norm, above what trains": (LAYER, ["encoder.layer.1.norm.*"]),
    "a layer norm and all below": (LAYER, ["embeddings.*"]),
    "a layer norm's bias": (LAYER, ["encoder.layer.?.norm.bias"]),
    "a batch norm's weight": (BATCH, ["encoder.layer.0.norm.weight"]),
    "a batch norm's bias": (BATCH, ["encoder.layer.0.norm.bias"]),
    "a batch norm": (BATCH, ["encoder.layer.0.norm.*"]),
}


def case_of(architecture: Architecture, patterns: list[str]) -> Case:
    spec: dict[str, Any] = {
        "optimizer": {"name": "sgd", "lr": 0.125},
        "schedule": {"name": "constant"},
        "duration": {"updates": 2},
        "batch": {"accumulate": 1},
        "freeze": {"patterns": patterns},
    }
    return Case(
        seed=0,
        index=0,
        spec=spec,
        architecture=architecture,
        still=(),
        dtype="float64",
        own_loss=True,
        through="fit",
        labels="hard",
        micro_batches=2,
    )


@pytest.mark.parametrize("frozen", FROZEN)
def test_what_is_frozen_spoils_nothing_else(backend: str, frozen: str) -> None:
    case = case_of(*FROZEN[frozen])
    outcome = check(case, backend)
    assert outcome.verdict.first is None, outcome.trouble(case, backend)
    assert outcome.verdict.updates == 2
