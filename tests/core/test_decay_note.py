"""The note about a weight decay that float32 cannot apply."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dualtrain.plan import decay_note
from tests.builders import PLATEAU, plan_of


def note(lr: float, name: str = "adamw", **decay: Any) -> str | None:
    """For a run of two updates, the first at half the rate."""
    plan = plan_of(
        optimizer={"name": name, "lr": lr},
        warmup={"steps": 1, "start": 0.5},
        duration={"updates": 2},
        weight_decay=decay or None,
    )
    return decay_note(plan)


EDGE = 2.0**-25


@pytest.mark.parametrize(
    ("lr", "expected"),
    [
        (EDGE, "no weight will decay: lr x weight_decay.value is at most 3e-08, "
         "and in float32 1 - 3e-08 is 1"),
        (1.001 * EDGE, "weight decay will be inexact: lr x weight_decay.value is "
         "at most 3e-08; below 1e-06 float32 distorts it, in torch and Paddle differently"),
        (9.9e-7, "weight decay will be inexact: lr x weight_decay.value is at most 9.9e-07; "
         "below 1e-06 float32 distorts it, in torch and Paddle differently"),
        (1e-6, None),
    ],
)  # fmt: skip
def test_the_product_decides(lr: float, expected: str | None) -> None:
    assert expected == note(lr, value=1.0)


def test_float32_agrees_about_the_edge() -> None:
    """Where the note says that nothing decays, the factor is 1; just above, it is not."""
    one = np.float32(1.0)
    assert np.float32(1.0 - EDGE) == one
    assert np.float32(1.0 - 1.001 * EDGE) < one


def test_no_decay_no_note() -> None:
    assert note(1e-9) is None
    assert note(1e-9, value=0.0) is None


def test_metrics_can_only_lower_the_rate() -> None:
    optimizer = {"name": "adamw", "lr": 1e-9}
    told = decay_note(plan_of(optimizer=optimizer, schedule=PLATEAU, weight_decay={"value": 1.0}))
    assert told is not None
    assert "at most 1e-09" in told


def test_coupled_decay_is_not_rounded_away() -> None:
    assert note(1e-9, "sgd", value=1.0, kind="coupled") is None
