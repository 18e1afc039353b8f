"""What a hazard does, in numbers: held against the formula written out here."""

from __future__ import annotations

from math import cos, pi, prod

import pytest

from dualtrain.recipes import effect
from tests.core.recipes.conftest import Reading
from tests.core.recipes.hazard_cases import CASES
from tests.core.recipes.test_schedule_hazards import PADDLE, WAVE


def numbers(reading: Reading, code: str, script: str, micro_batches: int = 100) -> str:
    recipe = reading(script)
    hazard = next(one for one in recipe.hazards if one.code == code)
    return effect(recipe, hazard, micro_batches)


def paddle(schedule: str, rate: str = "schedule", more: str = "") -> str:
    return PADDLE.format(schedule=schedule, rate=rate, step="", more=more)


def changed(code: str) -> str:
    return next(one.changed for one in CASES if one.code == code)


RISE = 100  # of the linear schedule of the torch script: 3e-5 over 100 updates


@pytest.mark.parametrize(
    ("code", "script", "said"),
    [
        ("sched_not_attached", paddle("LinearDecayWithWarmup(lr, total, 0.1)", "lr"),
         ["rate, 5e-05", f"{(300 - 299) / (300 - 30):.2%} of its own"]),
        ("sched_not_attached", paddle("LinearDecayWithWarmup(lr, total, 0.1)", "2e-4"),
         ["rate, 0.0002", f"{(300 - 299) / (300 - 30):.2%} of its own"]),
        ("sched_last_epoch_offset", paddle("StepDecay(lr, 100, last_epoch=0)"),
         [f"{sum(t // 100 != (t + 1) // 100 for t in range(300))} of 300",
          "update 100: 5e-06 instead of 5e-05"]),
        ("sched_warmup_not_subtracted",
         paddle("LinearWarmup(CosineAnnealingDecay(lr, total), 100, 0.0, lr)"),
         [f"{5e-5 * (1 + cos(pi * 199 / 300)) / 2:.4g}"]),
        ("sched_longer_than_training", paddle("CosineAnnealingDecay(lr, len(loader) * 5)"),
         ["last of 300", f"{5e-5 * (1 + cos(pi * 299 / 500)) / 2:.4g}"]),
        ("sched_cosine_full_wave_option",
         paddle("CosineDecayWithWarmup(lr, total, 0.1)", more=WAVE), ["0, at update 166 of 300"]),
        ("sched_unit_suspect", paddle("PiecewiseDecay([30, 60], [0.1, 0.01, 0.001])"),
         ["update 100, the rate is 0.001"]),
        ("sched_never_stepped", changed("sched_never_stepped"), ["all 150 updates", "rate 0"]),
        ("sched_before_optimizer", changed("sched_before_optimizer"),
         [f"update 1: {3e-5 * 1 / RISE:.4g} instead of 0"]),
        ("sched_flag_gated", changed("sched_flag_gated"), ["all 150 updates", "rate 0"]),
        ("max_steps_not_in_schedule",
         changed("max_steps_not_in_schedule").replace("default=500", "default=120"),
         [f"last of 120 updates has the rate {3e-5 * (300 - 119) / (300 - 100):.4g}, 90.50%"]),
        ("max_steps_not_a_stop",
         changed("max_steps_not_a_stop").replace("default=500", "default=120"),
         ["30 of 150 updates come after", "at the rate 0"]),
        ("sched_jump_after_warmup",
         paddle("LinearWarmup(CosineAnnealingDecay(lr, total - 9), 9, 0.0, 1e-3)"),
         [f"from {1e-3 * 8 / 9:.4g} to 5e-05 at update 10"]),
        ("framework_default_decay",
         paddle("CosineAnnealingDecay(lr, total)"),
         [f"300 updates it takes "
          f"{1 - prod(1 - 1e-2 * 5e-5 * (1 + cos(pi * t / 300)) / 2 for t in range(300)):.3%}"]),
        ("sched_per_micro_batch", changed("sched_per_micro_batch"), ["none on its length"]),
        ("sched_per_micro_batch",
         changed("sched_per_micro_batch").replace("100, total", "0, total // args.accumulate"),
         ["ends at update 75 of 150"]),
        ("sched_per_micro_batch",
         changed("sched_per_micro_batch").replace("100, total", "0, 60"),
         ["ends at update 30 of 150"]),
        ("accum_loss_not_divided", changed("accum_loss_not_divided"), ["2 times", "one at 0.5"]),
        ("batch_is_effective", changed("batch_is_effective"), ["4 of 8 samples"]),
    ],
)  # fmt: skip
def test_the_numbers_are_those_of_the_formula(
    reading: Reading, code: str, script: str, said: list[str]
) -> None:
    text = numbers(reading, code, script)
    assert [one for one in said if one not in text] == [], text


def test_what_rests_on_the_batches_says_how_many(reading: Reading) -> None:
    script = paddle("CosineAnnealingDecay(lr, len(loader) * 5)")
    text = numbers(reading, "sched_longer_than_training", script, 7)
    assert "last of 21" in text and text.endswith("at 7 micro-batches an epoch")


def test_of_a_length_that_is_another_loaders_none_is_said(reading: Reading) -> None:
    assert numbers(reading, "sched_other_loader", changed("sched_other_loader")) == ""
