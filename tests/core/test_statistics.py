"""Running statistics: judged apart from what trains, in a stage of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dualtrain.parity import Comparison, WeightSet, compare
from dualtrain.trace import Trace
from tests.traces import make_trace, weight_set


def of_a_batch_norm(amp: bool = False) -> Trace:
    """A run whose first line has a parameter `w` and two running statistics."""
    trace = make_trace(amp={"dtype": "bfloat16"}) if amp else make_trace()
    digests = dict.fromkeys(("dense.bias", "n.running_mean", "n.running_var"), "00000001")
    (parameter, _), plan = trace.header.parameters, trace.header.plan
    assert plan is not None
    digests = {parameter.name: "00000001", **digests}
    header = replace(trace.header, initial_digest=digests, parameters=(parameter,))
    return replace(trace, header=header)


def weights(
    w: float = 0.01, mean: float = 5.0, var: float = 100.0, initial: float = 0.0
) -> WeightSet:
    """The statistics move a thousand times as far as the weight."""
    return weight_set(
        **{
            "dense.bias": ([initial], [initial + w]),
            "n.running_mean": ([0.0], [mean]),
            "n.running_var": ([1.0], [var]),
        }
    )


def judged(
    a: WeightSet, b: WeightSet, *floors: WeightSet, amp: bool = False
) -> tuple[Comparison, list[str]]:
    trace = of_a_batch_norm(amp)
    found = compare(trace, trace, weights=(a, b), floors=[(trace, one) for one in floors])
    return found, [f.stage for f in found.findings if not f.agrees]


def test_what_the_statistics_move_hides_no_weight() -> None:
    """A weight that ends a whole movement apart; beside them it would seem to stand still."""
    found, stages = judged(weights(), weights(w=-0.01))
    assert stages == ["update"]
    assert found.weights is not None
    assert found.weights.movement == pytest.approx(0.01)
    assert [tensor.name for tensor in found.weights.judged] == ["dense.bias"]


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"var": 100.0 * (1 + 5e-6)}, False),
        ({"var": 100.0 * (1 + 5e-5)}, True),
        # A mean of 5 beside a deviation of 10: 1e-5 of that.
        ({"mean": 5.0 + 5e-5}, False),
        ({"mean": 5.0 + 2e-4}, True),
    ],
)
def test_they_are_judged_by_themselves(change: dict[str, float], differs: bool) -> None:
    for pair in ((weights(), weights(**change)), (weights(**change), weights())):
        found, stages = judged(*pair)
        assert stages == (["running statistics"] if differs else [])
        if found.first is not None:
            assert found.first.detail.startswith(f"n.running_{next(iter(change))} (moved ")
            assert found.first.knob == "batch_norm, freeze"


def test_a_mean_near_0_is_measured_by_its_deviation() -> None:
    a, b = weights(mean=1e-7), weights(mean=-1e-7)
    assert judged(a, b)[1] == []


def test_a_mean_has_the_floor_that_the_bias_before_it_makes() -> None:
    a, b = weights(), weights(mean=5.01)
    assert judged(a, b)[1] == ["running statistics"]
    assert judged(a, b, weights(mean=5.001, initial=1e-9))[1] == []
    assert judged(a, weights(var=101.0), weights(mean=5.001))[1] == ["running statistics"]


def test_in_mixed_precision_they_are_one() -> None:
    found, stages = judged(weights(), weights(mean=5.1), amp=True)
    assert stages == []
    assert found.weights is not None
    (statistics,) = found.weights.statistics
    assert statistics.name == "all running statistics together"
    assert statistics.difference == pytest.approx(0.1 / np.hypot(5.1, 99.0), rel=1e-3)
    assert judged(weights(), weights(mean=30.0), amp=True)[1] == ["running statistics"]


def test_of_averages_they_are_judged_in_the_stage_of_averages() -> None:
    trace = of_a_batch_norm()
    a, b = (
        replace(side, averages=averages.final)
        for side, averages in ((weights(), weights()), (weights(), weights(var=101.0)))
    )
    found = compare(trace, trace, weights=(a, b))
    assert [f.stage for f in found.findings if not f.agrees] == ["averages"]
