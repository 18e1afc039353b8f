"""Schedules that rise and fall, and their momentum: base rate 1/2, T = 12, no warmup."""

from __future__ import annotations

from math import sqrt
from typing import Any

import pytest

from dualtrain.plan import Plan
from tests.plans import close_to, plan_of, rates

MOMENTUM = {"low": 1 / 2, "high": 3 / 4}


def cycling(schedule: dict[str, Any], **values: Any) -> Plan:
    optimizer = {"name": "momentum", "lr": 1 / 2, "momentum": 3 / 4}
    return plan_of(schedule, **{"optimizer": optimizer, "warmup": None} | values)


def momenta(plan: Plan, column: dict[int, float]) -> dict[int, float | None]:
    return {t: plan.momentum_at(t) for t in column}


class TestOneCycle:
    def schedule(self, **values: Any) -> dict[str, Any]:
        usual = {"start_lr": 1 / 8, "end_lr": 0, "rise": 1 / 4, "shape": "linear"}
        return {"name": "one_cycle"} | usual | values

    def test_linear(self) -> None:
        expected = {
            0: 1 / 8,  # start_lr
            1: 5 / 16,
            2: 1 / 2,  # rise H - 1: the peak
            3: 1 / 2 * 8 / 9,
            10: 1 / 2 * 1 / 9,
            11: 0,  # T - 1: end_lr
            12: 0,  # T: stays there
            13: 0,  # the frameworks raise here
        }

        assert close_to(expected) == rates(cycling(self.schedule()), expected)

    def test_cosine(self) -> None:
        expected = {
            0: 1 / 8,
            1: 5 / 16,
            2: 1 / 2,  # the peak
            5: 3 / 8,  # a third of the fall: (1 + cos(pi / 3)) / 2
            8: 1 / 8,
            11: 0,  # T - 1
            12: 0,
        }

        assert close_to(expected) == rates(cycling(self.schedule(shape="cosine")), expected)

    def test_three_phases(self) -> None:
        expected = {
            0: 1 / 8,
            2: 1 / 2,  # the peak
            3: 5 / 16,
            4: 1 / 8,  # 2 rise H - 2: start_lr again
            5: 1 / 8 * 6 / 7,
            11: 0,  # T - 1
            12: 0,
        }

        assert close_to(expected) == rates(cycling(self.schedule(three_phase=True)), expected)

    def test_a_peak_between_two_updates(self) -> None:
        """rise H - 1 = 2.5: no update has the base rate."""
        expected = {
            0: 1 / 8,
            2: 1 / 8 + 3 / 8 * 4 / 5,
            3: 1 / 2 * 12 / 13,
            9: 0,  # H - 1
            10: 0,
        }
        plan = cycling(self.schedule(rise=0.35), horizon=10)

        assert close_to(expected) == rates(plan, expected)

    def test_momentum_mirrors_the_rate(self) -> None:
        expected = {
            0: 3 / 4,  # high
            1: 5 / 8,
            2: 1 / 2,  # low, at the peak
            3: 1 / 2 + 1 / 4 * 1 / 9,
            11: 3 / 4,  # T - 1: high again
            12: 3 / 4,
            13: 3 / 4,
        }
        plan = cycling(self.schedule(momentum=MOMENTUM))

        assert close_to(expected) == momenta(plan, expected)

    def test_momentum_of_three_phases(self) -> None:
        expected = {
            0: 3 / 4,
            2: 1 / 2,  # the peak
            3: 5 / 8,
            4: 3 / 4,  # start_lr again
            5: 3 / 4,  # and stays
            11: 3 / 4,
        }
        plan = cycling(self.schedule(three_phase=True, momentum=MOMENTUM))

        assert close_to(expected) == momenta(plan, expected)

    def test_the_momentum_stays_unless_asked(self) -> None:
        plan = cycling(self.schedule())

        assert (plan.momentum_at(0), plan.momentum_curve()) == (None, None)


