"""What a user reads when a good spec does not fit the sizes of a run."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from dualtrain.errors import PlanError
from dualtrain.plan import Plan
from dualtrain.schedules import InverseSqrt
from dualtrain.spec import Batch, Duration, Spec, Warmup
from tests import builders

spec_of = partial(builders.spec_of, schedule={"name": "linear"}, duration={"updates": 100})


INVERSE_SQRT = InverseSqrt(name="inverse_sqrt")

BAD = {
    "warmup as long as the run": (
        spec_of(warmup=Warmup(steps=100)),
        {"micro_batches_per_epoch": 10},
        "warmup.steps: must be shorter than the schedule; write at most 99, or a longer "
        "duration. Received: 100 warmup updates, horizon 100",
    ),
    "warmup longer than the horizon, though not than the run": (
        spec_of(warmup=Warmup(steps=60), horizon=50),
        {"micro_batches_per_epoch": 10},
        "warmup.steps: must be shorter than the schedule; write at most 49, or a longer "
        "horizon. Received: 60 warmup updates, horizon 50",
    ),
    "a proportion that the ceiling makes the whole run": (
        spec_of(warmup=Warmup(proportion=0.995, rounding="ceil")),
        {"micro_batches_per_epoch": 10},
        "warmup.proportion: must be shorter than the schedule; write rounding: floor, or steps: "
        "99. Received: 100 warmup updates, horizon 100",
    ),
    "one epoch of fewer updates than warmup": (
        spec_of(warmup=Warmup(steps=3), duration=Duration(epochs=1), batch=Batch(accumulate=4)),
        {"micro_batches_per_epoch": 10},
        "warmup.steps: must be shorter than the schedule; write at most 2, or a longer "
        "duration. Received: 3 warmup updates, horizon 3",
    ),
    "tail drop leaves nothing": (
        spec_of(batch=Batch(accumulate=4, tail="drop")),
        {"micro_batches_per_epoch": 3},
        "batch.accumulate: there is no update to make: with tail 'drop' an epoch needs at least "
        "batch.accumulate micro-batches; write at most 3, or tail: flush. Received: 3 "
        "micro-batches, accumulate 4",
    ),
    "tail leak leaves nothing": (
        spec_of(batch=Batch(accumulate=4, tail="leak")),
        {"micro_batches_per_epoch": 3},
        "batch.accumulate: there is no update to make: with tail 'leak' an epoch needs at least "
        "batch.accumulate micro-batches; write at most 3, or tail: flush. Received: 3 "
        "micro-batches, accumulate 4",
    ),
    "another epoch than the spec's": (
        spec_of(batch=Batch(micro_batches_per_epoch=4)),
        {"micro_batches_per_epoch": 3},
        "batch.micro_batches_per_epoch: must be what an epoch of the run has; write 3, or leave it "
        "out. Received: 4, micro-batches 3",
    ),
    "half a micro-batch": (
        spec_of(),
        {"micro_batches_per_epoch": 1.5},
        "micro_batches_per_epoch must be a whole number >= 1. Received: 1.5",
    ),
    "a yes for a number": (
        spec_of(),
        {"micro_batches_per_epoch": 1, "world_size": True},
        "world_size must be a whole number >= 1. Received: True",
    ),
    "no micro-batches": (
        spec_of(),
        {"micro_batches_per_epoch": 0},
        "micro_batches_per_epoch must be a whole number >= 1. Received: 0",
    ),
    "more updates than float64 can count": (
        spec_of(duration=Duration(epochs=10**15)),
        {"micro_batches_per_epoch": 2},
        "duration.epochs: there must be at most 1e+15 updates; write at most 500000000000000. "
        "Received: 2000000000000000",
    ),
    "no processes": (
        spec_of(),
        {"micro_batches_per_epoch": 10, "world_size": 0},
        "world_size must be a whole number >= 1. Received: 0",
    ),
    "inverse_sqrt without timescale and warmup": (
        spec_of(schedule=INVERSE_SQRT),
        {"micro_batches_per_epoch": 10},
        "schedule.timescale: is needed when the schedule has no warmup updates; write one; "
        "Hugging Face takes 10000 updates. Received: neither",
    ),
    "inverse_sqrt whose warmup is rounded down to nothing": (
        spec_of(schedule=INVERSE_SQRT, warmup=Warmup(proportion=0.009)),
        {"micro_batches_per_epoch": 10},
        "schedule.timescale: is needed when the schedule has no warmup updates; write one; "
        "Hugging Face takes 10000 updates. Received: neither: 0.009 x 100 is rounded to 0",
    ),
}


@pytest.mark.parametrize(("spec", "sizes", "expected"), BAD.values(), ids=BAD)
def test_sizes_that_do_not_fit(spec: Spec, sizes: dict[str, Any], expected: str) -> None:
    """The message has the rule and the numbers that broke it."""
    with pytest.raises(PlanError) as caught:
        Plan.of(spec, **sizes)

    assert expected == str(caught.value)


# The nearest sizes that do fit: each refusal above has its boundary here.
GOOD = {
    "warmup one shorter": (spec_of(warmup=Warmup(steps=99)), {"micro_batches_per_epoch": 10}),
    "the floor of the same proportion": (
        spec_of(warmup=Warmup(proportion=0.995)),
        {"micro_batches_per_epoch": 10},
    ),
    "warmup longer than the run but not than the horizon": (
        spec_of(warmup=Warmup(steps=150), horizon=200),
        {"micro_batches_per_epoch": 10},
    ),
    "tail drop with one whole group": (
        spec_of(batch=Batch(accumulate=4, tail="drop")),
        {"micro_batches_per_epoch": 4},
    ),
    "tail flush with a short group": (
        spec_of(batch=Batch(accumulate=4)),
        {"micro_batches_per_epoch": 1},
    ),
    "processes that divide the micro-batch": (
        spec_of(batch=Batch(size=32)),
        {"micro_batches_per_epoch": 10, "world_size": 32},
    ),
    "inverse_sqrt with a timescale": (
        spec_of(schedule=InverseSqrt(name="inverse_sqrt", timescale=1)),
        {"micro_batches_per_epoch": 10},
    ),
    "inverse_sqrt with one warmup update": (
        spec_of(schedule=INVERSE_SQRT, warmup=Warmup(proportion=0.01)),
        {"micro_batches_per_epoch": 10},
    ),
}


@pytest.mark.parametrize(("spec", "sizes"), GOOD.values(), ids=GOOD)
def test_the_nearest_sizes_that_fit(spec: Spec, sizes: dict[str, Any]) -> None:
    assert Plan.of(spec, **sizes).total_updates == 100


@pytest.mark.parametrize("ask", ["check_length", "lr_curve", "momentum_curve"])
@pytest.mark.parametrize(
    ("duration", "field"),
    [({"updates": 10**8 + 1}, "updates"), ({"epochs": 10**7 + 1}, "epochs")],
)
def test_a_run_too_long_for_its_curve(ask: str, duration: dict[str, int], field: str) -> None:
    """Its sizes can be had, the rates cannot: refused before memory is asked for."""
    plan = Plan.of(spec_of(duration=duration), micro_batches_per_epoch=10)
    with pytest.raises(PlanError) as caught:
        getattr(plan, ask)()

    assert str(caught.value) == (
        f"duration.{field}: there must be at most 1e+08 updates: the rates of all of them are "
        f"computed at once. Received: {plan.total_updates} updates"
    )


def test_the_longest_run_with_a_curve() -> None:
    plan = Plan.of(spec_of(duration={"updates": 10**8}), micro_batches_per_epoch=10)
    plan.check_length()


@pytest.mark.parametrize("ask", ["lr_at", "factor_at"])
def test_updates_are_counted_from_0(ask: str) -> None:
    """A negative t is a mistake, not an index from the end."""
    plan = Plan.of(spec_of(), micro_batches_per_epoch=10)
    with pytest.raises(PlanError) as caught:
        getattr(plan, ask)(-1)

    assert str(caught.value) == "t must be >= 0: updates are counted from 0. Received: -1"
