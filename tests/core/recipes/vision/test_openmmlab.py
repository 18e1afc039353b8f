"""Configurations written in Python, of mmcv's hooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualtrain.errors import DualtrainError
from dualtrain.recipes import Recipe, read_recipe

BASE = """
# optimizer
optimizer = dict(type='AdamW', lr=0.0002, weight_decay=0.0001)
optimizer_config = dict()
lr_config = dict(policy='poly', power=0.9, min_lr=0.0, by_epoch=False)
runner = dict(type='IterBasedRunner', max_iters=160000)
data = dict(samples_per_gpu=4, workers_per_gpu=4)
"""
OWN = """
_base_ = ['./base.py']
keys = {'pos': dict(decay_mult=0.), 'head': dict(lr_mult=10.)}
optimizer = dict(_delete_=True, type='AdamW', lr=6e-5, betas=(0.9, 0.99), weight_decay=0.01,
                 paramwise_cfg=dict(custom_keys=keys))
lr_config = dict(warmup='linear', warmup_iters=1500, warmup_ratio=1e-6, power=1.0)
data = dict(samples_per_gpu=2)
"""


def recipe(folder: Path, own: str, base: str = BASE) -> Recipe:
    (folder / "base.py").write_text(base, encoding="utf-8")
    script = folder / "own.py"
    script.write_text(own, encoding="utf-8")
    return read_recipe(script, root=folder)


def test_what_is_merged_over_its_base(tmp_path: Path) -> None:
    found = recipe(tmp_path, OWN)
    values = {name: found[name].value for name in found.fields}
    assert found.framework == "torch"
    expected = {
        "optimizer": "adamw", "lr": 6e-5, "betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0.01,
        "decay_exclude": ["pos"], "decay_match": "substring", "schedule": "polynomial",
        "power": 1.0, "end_lr": 0.0, "warmup": 1500, "warmup_unit": "steps",
        "length": "fixed_steps", "max_steps": 160000, "batch_size": 2, "clip": "none",
        "amp": "off", "accumulate": 1, "scheduler_step": "per_batch",
        "lr_multipliers": [{"pattern": "*head*", "multiplier": 10.0}],
    }  # fmt: skip
    assert {name: values[name] for name in expected} == expected
    assert (str(found["lr"].place), str(found["end_lr"].place)) == ("own.py:4", "base.py:5")
    assert found["warmup_start"].certainty == "unknown"  # a ramp times a curve
    codes = {one.code for one in found.hazards}
    assert codes == {"param_groups", "sched_warmup_not_subtracted", "spread_over_files"}


PLAIN = "optimizer = dict(type='SGD', lr=0.1 / 4)\ntotal_epochs = 12\n"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", {"optimizer": "sgd", "lr": 0.025, "epochs": 12, "schedule": "constant",
              "weight_decay": None}),
        ("optimizer = dict(type='SGD', lr=1, momentum=0.9)",
         {"optimizer": "momentum", "momentum": 0.9}),
        ("optimizer = dict(type='AdamW', lr=1)", {"weight_decay": 0.01}),
        ("lr_config = dict(policy='step', step=[8, 11])",
         {"schedule": "piecewise", "milestones": [8, 11], "gamma": 0.1,
          "scheduler_step": "per_epoch"}),
        ("lr_config = dict(policy='step', step=3, gamma=0.5)",
         {"schedule": "step", "step_size": 3, "gamma": 0.5}),
        ("lr_config = dict(policy='CosineAnnealing', min_lr_ratio=0.2)",
         {"schedule": "cosine", "end_lr": 0.2 * (0.1 / 4), "length": "epoch_units"}),
        ("lr_config = dict(policy='CosineAnnealing', min_lr=0., by_epoch=False)",
         {"length": "epochs", "scheduler_step": "per_batch"}),
        ("lr_config = dict(policy='step', step=[8], warmup='linear', warmup_iters=500, "
         "warmup_ratio=0.5)", {"warmup": 500, "warmup_start": 0.0125}),
        ("optimizer_config = dict(grad_clip=dict(max_norm=35, norm_type=2))",
         {"clip": {"kind": "global_norm", "value": 35}}),
        ("optimizer_config = dict(type='GradientCumulativeOptimizerHook', cumulative_iters=4)",
         {"accumulate": 4}),
        ("fp16 = dict(loss_scale=512.)",
         {"amp": {"dtype": "float16", "level": "O1", "init_loss_scaling": 512.0}}),
        ("runner = dict(type='EpochBasedRunner', max_epochs=24)", {"epochs": 24}),
    ],
)  # fmt: skip
def test_what_a_key_says(tmp_path: Path, more: str, expected: dict[str, object]) -> None:
    found = recipe(tmp_path, f"{PLAIN}{more}\n")
    assert {name: found[name].value for name in expected} == expected


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ("optimizer = dict(type='Own', lr=1)", "optimizer"),
        ("optimizer = dict(type='SGD', lr=rate())", "lr"),
        ("optimizer_config = dict(type='DistOptimizerHook', update_interval=2)", "accumulate"),
        ("lr_config = dict(policy='step', step=[8], min_lr=1e-5)", "schedule"),
        ("optimizer = dict(type='SGD', lr=1, paramwise_cfg=dict(norm_decay_mult=0.))",
         "decay_exclude"),
        ("optimizer = dict(type='SGD', lr=1, paramwise_cfg=dict(custom_keys=dict("
         "head=dict(decay_mult=0.5))))", "decay_exclude"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_not_guessed(tmp_path: Path, more: str, field: str) -> None:
    found = recipe(tmp_path, f"{PLAIN}{more}\n")
    assert found[field].certainty == "unknown"
    assert found[field].why


def test_a_program_is_no_configuration(tmp_path: Path) -> None:
    found = recipe(tmp_path, f"{PLAIN}def main():\n    pass\n")
    assert "no optimizer is seen" in found["optimizer"].why


@pytest.mark.parametrize(
    "lines",
    [
        "\n".join(["a = [1]", *(["a = [a, a]"] * 60)]),
        "\n".join(["a = 9", *(["a = a * a"] * 90)]),
        f"a = {'[' * 3000}{']' * 3000}",
        "a = 1 / 0",
    ],
)
def test_what_grows_without_end_is_refused_or_left_unread(tmp_path: Path, lines: str) -> None:
    try:
        found = recipe(tmp_path, f"{PLAIN}{lines}\n")
    except DualtrainError as fault:
        assert "own.py" in str(fault)
    else:
        assert found["lr"].value == 0.025
