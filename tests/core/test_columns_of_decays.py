"""Schedules with a floor: base rate 1/2, floor 1/8, W = 4 and T = 12 unless it is said."""

from __future__ import annotations

from math import sqrt
from typing import Any

import pytest

from tests.plans import close_to, plan_of, rates


def above_the_floor(share: float) -> float:
    return 1 / 8 + 3 / 8 * share


COSINE = {
    0: 0,
    3: 3 / 8,  # W - 1
    4: 1 / 2,  # W
    6: above_the_floor((1 + sqrt(1 / 2)) / 2),
    8: above_the_floor(1 / 2),
    10: above_the_floor((1 - sqrt(1 / 2)) / 2),
    12: 1 / 8,  # T
    13: 1 / 8,  # stays there; transformers' climbs again
    20: 1 / 8,
}


@pytest.mark.parametrize(
    "schedule",
    [
        {"name": "cosine_with_min_lr", "half_waves": 1, "min_lr": 1 / 8},
        {"name": "cosine_annealing", "min_lr": 1 / 8},
    ],
    ids=lambda schedule: schedule["name"],
)
def test_one_half_wave_to_a_floor(schedule: dict[str, Any]) -> None:
    assert close_to(COSINE) == rates(plan_of(schedule), COSINE)


def test_cosine_with_min_lr_of_two_half_waves() -> None:
    expected = {
        4: 1 / 2,  # W
        6: above_the_floor(1 / 2),
        8: 1 / 8,  # the bottom
        10: above_the_floor(1 / 2),
        12: 1 / 2,  # T: the base rate again
        13: 1 / 2,  # stays there
    }
    schedule = {"name": "cosine_with_min_lr", "half_waves": 2, "min_lr": 1 / 8}

    assert close_to(expected) == rates(plan_of(schedule), expected)


def test_linear_annealing() -> None:
    expected = {
        0: 0,
        3: 3 / 8,  # W - 1
        4: 1 / 2,  # W
        5: above_the_floor(7 / 8),  # W + 1
        8: above_the_floor(4 / 8),
        11: above_the_floor(1 / 8),  # T - 1
        12: 1 / 8,  # T
        13: 1 / 8,
    }
    schedule = {"name": "linear_annealing", "min_lr": 1 / 8}

    assert expected == rates(plan_of(schedule), expected)


def test_polynomial_with_cycle() -> None:
    """H - W = 4; at each end the way is lengthened by four updates."""
    expected = {
        4: 1 / 2,  # W
        5: 3 / 8,
        7: 1 / 8,  # H - 1
        8: 0,  # H: the end of the way
        9: 3 / 16,  # back to where a way of eight updates is after five
        11: 1 / 16,
        12: 0,  # W + 2 (H - W)
        13: 3 / 24,  # a way of twelve, after nine
        15: 1 / 24,
        16: 0,
    }
    schedule = {"name": "polynomial", "power": 1, "end_lr": 0, "cycle": True}

    assert close_to(expected) == rates(plan_of(schedule, horizon=8), expected)


class TestWarmupStableDecay:
    def schedule(self, **values: Any) -> dict[str, Any]:
        usual = {"stable": 3, "decay": 4, "shape": "linear", "min_lr": 1 / 8}
        return {"name": "warmup_stable_decay"} | usual | values

    def test_linear(self) -> None:
        expected = {
            0: 0,
            3: 3 / 8,  # W - 1
            4: 1 / 2,  # W
            6: 1 / 2,
            7: 1 / 2,  # W + stable: the decay begins
            8: above_the_floor(3 / 4),
            9: above_the_floor(2 / 4),
            10: above_the_floor(1 / 4),
            11: 1 / 8,  # W + stable + decay
            12: 1 / 8,
            13: 1 / 8,
        }

        assert expected == rates(plan_of(self.schedule()), expected)

    def test_one_minus_sqrt(self) -> None:
        expected = {
            7: 1 / 2,  # W + stable
            8: above_the_floor(1 / 2),  # steep at first
            9: above_the_floor(1 - sqrt(1 / 2)),
            10: above_the_floor(1 - sqrt(3) / 2),
            11: 1 / 8,
        }
        schedule = self.schedule(shape="one_minus_sqrt")

        assert close_to(expected) == rates(plan_of(schedule), expected)

    def test_cosine(self) -> None:
        expected = {
            7: 1 / 2,  # W + stable
            8: above_the_floor((1 + sqrt(1 / 2)) / 2),
            9: above_the_floor(1 / 2),
            10: above_the_floor((1 - sqrt(1 / 2)) / 2),
            11: 1 / 8,
        }
        schedule = self.schedule(shape="cosine", half_waves=1)

        assert close_to(expected) == rates(plan_of(schedule), expected)

    def test_two_half_waves_end_on_the_floor_at_once(self) -> None:
        expected = {
            9: 1 / 8,  # the bottom
            10: above_the_floor(1 / 2),  # on the way up again
            11: 1 / 8,  # the decay is over
        }
        schedule = self.schedule(shape="cosine", half_waves=2)

        assert close_to(expected) == rates(plan_of(schedule), expected)

    def test_stable_is_what_is_left(self) -> None:
        expected = {
            4: 1 / 2,  # W
            8: 1 / 2,  # H - decay
            9: above_the_floor(3 / 4),
            11: above_the_floor(1 / 4),  # T - 1
            12: 1 / 8,  # T
            13: 1 / 8,
        }

        assert expected == rates(plan_of(self.schedule(stable=None)), expected)

    def test_warmup_from_the_floor(self) -> None:
        """As transformers rises: from min_lr."""
        expected = {
            0: 1 / 8,
            1: above_the_floor(1 / 4),
            3: above_the_floor(3 / 4),  # W - 1
            4: 1 / 2,  # W
        }
        plan = plan_of(self.schedule(), warmup={"steps": 4, "start": 1 / 4})

        assert expected == rates(plan, expected)
