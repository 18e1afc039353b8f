"""Schedules that count on: base rate 1/2, T = 12, no warmup unless it is said."""

from __future__ import annotations

from math import exp, sqrt
from typing import Any

from tests.plans import close_to, plan_of, rates

HALVED = {"name": "step", "every": 3, "gamma": 0.5}


def column_of(schedule: dict[str, Any], expected: dict[int, float]) -> dict[int, float]:
    return rates(plan_of(schedule, warmup=None), expected)


class TestStep:
    def test_without_warmup(self) -> None:
        expected = {
            0: 1 / 2,
            2: 1 / 2,
            3: 1 / 4,  # the third update has the lower rate already
            4: 1 / 4,
            5: 1 / 4,
            6: 1 / 8,
            11: 1 / 16,  # T - 1
            12: 1 / 32,  # T: goes on falling
            13: 1 / 32,
            15: 1 / 64,
        }

        assert expected == column_of(HALVED, expected)

    def test_warmup_inside(self) -> None:
        """The count starts with training, so the base rate is never reached."""
        expected = {
            0: 0,
            3: 3 / 8,  # W - 1
            4: 1 / 4,  # W: one step has been counted
            5: 1 / 4,  # W + 1
            6: 1 / 8,
        }

        assert expected == rates(plan_of(HALVED), expected)

    def test_warmup_before(self) -> None:
        expected = {
            0: 0,
            3: 3 / 8,  # W - 1
            4: 1 / 2,  # W: the count starts
            5: 1 / 2,  # W + 1
            6: 1 / 2,
            7: 1 / 4,  # W + every
            10: 1 / 8,
        }
        plan = plan_of(HALVED, warmup={"steps": 4, "counted": "before"})

        assert expected == rates(plan, expected)


def test_multistep() -> None:
    expected = {
        0: 1 / 2,
        1: 1 / 2,
        2: 1 / 8,  # the first milestone
        3: 1 / 8,
        6: 1 / 8,
        7: 1 / 32,  # the second
        8: 1 / 32,
        11: 1 / 32,  # T - 1
        12: 1 / 32,  # T
        13: 1 / 32,
    }
    schedule = {"name": "multistep", "milestones": [2, 7], "gamma": 0.25}

    assert expected == column_of(schedule, expected)


def test_piecewise() -> None:
    expected = {
        0: 1 / 2,
        1: 1 / 2,
        2: 1 / 8,  # the first boundary
        3: 1 / 8,
        6: 1 / 8,
        7: 3 / 4,  # the second: up
        8: 3 / 4,
        11: 3 / 4,  # T - 1
        12: 3 / 4,  # T
        13: 3 / 4,
    }
    schedule = {"name": "piecewise", "boundaries": [2, 7], "values": [1 / 2, 1 / 8, 3 / 4]}

    assert expected == column_of(schedule, expected)


def test_exponential() -> None:
    expected = {
        0: 1 / 2,
        1: 1 / 4,
        2: 1 / 8,
        11: 2**-12,  # T - 1
        12: 2**-13,  # T
        13: 2**-14,
        2000: 0,  # less than float64 can hold
    }

    assert expected == column_of({"name": "exponential", "gamma": 0.5}, expected)


def test_natural_exp() -> None:
    expected = {
        0: 1 / 2,
        1: exp(-1 / 8) / 2,
        8: exp(-1) / 2,  # 1 / gamma
        11: exp(-11 / 8) / 2,  # T - 1
        12: exp(-12 / 8) / 2,  # T
        13: exp(-13 / 8) / 2,
    }

    assert close_to(expected) == column_of({"name": "natural_exp", "gamma": 1 / 8}, expected)


def test_inverse_time() -> None:
    """2 / (4 + t)."""
    expected = {
        0: 1 / 2,
        1: 2 / 5,
        4: 1 / 4,  # 1 / gamma: half the base rate
        11: 2 / 15,  # T - 1
        12: 1 / 8,  # T
        13: 2 / 17,
    }

    assert close_to(expected) == column_of({"name": "inverse_time", "gamma": 1 / 4}, expected)


def test_noam() -> None:
    """min(1 / sqrt(t), t / 8) / 4: the width is 4."""
    expected = {
        0: 0,  # an update that moves nothing
        1: 1 / 32,
        3: 3 / 32,  # warmup_steps - 1
        4: 1 / 8,  # the peak
        5: 1 / sqrt(5) / 4,
        11: 1 / sqrt(11) / 4,  # T - 1
        12: 1 / sqrt(12) / 4,  # T
        16: 1 / 16,
    }
    schedule = {"name": "noam", "d_model": 4, "warmup_steps": 4}

    assert close_to(expected) == column_of(schedule, expected)
