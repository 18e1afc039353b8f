"""The recipes in `examples/recipes` are specs, and mean what their comments say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from dualtrain.cli import main
from dualtrain.plan import Plan
from dualtrain.spec import load_spec

RECIPES = Path(__file__).parents[2] / "examples" / "recipes"

SIZES = {
    "bert_lamb": (7038, 2000, 7038),
    "cifar_one_cycle": (24 * 391, 0, 24 * 391),
    "cyclegan": (200 * 1334, 0, 200 * 1334),
    "detector": (300_000, 3000, 360_000),
    "ernie_fine_tuning": (3 * 150, 45, 3 * 150),
    "llama_sft": (2 * 1625, 97, 2 * 1625),
    "resnet": (120 * 5005, 0, 120 * 5005),
    "text_recognition": (500 * 35, 5 * 35, 505 * 35),
}
"""T, W and H."""


def plan_of(name: str) -> Plan:
    spec = load_spec(RECIPES / f"{name}.yaml")
    return Plan.of(spec, micro_batches_per_epoch=spec.batch.micro_batches_per_epoch or 1000)


def test_each_is_here() -> None:
    assert sorted(SIZES) == sorted(path.stem for path in RECIPES.iterdir())


@pytest.mark.parametrize("name", SIZES)
def test_its_whole_numbers(name: str) -> None:
    plan = plan_of(name)
    assert SIZES[name] == (plan.total_updates, plan.warmup_updates, plan.horizon)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("command", ["check", "plan", "explain", "compare", "plot"])
def test_the_commands_take_it_as_it_is(
    command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, str(RECIPES / f"{name}.yaml")])
    out, _ = capsys.readouterr()
    assert caught.value.code == 0
    assert "not planned" not in out
    if command != "check":
        assert str(SIZES[name][0]) in out


def test_cyclegan_falls_as_its_own_rule() -> None:
    """1 - max(0, epoch + 1 - 100) / 101."""
    plan = plan_of("cyclegan")
    for epoch in (0, 98, 99, 100, 199):
        expected = 2e-4 * (1 - max(0, epoch + 1 - 100) / 101)
        assert plan.lr_at(1334 * epoch) == pytest.approx(expected, rel=1e-14)
        assert plan.lr_at(1334 * epoch) == plan.lr_at(1334 * epoch + 1333)


def test_text_recognition_counts_from_the_end_of_warmup() -> None:
    """LinearWarmup(CosineAnnealingDecay(T_max=500 epochs), warmup_steps=5 epochs)."""
    plan = plan_of("text_recognition")
    for t in (175, 8750, 17_499):
        expected = 1e-3 * (1 + math.cos(math.pi * (t - 175) / 17_500)) / 2
        assert plan.lr_at(t) == pytest.approx(expected, rel=1e-9)


def test_the_detector_warms_up_from_a_thousandth() -> None:
    """0.03 x (0.001 (1 - a) + a), a = t / 3000; then the cosine over what is left of 360 epochs."""
    plan = plan_of("detector")
    assert plan.lr_at(1500) == pytest.approx(0.03 * (0.001 * 0.5 + 0.5), rel=1e-14)
    expected = 0.03 * (math.cos(math.pi * (200_000 - 3000) / (360_000 - 3000)) + 1) / 2
    assert plan.lr_at(200_000) == pytest.approx(expected, rel=1e-14)