class TestCyclic:
    """Between 1/2 and 1: up in two updates, down in four."""

    def schedule(self, mode: str, **values: Any) -> dict[str, Any]:
        return {"name": "cyclic", "max_lr": 1, "up": 2, "down": 4, "mode": mode} | values

    def test_triangular(self) -> None:
        expected = {
            0: 1 / 2,
            1: 3 / 4,
            2: 1,  # up: the peak
            3: 7 / 8,
            5: 5 / 8,
            6: 1 / 2,  # up + down: the next cycle
            7: 3 / 4,
            8: 1,
            11: 5 / 8,  # T - 1
            12: 1 / 2,  # T
            13: 3 / 4,  # no end
        }
        plan = cycling(self.schedule("triangular"))

        assert pytest.approx(expected, rel=1e-15) == rates(plan, expected)

    def test_triangular2(self) -> None:
        expected = {
            2: 1,
            6: 1 / 2,
            8: 3 / 4,  # half as high
            9: 1 / 2 + 1 / 4 * 3 / 4,
            12: 1 / 2,
            14: 5 / 8,  # and half again
        }
        plan = cycling(self.schedule("triangular2"))

        assert pytest.approx(expected, rel=1e-15) == rates(plan, expected)

    def test_exp_range(self) -> None:
        expected = {
            0: 1 / 2,
            1: 1 / 2 + 1 / 4 * 1 / 2,
            2: 1 / 2 + 1 / 2 * 1 / 4,
            3: 1 / 2 + 3 / 8 * 1 / 8,
            6: 1 / 2,
            8: 1 / 2 + 1 / 2 * 1 / 256,
        }
        plan = cycling(self.schedule("exp_range", gamma=0.5))

        assert pytest.approx(expected, rel=1e-15) == rates(plan, expected)

    def test_exp_range_per_cycle(self) -> None:
        expected = {
            1: 1 / 2 + 1 / 4 * 1 / 2,
            2: 1 / 2 + 1 / 2 * 1 / 2,  # the first cycle counts as 1
            8: 1 / 2 + 1 / 2 * 1 / 4,
        }
        plan = cycling(self.schedule("exp_range", gamma=0.5, scale_per="cycle"))

        assert pytest.approx(expected, rel=1e-15) == rates(plan, expected)

    def test_momentum_mirrors_the_rate(self) -> None:
        expected = {
            0: 3 / 4,  # high
            1: 5 / 8,
            2: 1 / 2,  # low, at the peak
            3: 9 / 16,
            6: 3 / 4,
            8: 5 / 8,  # half as far down
            14: 11 / 16,  # past T
        }
        plan = cycling(self.schedule("triangular2", momentum=MOMENTUM))

        assert pytest.approx(expected, rel=1e-15) == momenta(plan, expected)

    def test_momentum_stays_high_in_a_warmup_before(self) -> None:
        expected = {
            0: 3 / 4,
            3: 3 / 4,  # W - 1
            4: 3 / 4,  # W: the cycle begins
            5: 5 / 8,
            6: 1 / 2,
        }
        schedule = self.schedule("triangular", momentum=MOMENTUM)
        plan = cycling(schedule, warmup={"steps": 4, "counted": "before"})

        assert pytest.approx(expected, rel=1e-15) == momenta(plan, expected)


class TestCosineAnnealingWarmRestarts:
    def schedule(self, **values: Any) -> dict[str, Any]:
        usual = {"first": 2, "multiplier": 2, "min_lr": 0}
        return {"name": "cosine_annealing_warm_restarts"} | usual | values

    def test_each_cycle_twice_as_long(self) -> None:
        expected = {
            0: 1 / 2,
            1: 1 / 4,
            2: 1 / 2,  # the first restart; 0 is never reached
            3: (1 + sqrt(1 / 2)) / 4,
            4: 1 / 4,
            5: (1 - sqrt(1 / 2)) / 4,
            6: 1 / 2,  # the second
            10: 1 / 4,
            11: (1 - sqrt(2 - sqrt(2)) / 2) / 4,  # T - 1
            12: (1 - sqrt(1 / 2)) / 4,  # T
            13: (1 - sqrt(2 + sqrt(2)) / 2) / 4,
            14: 1 / 2,  # the third: no end
            22: 1 / 4,
            30: 1 / 2,
        }

        assert close_to(expected) == rates(cycling(self.schedule()), expected)

    def test_cycles_of_one_length_over_a_floor(self) -> None:
        expected = {
            0: 1 / 2,
            1: 1 / 8 + 3 / 8 * 3 / 4,
            2: 1 / 8 + 3 / 8 * 1 / 4,
            3: 1 / 2,  # the restart
            11: 1 / 8 + 3 / 8 * 1 / 4,  # T - 1
            12: 1 / 2,  # T: the fourth restart
            10**9: 1 / 8 + 3 / 8 * 3 / 4,  # 1 past a multiple of 3
        }
        schedule = self.schedule(first=3, multiplier=1, min_lr=1 / 8)

        assert close_to(expected) == rates(cycling(schedule), expected)
