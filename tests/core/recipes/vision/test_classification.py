"""Trees of PaddleClas' kind, one word at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.vision import codes, line_of, said, says

HEAD = """\
Global: {epochs: 120}
Arch: {name: ResNet50}
DataLoader: {Train: {sampler: {batch_size: 64}}}
Optimizer:
"""
MOMENTUM = "  name: Momentum\n  momentum: 0.9\n  regularizer: {name: L2, coeff: 0.0001}\n"
COSINE = "  lr: {name: Cosine, learning_rate: 0.8, warmup_epoch: 5}\n"
TREE = HEAD + MOMENTUM + COSINE
ADAMW = HEAD + "  name: AdamW\n  weight_decay: 0.05\n" + COSINE


def rates(words: str) -> str:
    """The tree with other rates."""
    return HEAD + MOMENTUM + f"  lr: {{{words}}}\n"


def test_every_field(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE)

    assert {name: found.value for name, found in recipe.fields.items()} == {
        "optimizer": "momentum",
        "lr": 0.8,
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 0.0001,
        "schedule": "cosine",
        "num_cycles": 0.5,
        "end_lr": 0.0,
        "warmup": 5,
        "warmup_unit": "epochs",
        "warmup_start": 0.0,
        "warmup_counted": "before",
        "horizon": 115,
        "length": "epochs",
        "epochs": 120,
        "batch_size": 64,
        "accumulate": 1,
        "clip": "none",
        "amp": "off",
        "freeze": [],
        "scheduler_step": "per_update",
    }
    assert codes(recipe) == set()


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("name: Linear, learning_rate: 0.1", {"schedule": "linear", "power": None, "end_lr": 0}),
        (
            "name: Linear, learning_rate: 0.1, power: 2, end_lr: 0.01",
            {"schedule": "polynomial", "power": 2, "end_lr": 0.01},
        ),
        (
            "name: Step, learning_rate: 0.1, step_size: 2.4, gamma: 0.97",
            {"schedule": "step", "step_size": 2.4, "gamma": 0.97},
        ),
        (
            "name: MultiStepDecay, learning_rate: 0.1, milestones: [30, 60]",
            {"schedule": "piecewise", "milestones": [30, 60], "gamma": 0.1},
        ),
        (
            "name: Piecewise, decay_epochs: [30, 60], values: [0.1, 0.05, 0.01]",
            {"lr": 0.1, "milestones": [30, 60], "values": [0.1, 0.05, 0.01]},
        ),
        ("name: ConstLR, learning_rate: 0.1", {"schedule": "constant", "length": None}),
        (
            "name: ReduceOnPlateau, learning_rate: 0.1, by_epoch: True",
            {"schedule": "custom", "scheduler_step": "on_eval", "length": None},
        ),
        (
            "name: Cosine, learning_rate: 0.1, by_epoch: True",
            {"scheduler_step": "per_epoch", "length": "epoch_units"},
        ),
    ],
)
def test_rates(tmp_path: Path, words: str, fields: dict[str, Any]) -> None:
    assert says(said(tmp_path, rates(words)), *fields) == fields


@pytest.mark.parametrize(
    ("epochs", "milestones", "tenths"),
    [(120, [30, 60, 90], [0, 1, 2, 3]), (91, [30, 60, 90], [0, 1, 2, 3]), (30, [30], [0, 0])],
)
def test_a_rate_throws_the_steps_away(
    tmp_path: Path, epochs: int, milestones: list[int], tenths: list[int]
) -> None:
    words = "name: Piecewise, learning_rate: 0.1, decay_epochs: [20], values: [0.1, 0.02]"
    recipe = said(tmp_path, rates(words).replace("120", str(epochs)))

    assert recipe["milestones"].value == milestones
    assert recipe["values"].value == pytest.approx([0.1 / 10**n for n in tenths], rel=1e-12)
    assert recipe["values"].how == "computed"
    assert codes(recipe) == {"decoy_values"}


@pytest.mark.parametrize(
    ("words", "delayed"),
    [
        ("name: Cosine, learning_rate: 0.1, warmup_epoch: 5", False),
        ("name: Linear, learning_rate: 0.1, warmup_epoch: 5", False),
        ("name: ConstLR, learning_rate: 0.1, warmup_epoch: 5", False),
        ("name: Step, learning_rate: 0.1, warmup_epoch: 5, step_size: 2, gamma: 0.9", True),
        ("name: Step, learning_rate: 0.1, warmup_epoch: 0, step_size: 2, gamma: 0.9", False),
        ("name: Piecewise, decay_epochs: [9], values: [0.1, 0.02], warmup_epoch: 5", True),
    ],
)
def test_which_warmup_delays(tmp_path: Path, words: str, *, delayed: bool) -> None:
    assert ("sched_warmup_not_subtracted" in codes(said(tmp_path, rates(words)))) == delayed


def test_a_clock_that_starts_ahead(tmp_path: Path) -> None:
    recipe = said(tmp_path, rates("name: Cosine, learning_rate: 0.1, last_epoch: 0"))

    assert codes(recipe) == {"sched_last_epoch_offset"}


def test_milestones_after_the_end(tmp_path: Path) -> None:
    words = "name: MultiStepDecay, learning_rate: 0.1, milestones: [60, 120]"

    assert codes(said(tmp_path, rates(words))) == {"sched_longer_than_training"}


@pytest.mark.parametrize(
    ("keys", "fields", "hazards"),
    [
        (
            "no_weight_decay_name: norm cls_token",
            {"decay_exclude": ["norm", "cls_token"], "decay_match": "substring"},
            set(),
        ),
        (
            "no_weight_decay_name: norm\n  one_dim_param_no_weight_decay: True",
            {"decay_exclude": ["norm"], "decay_match": "substring_or_ndim1"},
            set(),
        ),
        (
            "one_dim_param_no_weight_decay: True",
            {"decay_exclude": None, "decay_match": "ndim1"},
            set(),
        ),
        ("clip_norm: 5.0", {"clip": {"kind": "norm", "value": 5.0}}, {"clip_per_tensor"}),
        ("clip_grad: 5.0", {"clip": "none"}, {"clip_not_attached"}),
        ("clip_grad: None", {"clip": "none"}, set()),
        ("wieght_decay: 5.0", {"weight_decay": 0.05}, {"dead_flag"}),
        ("regularizer: {name: L2, coeff: 0.1}", {"weight_decay": 0.1}, {"dead_flag"}),
        ("epsilon: 1e-8", {"eps": 1e-8}, {"text_number_in_yaml"}),
    ],
)
def test_keys_of_an_optimizer(
    tmp_path: Path, keys: str, fields: dict[str, Any], hazards: set[str]
) -> None:
    recipe = said(tmp_path, ADAMW.replace("  lr:", f"  {keys}\n  lr:"))

    assert says(recipe, *fields) == fields
    assert codes(recipe) == hazards


@pytest.mark.parametrize(
    ("model", "optimizer", "spared"),
    [
        ("PPLCNet_x1_0", MOMENTUM, True),
        ("PPLCNet_x1_0", MOMENTUM.replace("0.0001", "0.0"), False),
        ("PPLCNet_x1_0", "  name: AdamW\n  weight_decay: 0.05\n", False),
        ("RecModel, Backbone: {name: PPHGNet_small}", MOMENTUM, True),
        ("ResNet50", MOMENTUM, False),
    ],
)
def test_models_that_spare_their_norms(
    tmp_path: Path, model: str, optimizer: str, *, spared: bool
) -> None:
    recipe = said(tmp_path, HEAD.replace("ResNet50", model) + optimizer + COSINE)

    assert ("decay_in_model_code" in codes(recipe)) == spared


def test_momentum_reads_one_of_its_filters_beside_the_other_alone(tmp_path: Path) -> None:
    key = "  one_dim_param_no_weight_decay: True\n"
    recipe = said(tmp_path, HEAD + MOMENTUM + key + COSINE)

    assert recipe["decay_match"].value is None
    assert line_of(recipe, "decay_filter_dropped") == 8


def test_a_layerwise_optimizer_has_no_clip(tmp_path: Path) -> None:
    keys = "AdamWDL\n  layerwise_decay: 0.65\n  clip_norm: 1.0"
    recipe = said(tmp_path, ADAMW.replace("AdamW", keys))

    assert says(recipe, "clip", "param_groups", "decay_exclude") == {
        "clip": "none",
        "param_groups": [{"layer_decay": 0.65}],
        "decay_exclude": None,
    }
    assert recipe["decay_exclude"].certainty == "unknown"
    assert codes(recipe) == {"clip_not_attached", "param_groups"}


@pytest.mark.parametrize(
    ("words", "amp", "enabled"),
    [
        ("use_amp: False, level: O1, scale_loss: 128.0", "off", ("O1", 128.0)),
        ("use_amp: True, level: O2, scale_loss: 128.0", ("O2", 128.0), None),
        ("level: O2", ("O2", 1.0), None),
    ],
)
def test_mixed_precision(tmp_path: Path, words: str, amp: Any, enabled: Any) -> None:
    recipe = said(tmp_path, TREE + f"AMP: {{{words}}}\n")
    wanted = [
        one if not isinstance(one, tuple) else
        {"dtype": "float16", "level": one[0], "init_loss_scaling": one[1]}
        for one in (amp, enabled)
    ]  # fmt: skip

    assert [recipe["amp"].value, recipe["amp_if_enabled"].value] == wanted


def test_a_level_that_older_releases_spelt_otherwise_is_unknown(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE + "AMP: {scale_loss: 128.0, use_pure_fp16: True}\n")

    assert recipe["amp"].certainty == "unknown"


def test_global_words(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE.replace("epochs: 120", "epochs: 1, seed: 0, update_freq: 4"))

    fields = ("epochs", "seed", "accumulate")
    assert says(recipe, *fields) == {"epochs": 1, "seed": 0, "accumulate": 4}


def test_a_sampler_of_several_scales(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE.replace("batch_size: 64", "first_bs: 32"))

    assert recipe["batch_size"].value == 32


def test_a_teacher_stands_still(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE.replace("ResNet50", "D, freeze_params_list: [True, False]"))

    assert recipe["freeze"].value == ["Arch.freeze_params_list"]


def test_several_optimizers(tmp_path: Path) -> None:
    part = "  - SGD: {scope: %s, lr: {name: ConstLR, learning_rate: %s}}\n"
    loss = said(tmp_path, HEAD + part % ("Head", 0.1) + part % ("CenterLoss", 1000.0))
    parts = said(tmp_path, HEAD + part % ("backbone", 0.1) + part % ("neck", 0.2))

    assert loss["lr"].value == 0.1
    assert says(parts, "optimizer", "lr") == {"optimizer": "sgd", "lr": None}
    assert parts["lr"].certainty == "unknown"
    assert "[0.1, 0.2]" in parts["lr"].why
    assert codes(loss) == codes(parts) == {"several_optimizers"}


def test_averages_of_the_weights(tmp_path: Path) -> None:
    assert said(tmp_path, TREE)["ema"].certainty == "absent"
    assert said(tmp_path, TREE + "EMA: {decay: 0.99996}\n")["ema"].value == {
        "decay": 0.99996,
        "start": "initial",
        "statistics": True,
    }


@pytest.mark.parametrize(
    ("losses", "amount", "certainty"),
    [
        ("- CELoss: {weight: 1.0, epsilon: 0.1}", 0.1, "stated"),
        ("- CELoss: {weight: 1.0}", None, "absent"),
        ("- CELoss: {epsilon: 0.1}\n  - DMLLoss: {weight: 1.0}", None, "unknown"),
        ("- ViTCELoss: {epsilon: 0.1}", None, "unknown"),
    ],
)
def test_how_targets_are_smoothed(
    tmp_path: Path, losses: str, amount: float | None, certainty: str
) -> None:
    found = said(tmp_path, TREE + f"Loss:\n  Train:\n  {losses}\n")["label_smoothing"]

    assert (found.value, found.certainty) == (amount, certainty)
