"""What a framework itself trains wrongly is left out by name, and only as long as it is so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.check import check, fault_of
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
def test_a_fault_is_there_where_it_is_named_and_nowhere_else(backend: str, frozen: str) -> None:
    """Where it is named, the product may refuse too; where it trains rightly, the name must go."""
    case = case_of(*FROZEN[frozen])
    outcome = check(case, backend, whatever_the_fault=True)
    right = outcome.verdict.first is None and outcome.refused is None
    assert right == (fault_of(case, backend) is None), outcome.trouble(case, backend)


def test_the_oracle_is_what_finds_it(backend: str) -> None:
    """A case that is left out says why, and nothing of it is judged."""
    left_out = [case_of(*given) for given in FROZEN.values()]
    for case in left_out:
        outcome = check(case, backend)
        assert (outcome.fault is None) == bool(outcome.verdict.compared)
