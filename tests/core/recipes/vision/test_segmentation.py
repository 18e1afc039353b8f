"""Trees of PaddleSeg's kind, one word at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.vision import codes, line_of, said, says

TREE = """\
iters: 80000
batch_size: 4
optimizer:
  type: sgd
  momentum: 0.9
  weight_decay: 4.0e-5
lr_scheduler:
  type: PolynomialDecay
  learning_rate: 0.01
  end_lr: 0
  power: 0.9
"""
WARMUP = "  warmup_iters: 1500\n  warmup_start_lr: 1.0e-6\n"


def test_every_field(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE + WARMUP)

    assert {name: found.value for name, found in recipe.fields.items()} == {
        "optimizer": "momentum",
        "lr": 0.01,
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 4e-5,
        "schedule": "polynomial",
        "power": 0.9,
        "end_lr": 0,
        "warmup": 1500,
        "warmup_unit": "steps",
        "warmup_start": 1e-6,
        "warmup_counted": "before",
        "horizon": 78500,
        "length": "fixed_steps",
        "max_steps": 80000,
        "batch_size": 4,
        "accumulate": 1,
        "clip": "none",
        "amp": "off",
        "amp_if_enabled": {"dtype": "float16", "level": "O1", "init_loss_scaling": 1024.0},
        "freeze": [],
        "scheduler_step": "per_batch",
    }
    assert codes(recipe) == set()
    assert str(recipe["lr"].place) == "recipe.yml:9"
    assert recipe["lr"].flag == "lr_scheduler.learning_rate"
    assert "78500" in recipe["length"].why
    assert recipe["nesterov"].certainty == "implied"


def test_a_polynomial_that_does_not_say_its_end_has_paddles(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE.replace("  end_lr: 0\n  power: 0.9\n", ""))

    assert says(recipe, "end_lr", "power") == {"end_lr": 1e-4, "power": 1.0}
    assert recipe["end_lr"].certainty == "implied"


@pytest.mark.parametrize(
    ("was", "now", "fields"),
    [
        ("sgd", "SGD", {"optimizer": "momentum"}),
        ("sgd", "Momentum", {"optimizer": "momentum"}),
        ("sgd\n  momentum: 0.9", "SGD", {"optimizer": "sgd", "momentum": None}),
        ("sgd\n  momentum: 0.9", "Momentum", {"momentum": 0.9}),
        ("sgd\n  momentum: 0.9", "adam", {"optimizer": "adam", "betas": [0.9, 0.999]}),
        ("sgd\n  momentum: 0.9", "AdamW\n  beta1: 0.8", {"betas": [0.8, 0.999], "eps": 1e-8}),
    ],
)
def test_classes(tmp_path: Path, was: str, now: str, fields: dict[str, Any]) -> None:
    assert says(said(tmp_path, TREE.replace(was, now)), *fields) == fields


def test_sgd_in_small_letters_without_a_momentum_was_another_class_before(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE.replace("  momentum: 0.9\n", ""))

    assert recipe["optimizer"].certainty == "unknown"
    assert "older releases" in recipe["optimizer"].why


def test_adamw_without_a_decay_has_the_frameworks(tmp_path: Path) -> None:
    text = TREE.replace("type: sgd\n  momentum: 0.9\n  weight_decay: 4.0e-5", "type: AdamW")
    recipe = said(tmp_path, text)

    assert recipe["weight_decay"].value == 0.01
    assert codes(recipe) == {"framework_default_decay"}


def test_a_decay_must_be_a_float(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE.replace("4.0e-5", "0"))

    assert recipe["weight_decay"].value == 0
    assert line_of(recipe, "fails_with_defaults") == 6


def test_a_number_that_yaml_takes_as_text(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE.replace("learning_rate: 0.01", "learning_rate: 1e-2"))

    assert recipe["lr"].value == 0.01
    assert line_of(recipe, "text_number_in_yaml") == 9
    assert "Paddle refuses" in recipe.hazards[0].text


def test_groups(tmp_path: Path) -> None:
    groups = """\
  custom_cfg:
    - name: backbone
      lr_mult: 0.1
    - name: norm
      weight_decay_mult: 0.0
    - name: head
      weight_decay_mult: 2.0
