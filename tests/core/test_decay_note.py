"""The note about a weight decay that float32 cannot apply."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dualtrain.plan import Plan, decay_note
from dualtrain.spec import Spec


def note(lr: float, name: str = "adamw", **decay: Any) -> str | None:
    """For a run of two updates, the first at half the rate."""
    parts: dict[str, Any] = {
        "optimizer": {"name": name, "lr": lr},
        "schedule": {"name": "constant"},
        "warmup": {"steps": 1, "start": 0.5},
        "duration": {"updates": 2},
        "weight_decay": decay or None,
    }
    return decay_note(Plan.of(Spec(**parts), micro_batches_per_epoch=2))


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
    schedule = {"name": "reduce_on_plateau", "mode": "min", "factor": 0.1, "patience": 1}
    threshold = {"threshold": 0.0, "threshold_mode": "abs"}
    limits = {"cooldown": 0, "min_lr": 0.0, "eps": 0.0}
    parts: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 1e-9},
        "schedule": {**schedule, **threshold, **limits},
        "duration": {"updates": 2},
        "weight_decay": {"value": 1.0},
    }
    told = decay_note(Plan.of(Spec(**parts), micro_batches_per_epoch=2))
    assert told is not None
    assert "at most 1e-09" in told


def test_coupled_decay_is_not_rounded_away() -> None:
    assert note(1e-9, "sgd", value=1.0, kind="coupled") is None
