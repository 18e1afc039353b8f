"""Which words of a spec a run may be gone on from under another value of."""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.checkpoints._changed import changed
from dualtrain.spec import Spec

WORDS: dict[str, Any] = {
    "optimizer": {"name": "adamw", "lr": 0.1, "betas": [0.9, 0.99]},
    "schedule": {"name": "linear"},
    "warmup": {"proportion": 0.1},
    "weight_decay": {"value": 0.1, "exclude": ["bias"]},
    "clip": {"global_norm": 1.0},
    "batch": {"size": 8, "accumulate": 2},
    "duration": {"epochs": 3},
    "seed": 1,
}


def places(**other: Any) -> list[str]:
    """The words that a run may not go on with, where these differ from `WORDS`."""
    lines = [str(one) for one in changed(Spec(**WORDS), Spec(**{**WORDS, **other}))]
    return [line.partition(":")[0] for line in lines]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"optimizer": {**WORDS["optimizer"], "lr": 0.2}}, ["optimizer.lr"]),
        ({"optimizer": {**WORDS["optimizer"], "betas": [0.9, 0.98]}}, ["optimizer.betas"]),
        ({"schedule": {"name": "cosine", "half_waves": 1}},
         ["schedule.name", "schedule.half_waves"]),
        ({"warmup": {"proportion": 0.2}}, ["warmup.proportion"]),
        ({"weight_decay": {"value": 0.1, "exclude": ["norm"]}}, ["weight_decay.exclude"]),
        ({"clip": None}, ["clip.global_norm", "clip.rule"]),
        ({"clip": {"global_norm": 2.0}}, ["clip.global_norm"]),
        ({"batch": {"size": 16, "accumulate": 2}}, ["batch.size"]),
        ({"batch": {"size": 8, "accumulate": 1}}, ["batch.accumulate"]),
        ({"duration": {"epochs": 4}}, ["duration.epochs"]),
        ({"duration": {"updates": 9}}, ["duration.epochs", "duration.updates"]),
        ({"seed": 2}, ["seed"]),
    ],
)  # fmt: skip
def test_what_a_number_follows_from_may_not(other: dict[str, Any], named: list[str]) -> None:
    assert sorted(places(**other)) == sorted(named)


@pytest.mark.parametrize(
    "other",
    [
        {"duration": {"epochs": 3, "time_limit": 60}},
        {"checkpoint": {"every": {"updates": 5}, "keep": 2}},
        {"device": "cuda"},
    ],
)
def test_what_none_follows_from_may(other: dict[str, Any]) -> None:
    assert places(**other) == []
