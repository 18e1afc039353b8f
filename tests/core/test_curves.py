"""The rate of every update, worked out by hand.

Base rate 1/2, W = 4 and T = 12 unless a test says otherwise: then every value without a root is a
fraction of a power of two, which float64 holds exactly, and is compared exactly.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualtrain.optimizers import AdamW
from dualtrain.plan import Plan
from dualtrain.schedules import (
    Constant,
    Cosine,
    CosineWithRestarts,
    InverseSqrt,
    Linear,
    Polynomial,
)
from dualtrain.spec import Batch, Duration, Rounding, Warmup
from tests import builders
from tests.plans import close_to, plan_of, rates

LINEAR = Linear(name="linear")
INVERSE_SQRT = InverseSqrt(name="inverse_sqrt")


class TestColumns:
    """One update a line; the comments mark the turns."""

    def test_constant(self) -> None:
        expected = {
            0: 0,  # starts at exactly 0
            1: 1 / 8,
            2: 2 / 8,
            3: 3 / 8,  # W - 1
            4: 1 / 2,  # W: the base rate
            5: 1 / 2,
            11: 1 / 2,  # T - 1: the last update
            12: 1 / 2,  # T
            13: 1 / 2,
        }

        assert expected == rates(plan_of(Constant(name="constant")), expected)

    def test_linear(self) -> None:
        expected = {
            0: 0,  # starts at exactly 0
            1: 1 / 8,
            2: 2 / 8,
            3: 3 / 8,  # W - 1
            4: 8 / 16,  # W: the base rate
            5: 7 / 16,  # W + 1
            8: 4 / 16,  # half of the way down
            11: 1 / 16,  # T - 1: the last update still moves the weights
            12: 0,  # T
            13: 0,  # stays there
            10**9: 0,
        }

        assert expected == rates(plan_of(LINEAR), expected)

    def test_linear_without_warmup(self) -> None:
        expected = {
            0: 8 / 16,  # the base rate at once
            1: 7 / 16,
            7: 1 / 16,  # T - 1
            8: 0,  # T
            9: 0,
        }
        plan = plan_of(LINEAR, warmup=None, duration=Duration(updates=8))

        assert expected == rates(plan, expected)

    def test_linear_with_one_warmup_update(self) -> None:
        expected = {
            0: 0,  # W - 1: an update that moves nothing
            1: 4 / 8,  # W
            2: 3 / 8,
            4: 1 / 8,  # T - 1
            5: 0,  # T
        }
        plan = plan_of(LINEAR, warmup=Warmup(steps=1), duration=Duration(updates=5))

        assert expected == rates(plan, expected)

    def test_a_single_update(self) -> None:
        expected = {
            0: 1 / 2,  # T - 1
            1: 0,  # T
            2: 0,
        }
        plan = plan_of(LINEAR, warmup=None, duration=Duration(updates=1))

        assert expected == rates(plan, expected)

    def test_cosine_of_one_half_wave(self) -> None:
        c = sqrt(2 + sqrt(2)) / 2  # cos(pi / 8)
        expected = {
            0: 0,
            3: 3 / 8,  # W - 1
            4: 1 / 2,  # W
            5: (1 + c) / 4,  # W + 1
            6: (1 + sqrt(1 / 2)) / 4,
            8: 1 / 4,  # half of the way down
            10: (1 - sqrt(1 / 2)) / 4,
            11: (1 - c) / 4,  # T - 1
            12: 0,  # T
            13: 0,  # transformers climbs again here
            20: 0,
        }

        assert close_to(expected) == rates(plan_of(Cosine(name="cosine", half_waves=1)), expected)

    def test_cosine_of_two_half_waves(self) -> None:
        expected = {
            3: 3 / 8,  # W - 1
            4: 1 / 2,  # W
            5: (1 + sqrt(1 / 2)) / 4,
            6: 1 / 4,
            8: 0,  # the bottom
            10: 1 / 4,
            11: (1 + sqrt(1 / 2)) / 4,  # T - 1
            12: 1 / 2,  # T: the base rate again
            13: 1 / 2,  # stays there
        }

        assert close_to(expected) == rates(plan_of(Cosine(name="cosine", half_waves=2)), expected)

    def test_cosine_with_two_cycles(self) -> None:
        expected = {
            3: 3 / 8,  # W - 1
            4: 1 / 2,  # W
            5: (1 + sqrt(1 / 2)) / 4,
            6: 1 / 4,
            7: (1 - sqrt(1 / 2)) / 4,  # the last update before the restart
            8: 1 / 2,  # the restart; 0 is never reached
            9: (1 + sqrt(1 / 2)) / 4,
            11: (1 - sqrt(1 / 2)) / 4,  # T - 1
            12: 0,  # T: no third start
            13: 0,
        }
        schedule = CosineWithRestarts(name="cosine_with_restarts", cycles=2)

        assert close_to(expected) == rates(plan_of(schedule), expected)

    def test_cosine_with_half_a_cycle(self) -> None:
        expected = {
            4: 1 / 2,  # W
            8: (1 + sqrt(1 / 2)) / 4,
            11: (1 + sqrt(2 - sqrt(2 + sqrt(2))) / 2) / 4,  # T - 1: cos(7 pi / 16), near the half
            12: 0,  # T: falls to 0 at once
            13: 0,
        }
        schedule = CosineWithRestarts(name="cosine_with_restarts", cycles=0.5)

        assert close_to(expected) == rates(plan_of(schedule), expected)

    def test_polynomial_of_power_2(self) -> None:
        """3/8 above the end at the most, times (remaining eighths / 8)^2."""
        expected = {
            0: 0,  # the rise begins at 0, not at end_lr
            3: 3 / 8,  # W - 1
            4: 1 / 2,  # W
            5: 1 / 8 + 3 / 8 * 49 / 64,  # W + 1
            8: 1 / 8 + 3 / 8 * 16 / 64,
            11: 1 / 8 + 3 / 8 * 1 / 64,  # T - 1
            12: 1 / 8,  # T: end_lr
            13: 1 / 8,  # stays there
        }
        schedule = Polynomial(name="polynomial", power=2, end_lr=1 / 8)

        assert expected == rates(plan_of(schedule), expected)

    def test_polynomial_of_power_1_to_0_is_linear(self) -> None:
        schedule = Polynomial(name="polynomial", power=1, end_lr=0)
        linear = plan_of(LINEAR)

        assert plan_of(schedule).lr_curve().tolist() == linear.lr_curve().tolist()

    def test_inverse_sqrt(self) -> None:
        """(1/2) sqrt(4 / t): the timescale is W."""
        expected = {
            0: 0,
            3: 3 / 8,  # W - 1
            4: 1 / 2,  # W
            5: 1 / sqrt(5),  # W + 1
            11: 1 / sqrt(11),  # T - 1
            12: 1 / sqrt(12),  # T
            13: 1 / sqrt(13),  # goes on falling
            16: 1 / 4,
            36: 1 / 6,
            400: 1 / 20,
        }

        assert close_to(expected) == rates(plan_of(INVERSE_SQRT), expected)

    def test_inverse_sqrt_with_a_timescale(self) -> None:
        """(1/2) sqrt(3 / (t - 4 + 3)): whatever the timescale, the base rate at W."""
        expected = {
            3: 3 / 8,  # W - 1
            4: 1 / 2,  # W
            5: sqrt(3) / 4,
            13: 1 / 4,  # past T
            28: 1 / 6,
        }
        schedule = InverseSqrt(name="inverse_sqrt", timescale=3)

        assert close_to(expected) == rates(plan_of(schedule), expected)

    def test_inverse_sqrt_without_warmup(self) -> None:
        expected = {
            0: 1 / 2,
            4: 1 / sqrt(8),
            12: 1 / 4,  # T
            32: 1 / 6,
        }
        schedule = InverseSqrt(name="inverse_sqrt", timescale=4)

        assert close_to(expected) == rates(plan_of(schedule, warmup=None), expected)


class TestHorizon:
    """The schedule may end before or after the last update."""

    def test_shorter_than_the_run(self) -> None:
        expected = {
            4: 4 / 8,  # W
            5: 3 / 8,
            7: 1 / 8,
            8: 0,  # H
            9: 0,  # updates that move nothing
            11: 0,  # T - 1
            12: 0,
        }

        assert expected == rates(plan_of(LINEAR, horizon=8), expected)

    def test_longer_than_the_run(self) -> None:
        expected = {
            4: 16 / 32,  # W
            5: 15 / 32,
            11: 9 / 32,  # T - 1: training ends on the way down
            12: 8 / 32,  # T: the curve is defined on
            13: 7 / 32,
            19: 1 / 32,
            20: 0,  # H
            21: 0,
        }

        assert expected == rates(plan_of(LINEAR, horizon=20), expected)

    def test_polynomial_stays_at_its_end(self) -> None:
        expected = {
            7: 1 / 8 + 3 / 8 * 1 / 4,
            8: 1 / 8,  # H
            9: 1 / 8,
            11: 1 / 8,  # T - 1
            12: 1 / 8,
        }
        schedule = Polynomial(name="polynomial", power=1, end_lr=1 / 8)

        assert expected == rates(plan_of(schedule, horizon=8), expected)

    def test_inverse_sqrt_has_none(self) -> None:
        plan = plan_of(INVERSE_SQRT, horizon=8)

        assert plan.lr_curve().tolist() == plan_of(INVERSE_SQRT).lr_curve().tolist()
        assert plan.lr_at(16) == 1 / 4

    def test_a_proportion_is_of_the_horizon(self) -> None:
        plan = plan_of(LINEAR, warmup=Warmup(proportion=0.25), horizon=16)

        assert (plan.total_updates, plan.horizon, plan.warmup_updates) == (12, 16, 4)


@pytest.mark.parametrize(
    ("proportion", "total", "floor", "ceil", "nearest"),
    [
        (0.07, 100, 7, 8, 7),  # 7.000000000000001
        (0.29, 100, 28, 29, 29),  # 28.999999999999996
        (0.1, 1001, 100, 101, 100),  # 100.10000000000001
        (0.06, 10, 0, 1, 1),  # 0.6
        (0.5, 5, 2, 3, 2),  # 2.5: half to even
        (0.5, 7, 3, 4, 4),  # 3.5: half to even
        (0.25, 16, 4, 4, 4),  # exact
        (0.0, 10, 0, 0, 0),
    ],
)
def test_rounding(proportion: float, total: int, floor: int, ceil: int, nearest: int) -> None:
    """W is the binary product, rounded once; `floor` unless the spec says otherwise."""
    rules: list[Rounding | None] = ["floor", "ceil", "round", None]
    plans = [
        plan_of(
            LINEAR,
            warmup=Warmup(proportion=proportion, rounding=rule),
            duration=Duration(updates=total),
        )
        for rule in rules
    ]

    assert [floor, ceil, nearest, floor] == [plan.warmup_updates for plan in plans]


class TestUpdates:
    """Micro-batches 0 ... 9 in groups of 4, and what becomes of the last two."""

    def plan(self, micro_batches: int = 10, world_size: int = 1, **values: Any) -> Plan:
        usual: dict[str, Any] = {
            "optimizer": AdamW(name="adamw", lr=1 / 2),
            "schedule": LINEAR,
            "duration": Duration(epochs=2),
            "batch": Batch(size=8, accumulate=4),
        }
        return builders.plan_of(micro_batches, world_size, **usual | values)

    def test_flush(self) -> None:
        plan = self.plan()

        assert [range(0, 4), range(4, 8), range(8, 10)] == plan.epoch_groups()
        assert (plan.updates_per_epoch, plan.total_updates) == (3, 6)

    def test_drop(self) -> None:
        plan = self.plan(batch=Batch(accumulate=4, tail="drop"))

        assert [range(0, 4), range(4, 8)] == plan.epoch_groups()
        assert (plan.updates_per_epoch, plan.total_updates) == (2, 4)

    def test_leak(self) -> None:
        plan = self.plan(batch=Batch(accumulate=4, tail="leak"))

        expected = [
            (0, range(0, 4)),
            (0, range(4, 8)),
            (1, range(-2, 4)),  # two of the epoch before
            (1, range(4, 8)),
        ]
        assert expected == list(plan.updates())
        assert [plan.place(1, index) for index in (-2, -1, 0)] == [(0, 8), (0, 9), (1, 0)]
        assert [plan.divisor(group) for _, group in expected] == [4, 4, 4, 4]

    def test_sums_are_not_divided(self) -> None:
        plan = self.plan(batch=Batch(accumulate=4, normalise="sum"))

        assert [plan.divisor(group) for group in plan.epoch_groups()] == [1, 1, 1]

    @pytest.mark.parametrize("tail", ["flush", "drop", "leak"])
    def test_no_tail(self, tail: str) -> None:
        plan = self.plan(8, batch=Batch(accumulate=4, tail=tail))  # type: ignore[arg-type]

        assert [range(0, 4), range(4, 8)] == plan.epoch_groups()

    def test_fewer_micro_batches_than_a_group(self) -> None:
        assert [range(0, 3)] == self.plan(3).epoch_groups()

    def test_an_epoch_is_no_longer_in_memory_than_its_updates(self) -> None:
        plan = self.plan(10**15, duration=Duration(updates=3))

        assert [(0, range(0, 4)), (0, range(4, 8)), (0, range(8, 12))] == list(plan.updates())
        assert range(0, 4) == plan.group(plan.updates_per_epoch)

    def test_nothing_leaks_into_the_next_epoch(self) -> None:
        expected = [
            (0, range(0, 4)),
            (0, range(4, 8)),
            (0, range(8, 10)),  # short
            (1, range(0, 4)),  # a new epoch, a new group
            (1, range(4, 8)),
            (1, range(8, 10)),
        ]

        assert expected == list(self.plan().updates())

    def test_a_run_may_end_within_an_epoch(self) -> None:
        expected = [
            (0, range(0, 4)),
            (0, range(4, 8)),
            (0, range(8, 10)),
            (1, range(0, 4)),  # the fourth update
        ]

        assert expected == list(self.plan(duration=Duration(updates=4)).updates())

    def test_a_run_may_end_within_the_first_epoch(self) -> None:
        assert [(0, range(0, 4))] == list(self.plan(duration=Duration(updates=1)).updates())

    def test_processes_change_neither_the_updates_nor_the_curve(self) -> None:
        one, four = (
            self.plan(),
            self.plan(world_size=4),
        )

        assert list(one.updates()) == list(four.updates())
        assert one.lr_curve().tolist() == four.lr_curve().tolist()


class TestAnySizes:
    @given(
        micro_batches=st.integers(1, 60),
        accumulate=st.integers(1, 12),
        epochs=st.integers(1, 3),
    )
    def test_flush_uses_each_micro_batch_once_an_epoch(
        self, micro_batches: int, accumulate: int, epochs: int
    ) -> None:
        plan = builders.plan_of(
            micro_batches, duration={"epochs": epochs}, batch={"accumulate": accumulate}
        )
        seen = [(epoch, index) for epoch, group in plan.updates() for index in group]

        assert [(e, i) for e in range(epochs) for i in range(micro_batches)] == seen
        assert {len(group) for group in plan.epoch_groups()[:-1]} <= {accumulate}