"""
    recipe = said(tmp_path, TREE.replace("lr_scheduler", groups + "lr_scheduler"))

    assert says(recipe, "param_groups", "decay_exclude", "decay_match") == {
        "param_groups": [
            {"params": "backbone", "lr_mult": 0.1},
            {"params": "head", "lr_mult": 1.0, "weight_decay_mult": 2.0},
        ],
        "decay_exclude": ["norm"],
        "decay_match": "substring",
    }
    assert codes(recipe) == {"param_groups"}


@pytest.mark.parametrize(
    ("words", "clip", "hazards"),
    [
        ("ClipGradByGlobalNorm\n    clip_norm: 1.0", "global_norm", set()),
        ("ClipGradByNorm\n    clip_norm: 1.0", "norm", {"clip_per_tensor"}),
        ("ClipGradByValue\n    max: 1.0", "value", set()),
    ],
)
def test_clips(tmp_path: Path, words: str, clip: str, hazards: set[str]) -> None:
    keys = f"  grad_clip_cfg:\n    name: {words}\n"
    recipe = said(tmp_path, TREE.replace("lr_scheduler", keys + "lr_scheduler"))

    assert recipe["clip"].value == {"kind": clip, "value": 1.0}
    assert codes(recipe) == hazards


def test_a_clip_under_the_key_type(tmp_path: Path) -> None:
    keys = "  grad_clip:\n    type: ClipGradByGlobalNorm\n    clip_norm: 10.0\n"
    recipe = said(tmp_path, TREE.replace("lr_scheduler", keys + "lr_scheduler"))

    assert recipe["clip"].value == {"kind": "global_norm", "value": 10.0}


def test_a_clip_under_a_key_that_is_not_known_is_unknown(tmp_path: Path) -> None:
    keys = "  gradient_clip: {kind: of_ours, most: 3.0}\n"
    recipe = said(tmp_path, TREE.replace("lr_scheduler", keys + "lr_scheduler"))

    assert recipe["clip"].certainty == "unknown"
    assert "optimizer.gradient_clip" in recipe["clip"].why


def test_a_warmup_delays_what_has_its_own_milestones(tmp_path: Path) -> None:
    text = TREE.replace("PolynomialDecay", "MultiStepDecay\n  milestones: [60000, 72000]")
    recipe = said(tmp_path, text.replace("  end_lr: 0\n  power: 0.9\n", WARMUP))

    fields = ("schedule", "milestones", "gamma", "length")
    assert says(recipe, *fields) == {
        "schedule": "piecewise",
        "milestones": [60000, 72000],
        "gamma": 0.1,
        "length": None,
    }
    assert codes(recipe) == {"sched_warmup_not_subtracted"}


@pytest.mark.parametrize(("steps", "late"), [(78500, False), (78501, True)])
def test_a_length_of_its_own_may_go_beyond_training(
    tmp_path: Path, steps: int, *, late: bool
) -> None:
    recipe = said(tmp_path, TREE + WARMUP + f"  decay_steps: {steps}\n")

    assert ("sched_longer_than_training" in codes(recipe)) == late
    assert "sched_warmup_not_subtracted" in codes(recipe)


def test_the_old_form_of_rates(tmp_path: Path) -> None:
    text = TREE.split("lr_scheduler")[0]
    plain = said(tmp_path, text + "learning_rate: {value: 0.01}\n")
    ended = said(
        tmp_path,
        text + "learning_rate: {value: 0.01, decay: {type: poly, power: 0.9, end_lr: 0.0}}\n",
    )
    steps = said(
        tmp_path,
        text + "learning_rate: {value: [0.1, 0.01], decay: {type: piecewise, boundaries: [10]}}\n",
    )

    fields = ("schedule", "lr", "power", "end_lr")
    assert tuple(says(plain, *fields).values()) == ("polynomial", 0.01, 0.9, 1e-4)
    assert tuple(says(ended, *fields).values()) == ("polynomial", 0.01, 0.9, 0.0)
    assert says(steps, "lr", "values", "milestones") == {
        "lr": 0.1,
        "values": [0.1, 0.01],
        "milestones": [10],
    }


def test_a_rate_for_each_layer(tmp_path: Path) -> None:
    text = TREE.replace("sgd\n  momentum: 0.9", "AdamWDL_CAE\n  layerwise_decay: 0.75")
    recipe = said(tmp_path, text)

    assert recipe["param_groups"].value == [{"layer_decay": 0.75}]
    assert recipe["decay_exclude"].certainty == "unknown"
    assert codes(recipe) == {"param_groups"}


def test_what_a_key_freezes(tmp_path: Path) -> None:
    still = said(tmp_path, TREE + "model: {backbone: {frozen_stages: 1, freeze_norm: false}}\n")
    free = said(tmp_path, TREE + "model: {backbone: {frozen_stages: -1, freeze_norm: false}}\n")

    assert still["freeze"].value == ["model.backbone.frozen_stages"]
    assert free["freeze"].value == []
