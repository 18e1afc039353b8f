"""Trees of PaddleVideo's kind, one word at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.vision import codes, said, says

HEAD = "MODEL: {framework: R}\nDATASET: {batch_size: 16}\nepochs: 50\nOPTIMIZER:\n"
MOMENTUM = "  name: Momentum\n  momentum: 0.9\n  weight_decay: {name: L2, value: 0.0001}\n"
STEPS = (
    "  learning_rate: {name: PiecewiseDecay, boundaries: [20, 40], values: [0.2, 0.02, 0.002]}\n"
)
TREE = HEAD + MOMENTUM + STEPS


def rates(words: str) -> str:
    """The tree with other rates."""
    return HEAD + MOMENTUM + f"  learning_rate: {{{words}}}\n"


def test_every_field(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE)

    assert {name: found.value for name, found in recipe.fields.items()} == {
        "optimizer": "momentum",
        "lr": 0.2,
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 0.0001,
        "schedule": "piecewise",
        "milestones": [20, 40],
        "values": [0.2, 0.02, 0.002],
        "length": "epoch_units",
        "epochs": 50,
        "batch_size": 16,
        "accumulate": 1,
        "clip": "none",
        "amp": "off",
        "amp_if_enabled": {"dtype": "float16", "level": "O1", "init_loss_scaling": 65536.0},
        "freeze": [],
        "seed": 1234,
        "scheduler_step": "per_epoch",
    }
    assert codes(recipe) == set()


@pytest.mark.parametrize(
    ("words", "fields", "hazards"),
    [
        (
            "name: CustomPiecewiseDecay, iter_step: True, boundaries: [200], values: [0.1, 0.01]",
            {"schedule": "piecewise", "scheduler_step": "per_batch", "length": None},
            set(),
        ),
        (
            "name: MultiStepDecay, learning_rate: 0.1, milestones: [20, 60]",
            {"lr": 0.1, "gamma": 0.1, "milestones": [20, 60]},
            {"sched_longer_than_training"},
        ),
        (
            "name: CustomWarmupCosineDecay, iter_step: True, max_epoch: 60, warmup_epochs: 34, "
            "warmup_start_lr: 0.01, cosine_base_lr: 0.1",
            {"schedule": "cosine", "lr": 0.1, "warmup": 34, "warmup_start": 0.01, "end_lr": 0.0},
            {"sched_longer_than_training"},
        ),
        (
            "name: CustomWarmupCosineStepDecay, iter_step: True, warmup_iters: 2.5, base_lr: 3e-5",
            {"schedule": "custom", "lr": 3e-5, "warmup": 2.5, "warmup_unit": "epochs"},
            {"text_number_in_yaml"},
        ),
    ],
)
def test_rates(tmp_path: Path, words: str, fields: dict[str, Any], hazards: set[str]) -> None:
    recipe = said(tmp_path, rates(words))

    assert says(recipe, *fields) == fields
    assert codes(recipe) == hazards


def test_adamw_and_its_clip(tmp_path: Path) -> None:
    keys = "  no_weight_decay_name: norm bias\n  grad_clip: {name: ByGlobalNorm, value: 40.0}\n"
    recipe = said(tmp_path, HEAD + "  name: AdamW\n" + keys + STEPS)

    assert says(recipe, "weight_decay", "decay_exclude", "clip") == {
        "weight_decay": 0.01,
        "decay_exclude": ["norm", "bias"],
        "clip": {"kind": "global_norm", "value": 40.0},
    }
    assert codes(recipe) == {"framework_default_decay"}


def test_the_number_of_processes_decides_the_accumulation(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE + "GRADIENT_ACCUMULATION: {global_batch_size: 64}\n")

    assert recipe["accumulate"].certainty == "unknown"
    assert "processes" in recipe["accumulate"].why
