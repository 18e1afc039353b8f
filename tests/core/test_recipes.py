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
    "cifar_one_cycle": (24_000, 0, 24_000),
    "cyclegan": (200_000, 0, 200_000),
    "detector": (300_000, 3000, 360_000),
    "ernie_fine_tuning": (1500, 150, 1500),
    "llama_sft": (500, 15, 500),
    "resnet": (120_000, 0, 120_000),
    "text_recognition": (500_000, 5000, 505_000),
}
"""T, W and H, of 1,000 micro-batches an epoch."""


def plan_of(name: str) -> Plan:
    return Plan.of(load_spec(RECIPES / f"{name}.yaml"), micro_batches_per_epoch=1000)


def test_each_is_here() -> None:
    assert sorted(SIZES) == sorted(path.stem for path in RECIPES.iterdir())


@pytest.mark.parametrize("name", SIZES)
def test_its_whole_numbers(name: str) -> None:
    plan = plan_of(name)
    assert SIZES[name] == (plan.total_updates, plan.warmup_updates, plan.horizon)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("command", ["check", "plan", "explain", "compare", "plot"])
def test_the_commands_take_it(command: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = [] if command == "check" else ["--micro-batches", "1000"]
    with pytest.raises(SystemExit) as caught:
        main([command, str(RECIPES / f"{name}.yaml"), *sizes])
    assert (caught.value.code, capsys.readouterr().out != "") == (0, True)


def test_cyclegan_falls_as_its_own_rule() -> None:
    """1 - max(0, epoch + 1 - 100) / 101."""
    plan = plan_of("cyclegan")
    for epoch in (0, 98, 99, 100, 199):
        expected = 2e-4 * (1 - max(0, epoch + 1 - 100) / 101)
        assert plan.lr_at(1000 * epoch) == pytest.approx(expected, rel=1e-14)
        assert plan.lr_at(1000 * epoch) == plan.lr_at(1000 * epoch + 999)


def test_text_recognition_counts_from_the_end_of_warmup() -> None:
    """LinearWarmup(CosineAnnealingDecay(T_max=500 epochs), warmup_steps=5 epochs)."""
    plan = plan_of("text_recognition")
    for t in (5000, 250_000, 499_999):
        expected = 1e-3 * (1 + math.cos(math.pi * (t - 5000) / 500_000)) / 2
        assert plan.lr_at(t) == pytest.approx(expected, rel=1e-9)


def test_the_detector_warms_up_from_a_thousandth() -> None:
    """0.03 x (0.001 (1 - a) + a), a = t / 3000; then the cosine over what is left of 360 epochs."""
    plan = plan_of("detector")
    assert plan.lr_at(1500) == pytest.approx(0.03 * (0.001 * 0.5 + 0.5), rel=1e-14)
    expected = 0.03 * (math.cos(math.pi * (200_000 - 3000) / (360_000 - 3000)) + 1) / 2
    assert plan.lr_at(200_000) == pytest.approx(expected, rel=1e-14)
