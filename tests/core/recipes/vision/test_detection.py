"""Trees of PaddleDetection's kind, one word at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.vision import codes, line_of, said, says

HEAD = """\
architecture: FasterRCNN
FasterRCNN: {backbone: ResNet}
epoch: 12
TrainReader: {batch_size: 2}
"""
RATES = """\
LearningRate:
  base_lr: 0.01
  schedulers:
  - name: PiecewiseDecay
    gamma: 0.1
    milestones: [8, 11]
  - name: LinearWarmup
    start_factor: 0.1
    steps: 1000
"""
MOMENTUM = """\
OptimizerBuilder:
  optimizer: {type: Momentum, momentum: 0.9}
  regularizer: {type: L2, factor: 0.0001}
"""
TREE = HEAD + RATES + MOMENTUM


def with_rates(*schedulers: str) -> str:
    """The tree with other schedulers."""
    lines = "".join(f"  - {one}\n" for one in schedulers)
    return HEAD + "LearningRate:\n  base_lr: 0.01\n  schedulers:\n" + lines + MOMENTUM


def with_optimizer(text: str) -> str:
    """The tree with another OptimizerBuilder."""
    return HEAD + RATES + f"OptimizerBuilder: {text}\n"


def test_every_field(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE)

    assert {name: found.value for name, found in recipe.fields.items()} == {
        "optimizer": "momentum",
        "lr": 0.01,
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 0.0001,
        "schedule": "piecewise",
        "milestones": [8, 11],
        "gamma": 0.1,
        "values": pytest.approx([0.01, 0.001, 0.0001], rel=1e-12),
        "warmup": 1000,
        "warmup_unit": "steps",
        "warmup_start": pytest.approx(0.001, rel=1e-12),
        "warmup_counted": "inside",
        "length": "epochs",
        "epochs": 12,
        "batch_size": 2,
        "accumulate": 1,
        "clip": "none",
        "amp": "off",
        "amp_if_enabled": {"dtype": "float16", "level": "O1", "init_loss_scaling": 1024.0},
        "freeze": ["backbone stem and stages up to 0", "backbone norms"],
        "scheduler_step": "per_batch",
    }
    assert codes(recipe) == set()


def test_a_gamma_does_not_compound(tmp_path: Path) -> None:
    one = said(tmp_path, TREE.replace("gamma: 0.1", "gamma: 0.5"))
    each = said(tmp_path, TREE.replace("gamma: 0.1", "gamma: [0.5, 0.2]"))

    assert one["values"].value == pytest.approx([0.01, 0.005, 0.0005], rel=1e-12)
    assert each["values"].value == pytest.approx([0.01, 0.005, 0.002], rel=1e-12)


@pytest.mark.parametrize(
    ("schedulers", "fields", "hazards"),
    [
        (
            ("{name: CosineDecay, max_epochs: 12}", "{name: LinearWarmup, epochs: 1}"),
            {"schedule": "cosine", "end_lr": 0.0, "warmup": 1, "warmup_unit": "epochs"},
            set(),
        ),
        (
            ("{name: CosineDecay, max_epochs: 15, min_lr_ratio: 0.05}", "{name: LinearWarmup}"),
            {"end_lr": 0.0005, "warmup": 500, "warmup_unit": "steps"},
            {"sched_longer_than_training"},
        ),
        (
            ("{name: CosineDecay, max_epochs: 12}", "{name: ExpWarmup, epochs: 5, steps: 9}"),
            {"warmup": 5, "warmup_unit": "epochs", "warmup_start": 0.0},
            {"decoy_values"},
        ),
        (
            (
                "{name: PiecewiseDecay, milestones: [8, 12], use_warmup: false}",
                "{name: LinearWarmup, steps: 9}",
            ),
            {"gamma": [0.1, 0.01], "warmup": None},
            {"dead_flag", "sched_longer_than_training"},
        ),
        (
            ("!PiecewiseDecay {milestones: [8]}", "!LinearWarmup {steps: 9}"),
            {"schedule": "piecewise", "warmup": 9},
            {"yaml_tags"},
        ),
        (("{name: CosineDecay, max_epochs: 12}",), {"warmup": None}, {"fails_with_defaults"}),
        (
            ("{name: PiecewiseDecay, milestones: [8], values: [0.2, 0.1], use_warmup: false}",),
            {"values": [0.2, 0.1], "gamma": None},
            set(),
        ),
    ],
)
def test_schedulers(
    tmp_path: Path, schedulers: tuple[str, ...], fields: dict[str, Any], hazards: set[str]
) -> None:
    recipe = said(tmp_path, with_rates(*schedulers))

    assert says(recipe, *fields) == fields
    assert codes(recipe) == hazards


def test_rates_that_are_not_given(tmp_path: Path) -> None:
    recipe = said(tmp_path, HEAD + "LearningRate: {base_lr: 0.02}\n" + MOMENTUM)

    fields = ("schedule", "milestones", "gamma", "warmup")
    assert tuple(says(recipe, *fields).values()) == ("piecewise", [8, 11], [0.1, 0.01], 500)


@pytest.mark.parametrize(
    ("text", "fields", "hazards"),
    [
        ("{optimizer: {type: Momentum}}", {"momentum": 0.9, "weight_decay": 0.0001}, set()),
        ("{regularizer: null}", {"optimizer": "momentum", "weight_decay": None}, set()),
        ("{regularizer: false}", {"weight_decay": None}, set()),
        ("{regularizer: 'None'}", {"weight_decay": None}, set()),
        ("{regularizer: {type: L1, factor: 0.1}}", {"weight_decay": None}, set()),
        ("{clip_grad_by_norm: 35.0}", {"clip": {"kind": "global_norm", "value": 35.0}}, set()),
        ("{clip_grad_by_value: 1.0}", {"clip": {"kind": "value", "value": 1.0}}, set()),
        (
            "{optimizer: {type: AdamW}, regularizer: {type: L2, factor: 0.5}}",
            {"weight_decay": 0.01, "betas": [0.9, 0.999]},
            {"framework_default_decay"},
        ),
        (
            "{optimizer: {type: AdamW, weight_decay: 0.05, param_groups: "
            "[{params: [norm, pos_embed], weight_decay: 0.0}, "
            "{params: [bb], learning_rate: 0.1}]}}",
            {
                "decay_exclude": ["norm", "pos_embed"],
                "decay_match": "regex",
                "param_groups": [{"params": ["bb"], "learning_rate": 0.1}],
            },
            {"param_groups"},
        ),
        (
            "{clip_grad_by_norm: 1.0, optimizer: {type: AdamWDL, betas: [0.9, 0.98], "
            "layer_decay: 0.75, skip_decay_names: [norm]}}",
            {
                "optimizer": "adamw",
                "betas": [0.9, 0.98],
                "weight_decay": 0.05,
                "param_groups": [{"layer_decay": 0.75}],
                "decay_exclude": ["norm"],
                "clip": "none",
            },
            {"param_groups", "clip_not_attached"},
        ),
    ],
)
def test_optimizers(tmp_path: Path, text: str, fields: dict[str, Any], hazards: set[str]) -> None:
    recipe = said(tmp_path, with_optimizer(text))

    assert says(recipe, *fields) == fields
    assert codes(recipe) == hazards


@pytest.mark.parametrize(
    ("name", "keys", "still", "spared"),
    [
        ("ResNet", "freeze_at: 2", ["backbone stem and stages up to 2", "backbone norms"], False),
        ("ResNet", "freeze_at: -1, freeze_norm: false", [], True),
        ("ResNet", "freeze_at: -1, freeze_norm: false, norm_decay: 0.1", [], False),
        ("ResNet", "freeze_stem_only: true", ["backbone stem", "backbone norms"], False),
        ("PPHGNetV2", "", ["backbone stem", "backbone norms"], False),
        ("CSPResNet", "", [], True),
        ("SwinTransformer", "", [], False),
        ("SwinTransformer", "frozen_stages: 1", ["backbone stem and stages up to 1"], False),
        ("VGG", "", [], False),
    ],
)
def test_backbones(tmp_path: Path, name: str, keys: str, still: list[str], *, spared: bool) -> None:
    recipe = said(tmp_path, TREE.replace("ResNet", name) + f"{name}: {{{keys}}}\n")

    assert recipe["freeze"].value == still
    assert ("decay_in_model_code" in codes(recipe)) == spared


@pytest.mark.parametrize(
    "keys", ["regularizer: null", "optimizer: {type: AdamW, weight_decay: 0.1}"]
)
def test_an_attribute_replaces_a_regularizer_alone(tmp_path: Path, keys: str) -> None:
    text = with_optimizer(f"{{{keys}}}").replace("ResNet", "CSPResNet")

    assert codes(said(tmp_path, text)) == set()


def test_a_backbone_that_is_not_known_may_freeze_anything(tmp_path: Path) -> None:
    other = said(tmp_path, TREE.replace("ResNet", "OwnNet"))
    none = said(tmp_path, TREE.replace("backbone: ResNet", "neck: FPN"))

    assert other["freeze"].certainty == none["freeze"].certainty == "unknown"
    assert "OwnNet" in other["freeze"].why


def test_a_detector_has_the_backbone(tmp_path: Path) -> None:
    text = TREE.replace("FasterRCNN: {backbone", "FasterRCNN: {detector: D}\nD: {backbone")

    assert said(tmp_path, text)["freeze"].value[-1] == "backbone norms"


def test_mixed_precision_in_the_tree(tmp_path: Path) -> None:
    recipe = said(tmp_path, TREE + "amp: true\namp_level: O2\ninit_loss_scaling: 128\n")

    assert recipe["amp"].value == {"dtype": "float16", "level": "O2", "init_loss_scaling": 128.0}


def test_a_reader_with_and_without_labels(tmp_path: Path) -> None:
    reader = "SemiTrainReader: {sup_batch_size: 2, unsup_batch_size: 4}\n"
    recipe = said(tmp_path, TREE + reader)

    assert recipe["batch_size"].value == 2
    assert "4 without labels" in recipe["batch_size"].why


def test_the_place_of_a_hazard(tmp_path: Path) -> None:
    recipe = said(tmp_path, with_rates("{name: CosineDecay, max_epochs: 15}", "{name: ExpWarmup}"))

    assert line_of(recipe, "sched_longer_than_training") == 8


@pytest.mark.parametrize(
    ("words", "averages"),
    [
        ("", {"decay": 0.9998, "start": "debiased", "statistics": True, "warmup": True}),
        (
            "ema_decay: 0.99\nema_decay_type: normal\n",
            {"decay": 0.99, "start": "debiased", "statistics": True},
        ),
        ("ema_decay_type: exponential\n", None),
        ("cycle_epoch: 40\n", None),
        ("ema_black_list: ['proj_conv.weight']\n", None),
    ],
)
def test_averages_of_the_weights(
    tmp_path: Path, words: str, averages: dict[str, Any] | None
) -> None:
    found = said(tmp_path, f"{TREE}use_ema: true\n{words}")["ema"]

    assert found.value == averages
    assert found.certainty == ("unknown" if averages is None else "stated")
    assert said(tmp_path, TREE + words)["ema"].certainty == "absent"
