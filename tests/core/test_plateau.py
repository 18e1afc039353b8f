"""reduce_on_plateau around each of its boundaries; the rates of both frameworks are in parity."""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.plan import Plan, Plateau
from tests.builders import plateau_spec

# Base rate 1, halved; (metric, the rate after it).
COLUMNS: dict[str, tuple[dict[str, Any], list[tuple[float, float]]]] = {
    "equal is not better": (
        {},
        [(2.0, 1.0), (2.0, 0.5), (1.0, 0.5), (1.5, 0.25)],
    ),
    "patience is borne, the next one cuts": (
        {"patience": 2},
        [(2.0, 1.0), (2.0, 1.0), (2.0, 1.0), (2.0, 0.5), (2.0, 0.5), (2.0, 0.5), (2.0, 0.25)],
    ),
    "better by the threshold alone is not better, rel": (
        {"threshold": 0.5},
        [(4.0, 1.0), (2.0, 0.5), (1.9, 0.5), (1.0, 0.25)],  # 1.9 < 4 / 2, 1.0 > 1.9 / 2
    ),
    "better by the threshold alone is not better, abs": (
        {"threshold": 1.0, "threshold_mode": "abs"},
        [(4.0, 1.0), (3.0, 0.5), (2.5, 0.5), (1.5, 0.25)],
    ),
    "max, rel": (
        {"mode": "max", "threshold": 0.5},
        [(2.0, 1.0), (3.0, 0.5), (3.1, 0.5), (3.0, 0.25)],
    ),
    "max, abs": (
        {"mode": "max", "threshold": 1.0, "threshold_mode": "abs"},
        [(2.0, 1.0), (3.0, 0.5), (3.1, 0.5), (3.0, 0.25)],
    ),
    "bad ones do not count while it cools down": (
        {"cooldown": 2},
        [(2.0, 1.0), (2.0, 0.5), (2.0, 0.5), (2.0, 0.5), (2.0, 0.25)],
    ),
    "a better one is remembered while it cools down": (
        {"cooldown": 2},
        [(2.0, 1.0), (2.0, 0.5), (1.0, 0.5), (1.0, 0.5), (1.5, 0.25)],
    ),
    "the lowest rate": (
        {"min_lr": 0.375},
        [(2.0, 1.0), (2.0, 0.5), (2.0, 0.375), (2.0, 0.375)],
    ),
    "a cut by eps alone is not made": (
        {"eps": 0.25},
        [(2.0, 1.0), (2.0, 0.5), (2.0, 0.5)],  # to 0.25 would be a cut by 0.25
    ),
}


@pytest.mark.parametrize(("rule", "column"), COLUMNS.values(), ids=COLUMNS)
def test_the_rate_after_each_metric(
    rule: dict[str, Any], column: list[tuple[float, float]]
) -> None:
    plateau = Plateau(Plan.of(plateau_spec(1.0, **rule), micro_batches_per_epoch=1))
    after = []
    for t, (metric, _) in enumerate(column):
        plateau.report(metric, t)
        after.append((metric, plateau.rate_at(t)))

    assert column == after
