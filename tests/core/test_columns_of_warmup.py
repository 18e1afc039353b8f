"""The rise, what the schedule counts, and phases: base rate 1/2, W = 4, T = 12, five an epoch."""

from __future__ import annotations

from math import sqrt
from typing import Any

from dualtrain.spec import Duration
from tests.plans import close_to, plan_of, rates

LINEAR = {"name": "linear"}


class TestRise:
    def test_from_a_quarter(self) -> None:
        expected = {
            0: 4 / 32,  # start x base rate
            1: 7 / 32,
            2: 10 / 32,
            3: 13 / 32,  # W - 1
            4: 16 / 32,  # W
            5: 14 / 32,  # W + 1
        }
        plan = plan_of(LINEAR, warmup={"steps": 4, "start": 0.25})

        assert expected == rates(plan, expected)

    def test_cosine(self) -> None:
        expected = {
            0: 0,
            1: (1 - sqrt(1 / 2)) / 4,
            2: 1 / 4,
            3: (1 + sqrt(1 / 2)) / 4,  # W - 1
            4: 1 / 2,  # W
            5: 7 / 16,
        }
        plan = plan_of(LINEAR, warmup={"steps": 4, "shape": "cosine"})

        assert close_to(expected) == rates(plan, expected)

    def test_one_minus_sqrt(self) -> None:
        expected = {
            0: 0,
            1: (1 - sqrt(3) / 2) / 2,
            2: (1 - sqrt(1 / 2)) / 2,
            3: 1 / 4,  # W - 1: half of the way is left to the end
            4: 1 / 2,  # W
        }
        plan = plan_of(LINEAR, warmup={"steps": 4, "shape": "one_minus_sqrt"})

        assert close_to(expected) == rates(plan, expected)


class TestBefore:
    def test_the_schedule_is_moved(self) -> None:
        expected = {
            0: 0,
            3: 9 / 24,  # W - 1
            4: 12 / 24,  # W
            5: 11 / 24,  # W + 1
            11: 5 / 24,  # T - 1: training ends on the way down
            12: 4 / 24,
            15: 1 / 24,
            16: 0,  # W + T
            17: 0,
        }
        plan = plan_of(LINEAR, warmup={"steps": 4, "counted": "before"})

        assert plan.horizon == 16
        assert close_to(expected) == rates(plan, expected)

    def test_with_a_horizon(self) -> None:
        expected = {
            4: 8 / 16,  # W
            11: 1 / 16,  # T - 1
            12: 0,  # W + horizon
            13: 0,
        }
        plan = plan_of(LINEAR, warmup={"steps": 4, "counted": "before"}, horizon=8)

        assert expected == rates(plan, expected)

    def test_longer_than_the_schedule(self) -> None:
        """It has its own updates, so it need not be shorter."""
        expected = {
            8: 4 / 9,
            9: 2 / 4,  # W
            10: 1 / 4,
            11: 0,  # W + horizon
        }
        plan = plan_of(LINEAR, warmup={"steps": 9, "counted": "before"}, horizon=2)

        assert expected == rates(plan, expected)


class TestPerEpoch:
    def test_the_rate_holds_for_an_epoch(self) -> None:
        expected = {
            0: 0,
            4: 0,  # the first epoch is warmup
            5: 4 / 8,  # W = 1
            9: 4 / 8,
            10: 3 / 8,
            14: 3 / 8,
            15: 2 / 8,
            20: 1 / 8,
            24: 1 / 8,  # T - 1
            25: 0,  # T: the sixth epoch
            29: 0,
            30: 0,
        }
        schedule = LINEAR | {"per": "epoch"}
        plan = plan_of(schedule, warmup={"steps": 1}, duration=Duration(epochs=5))

        assert (plan.warmup_updates, plan.horizon) == (5, 25)
        assert expected == rates(plan, expected)

    def test_a_run_that_ends_within_an_epoch(self) -> None:
        """The horizon is a whole number of epochs: the third is begun."""
        expected = {
            0: 1 / 2,
            4: 1 / 2,
            5: 1 / 3,
            10: 1 / 6,
            11: 1 / 6,  # T - 1
            12: 1 / 6,
            15: 0,
        }
        plan = plan_of(LINEAR | {"per": "epoch"}, warmup=None)

        assert plan.horizon == 15
        assert close_to(expected) == rates(plan, expected)

    def test_every_count_is_of_epochs(self) -> None:
        expected = {
            0: 1 / 2,
            9: 1 / 2,
            10: 1 / 4,  # every 2 epochs
            19: 1 / 4,
            20: 1 / 8,
        }
        schedule = {"name": "step", "every": 2, "gamma": 0.5, "per": "epoch"}

        assert expected == rates(plan_of(schedule, warmup=None), expected)

    def test_the_horizon_too(self) -> None:
        expected = {
            0: 1 / 2,
            5: 1 / 4,
            9: 1 / 4,
            10: 0,  # two epochs
        }
        plan = plan_of(LINEAR | {"per": "epoch"}, warmup=None, horizon=2)

        assert expected == rates(plan, expected)


PHASES = {
    "name": "sequential",
    "phases": [
        {"schedule": LINEAR, "updates": 4},
        {"schedule": {"name": "step", "every": 2, "gamma": 0.5}, "updates": 4},
        {"schedule": LINEAR},
    ],
}


class TestSequential:
    def test_each_clock_starts_at_0(self) -> None:
        expected = {
            0: 4 / 8,
            3: 1 / 8,
            4: 1 / 2,  # the second phase
            5: 1 / 2,
            6: 1 / 4,
            7: 1 / 4,
            8: 4 / 8,  # the third has what is left
            9: 3 / 8,
            11: 1 / 8,  # T - 1
            12: 0,  # T
            13: 0,
        }

        assert expected == rates(plan_of(PHASES, warmup=None), expected)

    def test_warmup_inside_the_first_phase(self) -> None:
        expected = {
            0: 0,
            1: 1 / 4,  # W - 1
            2: 1 / 2,  # W
            3: 1 / 4,
            4: 1 / 2,  # the second phase, where it was
            8: 1 / 2,
            12: 0,
        }

        assert expected == rates(plan_of(PHASES, warmup={"steps": 2}), expected)

    def test_warmup_before_the_first_phase(self) -> None:
        expected = {
            1: 1 / 4,  # W - 1
            2: 4 / 8,  # W: the first phase begins
            5: 1 / 8,
            6: 1 / 2,  # the second
            10: 4 / 8,  # the third
            13: 1 / 8,  # past T: its end has moved too
            14: 0,  # W + T
        }
        plan = plan_of(PHASES, warmup={"steps": 2, "counted": "before"})

        assert expected == rates(plan, expected)

    def test_phases_of_epochs(self) -> None:
        expected = {
            0: 4 / 8,
            15: 1 / 8,
            20: 1 / 2,  # the second phase
            30: 1 / 4,
            40: 4 / 8,  # the third, of four epochs
            59: 1 / 8,  # T - 1
            60: 0,
        }
        schedule: dict[str, Any] = PHASES | {"per": "epoch"}

        assert expected == rates(
            plan_of(schedule, warmup=None, duration=Duration(epochs=12)), expected
        )
