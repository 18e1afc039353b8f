"""Trees of PaddleOCR's kind, one word at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.vision import codes, line_of, said, says

HEAD = """\
Global: {epoch_num: 200}
Train: {loader: {batch_size_per_card: 128}}
Optimizer:
"""
ADAM = "  name: Adam\n  beta2: 0.99\n"
DECAY = "  regularizer: {name: L2, factor: 3.0e-05}\n"
COSINE = "  lr: {name: Cosine, learning_rate: 0.001, warmup_epoch: 5}\n"
TREE = HEAD + ADAM + DECAY + COSINE


def rates(words: str) -> str:
    """The tree with other rates."""
    return HEAD + ADAM + DECAY + f"  lr: {{{words}}}\n"


def test_every_field(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE)

    assert {name: found.value for name, found in recipe.fields.items()} == {
        "optimizer": "adam",
        "lr": 0.001,
        "betas": [0.9, 0.99],
        "eps": 1e-8,
        "weight_decay": 3e-5,
        "schedule": "cosine",
        "num_cycles": 0.5,
        "end_lr": 0.0,
        "warmup": 5,
        "warmup_unit": "epochs",
        "warmup_start": 0.0,
        "warmup_counted": "before",
        "length": "epochs",
        "epochs": 200,
        "batch_size": 128,
        "accumulate": 1,
        "clip": "none",
        "amp": "off",
        "amp_if_enabled": {"dtype": "float16", "level": "O2", "init_loss_scaling": 1.0},
        "freeze": [],
        "seed": 1024,
        "scheduler_step": "per_batch",
    }
    assert codes(recipe) == {"sched_warmup_not_subtracted"}
    assert recipe["seed"].certainty == "implied"


@pytest.mark.parametrize(
    ("words", "fields", "hazards"),
    [
        ("learning_rate: 0.1", {"schedule": "none", "scheduler_step": None, "length": None}, set()),
        ("learning_rate: 0.1, warmup_epoch: 2", {"schedule": "constant", "warmup": 2}, set()),
        (
            "name: Cosine, learning_rate: 0.1, eta_min: 0.01",
            {"end_lr": 0.0},
            {"dead_flag"},
        ),
        (
            "name: Linear, learning_rate: 0.1, epochs: 10",
            {"schedule": "linear", "end_lr": 0.0},
            {"dead_flag"},
        ),
        (
            "name: DecayLearningRate, learning_rate: 0.1, end_lr: 0.01, warmup_epoch: 2",
            {"schedule": "polynomial", "power": 0.9, "end_lr": 0.0, "warmup": None},
            {"dead_flag"},
        ),
        (
            "name: Piecewise, learning_rate: 0.5, decay_epochs: [9], values: [0.1, 0.01]",
            {"lr": 0.1, "milestones": [9], "values": [0.1, 0.01]},
            {"decoy_values"},
        ),
        (
            "name: TwoStepCosine, learning_rate: 0.1, warmup_epoch: 1",
            {"schedule": "custom", "length": "epochs"},
            {"sched_warmup_not_subtracted"},
        ),
        (
            "name: OneCycle, max_lr: 0.1",
            {"schedule": "custom", "lr": 0.1},
            set(),
        ),
    ],
)
def test_rates(tmp_path: Path, words: str, fields: dict[str, Any], hazards: set[str]) -> None:
    recipe = said(tmp_path, rates(words))

    assert says(recipe, *fields) == fields
    assert codes(recipe) == hazards


@pytest.mark.parametrize(
    ("keys", "fields", "hazards"),
    [
        ("clip_norm: 5.0", {"clip": {"kind": "norm", "value": 5.0}}, {"clip_per_tensor"}),
        ("clip_norm_global: 5.0", {"clip": {"kind": "global_norm", "value": 5.0}}, set()),
        ("weight_deacy: 0.1", {"weight_decay": None}, {"dead_flag"}),
        ("weight_decay: 0.1", {"weight_decay": 0.1}, {"coupled_decay"}),
        ("regularizer: {name: L2, factor: 1e-5}", {"weight_decay": 1e-5}, {"text_number_in_yaml"}),
        ("regularizer: {name: L2Decay, factor: 0.1}", {"weight_decay": 0.1}, set()),
        ("regularizer: {name: L1, factor: 0.1}", {"weight_decay": None}, set()),
        (
            "regularizer: {name: L2, factor: 0.1}\n  weight_decay: 0.1",
            {"weight_decay": 0.1},
            {"fails_with_defaults"},
        ),
        ("group_lr: True", {"param_groups": [{"lr_mult": 0.1}]}, {"param_groups"}),
    ],
)
def test_keys_of_an_optimizer(
    tmp_path: Path, keys: str, fields: dict[str, Any], hazards: set[str]
) -> None:
    recipe = said(tmp_path, HEAD + ADAM + f"  {keys}\n  lr: {{learning_rate: 0.1}}\n")

    assert says(recipe, *fields) == fields
    assert codes(recipe) == hazards


def test_a_factor_that_is_text_is_cast(tmp_path: Path) -> None:
    factor = said(tmp_path, TREE.replace("3.0e-05", "3e-5"))
    rate = said(tmp_path, TREE.replace("0.001", "1e-3"))

    assert "float()" in factor.hazards[0].text
    assert "Paddle refuses" in rate.hazards[0].text


def test_adamw(tmp_path: Path) -> None:
    text = HEAD + "  name: AdamW\n  no_weight_decay_name: norm pos_embed\n" + COSINE
    recipe = said(tmp_path, text)

    assert says(recipe, "weight_decay", "decay_exclude", "decay_match") == {
        "weight_decay": 0.01,
        "decay_exclude": ["norm", "pos_embed"],
        "decay_match": "substring",
    }
    assert "framework_default_decay" in codes(recipe)


@pytest.mark.parametrize(
    ("words", "amp", "enabled"),
    [
        ("use_amp: True, amp_level: O1, scale_loss: 1024.0", ("O1", 1024.0), None),
        ("use_amp: False, amp_level: O1", "off", ("O1", 1.0)),
        ("seed: 7", "off", ("O2", 1.0)),
    ],
)
def test_mixed_precision(tmp_path: Path, words: str, amp: Any, enabled: Any) -> None:
    recipe = said(tmp_path, TREE.replace("epoch_num: 200", f"epoch_num: 200, {words}"))
    wanted = [
        one if not isinstance(one, tuple) else
        {"dtype": "float16", "level": one[0], "init_loss_scaling": one[1]}
        for one in (amp, enabled)
    ]  # fmt: skip

    assert [recipe["amp"].value, recipe["amp_if_enabled"].value] == wanted


def test_a_sampler_decides_the_batch(tmp_path: Path) -> None:
    sampler = "Train: {sampler: {first_bs: 96}, loader"
    recipe = said(tmp_path, TREE.replace("Train: {loader", sampler))

    assert recipe["batch_size"].value == 96
    assert line_of(recipe, "decoy_values") == 2


def test_parts_of_a_model_that_decay_by_their_own(tmp_path: Path) -> None:
    head = "Architecture: {Head: {name: CTCHead, fc_decay: 0.00001}}\n"
    norms = "Architecture: {Backbone: {name: PPLCNetV3}}\n"

    assert line_of(said(tmp_path, TREE + head), "decay_in_model_code") == 8
    assert "decay_in_model_code" in codes(said(tmp_path, TREE + norms))
    same = said(tmp_path, TREE + head.replace("0.00001", "3.0e-05"))
    assert "decay_in_model_code" not in codes(same)
    none = TREE.replace("3.0e-05", "0.0") + norms
    assert "decay_in_model_code" not in codes(said(tmp_path, none))


def test_a_frozen_teacher(tmp_path: Path) -> None:
    model = "Architecture: {Models: {Teacher: {freeze_params: true}, Student: {}}}\n"

    assert said(tmp_path, TREE + model)["freeze"].value == [
        "Architecture.Models.Teacher.freeze_params"
    ]
