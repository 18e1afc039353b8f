"""What a script does with its schedule that its author may not have meant."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

PADDLE = """
import paddle
from paddle.optimizer.lr import CosineAnnealingDecay, LinearWarmup, PiecewiseDecay, StepDecay
from paddle.optimizer.lr import LambdaDecay, LRScheduler
from paddlenlp.transformers import LinearDecayWithWarmup
{more}

model, epochs, lr = paddle.nn.Linear(2, 2), 3, 5e-5
loader = paddle.io.DataLoader(data())
total = len(loader) * epochs
schedule = {schedule}
optimizer = paddle.optimizer.AdamW(learning_rate={rate}, parameters=model.parameters())
for epoch in range(epochs):
    for number, batch in enumerate(loader):
        model(batch).backward()
        optimizer.step()
        schedule.step({step})
        optimizer.clear_grad()
"""


def codes(
    reading: Reading, schedule: str, rate: str = "schedule", step: str = "", more: str = ""
) -> dict[str, str]:
    script = PADDLE.format(schedule=schedule, rate=rate, step=step, more=more)
    return {one.code: one.text for one in reading(script).hazards if one.code[:5] == "sched"}


OWN = """
class LinearDecayWithWarmup(LRScheduler):
    def __init__(self, learning_rate, total, warmup):
        self.total = total
        super().__init__(learning_rate)

    def get_lr(self):
        return self.base_lr * (1 - self.last_epoch / self.total) ** 2.5
"""

SAME = OWN.replace(" ** 2.5", "")
WAVE = "from paddlenlp.transformers import CosineDecayWithWarmup"


@pytest.mark.parametrize(
    ("code", "has", "has_not"),
    [
        ("sched_not_attached",
         {"schedule": "LinearDecayWithWarmup(lr, total, 0.1)", "rate": "lr"},
         {"schedule": "LinearDecayWithWarmup(lr, total, 0.1)"}),
        ("sched_last_epoch_offset",
         {"schedule": "StepDecay(lr, 500, last_epoch=0)"}, {"schedule": "StepDecay(lr, 500)"}),
        ("sched_last_epoch_offset",
         {"schedule": "StepDecay(lr, 500)", "step": "epoch * len(loader) + number"},
         {"schedule": "StepDecay(lr, 500, last_epoch=-1)"}),
        ("sched_warmup_not_subtracted",
         {"schedule": "LinearWarmup(CosineAnnealingDecay(lr, total), 100, 0.0, lr)"},
         {"schedule": "LinearWarmup(CosineAnnealingDecay(lr, total - 100), 100, 0.0, lr)"}),
        ("sched_warmup_not_subtracted",
         {"schedule": "LinearWarmup(PiecewiseDecay([800, 900], [0.1, 0.01, 1e-3]), 9, 0., 0.1)"},
         {"schedule": "LinearWarmup(lr, 100, 0.0, lr)"}),
        ("sched_jump_after_warmup",
         {"schedule": "LinearWarmup(CosineAnnealingDecay(lr, total - 9), 9, 0.0, 1e-3)"},
         {"schedule": "LinearWarmup(CosineAnnealingDecay(lr, total - 9), 9, 0.0, lr)"}),
        ("sched_name_shadowed",
         {"schedule": "LinearDecayWithWarmup(lr, total, 0.1)", "more": OWN},
         {"schedule": "LinearDecayWithWarmup(lr, total, 0.1)", "more": SAME}),
        ("sched_cosine_full_wave_option",
         {"schedule": "CosineDecayWithWarmup(lr, total, 0.1)", "more": WAVE},
         {"schedule": "CosineDecayWithWarmup(lr, total, 0.1, num_cycles=0.5)", "more": WAVE}),
        ("sched_cosine_full_wave_option",
         {"schedule": "LinearDecayWithWarmup(lr, total, 0.1)", "more": WAVE},
         {"schedule": "LinearDecayWithWarmup(lr, total, 0.1)"}),
        ("sched_lambda", {"schedule": "LambdaDecay(lr, lambda t: 1 - t / total)"},
         {"schedule": "LinearDecayWithWarmup(lr, total, 0)"}),
        ("sched_longer_than_training",
         {"schedule": "CosineAnnealingDecay(lr, len(loader) * 5)"},
         {"schedule": "CosineAnnealingDecay(lr, len(loader) * 3)"}),
        ("sched_unit_suspect",
         {"schedule": "StepDecay(lr, step_size=25)"},
         {"schedule": "StepDecay(lr, step_size=25 * len(loader))"}),
        ("sched_unit_suspect",
         {"schedule": "PiecewiseDecay([30, 60], [0.1, 0.01, 0.001])"},
         {"schedule": "PiecewiseDecay([30000, 60000], [0.1, 0.01, 0.001])"}),
    ],
)  # fmt: skip
def test_it_is_found_where_it_is_and_not_beside(
    reading: Reading, code: str, has: dict[str, str], has_not: dict[str, str]
) -> None:
    assert code in codes(reading, **has)
    assert code not in codes(reading, **has_not)


def test_a_class_that_another_file_imports_is_no_option(reading: Reading) -> None:
    script = PADDLE.format(
        schedule="LinearDecayWithWarmup(lr, total, 0.1)", rate="schedule", step="", more="{more}"
    )
    full = "sched_cosine_full_wave_option"
    for more, other, found in (
        ("import other", WAVE, False), (WAVE, "", True), ("import paddlenlp", "", False)
    ):  # fmt: skip
        recipe = reading(script.replace("{more}", more), {"other.py": other})
        assert (full in {one.code for one in recipe.hazards}) is found, more


def test_the_text_has_the_numbers(reading: Reading) -> None:
    found = codes(reading, "LinearWarmup(CosineAnnealingDecay(lr, total), 100, 0.0, lr)")
    assert "100 steps later" in found["sched_warmup_not_subtracted"]
    found = codes(reading, "CosineAnnealingDecay(lr, len(loader) * 5)")
    assert "5 epochs" in found["sched_longer_than_training"]
    assert "after 3" in found["sched_longer_than_training"]


def test_a_plain_recipe_has_none(reading: Reading) -> None:
    assert codes(reading, "LinearDecayWithWarmup(lr, total, 0.1)") == {}


TORCH = """
import torch
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
{schedule}
for epoch in range(9):
    {early}
    for batch in loader():
        model(batch).sum().backward()
        {clip}
        optimizer.step()
        optimizer.zero_grad()
    {late}
"""
STEP = "schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)"


def of_torch(reading: Reading, **parts: str) -> set[str]:
    lines = {"schedule": STEP, "early": "pass", "clip": "pass", "late": "schedule.step()"} | parts
    return {one.code for one in reading(TORCH.format(**lines)).hazards}


def test_a_step_at_an_epochs_beginning_is_before_its_updates(reading: Reading) -> None:
    before = "sched_before_optimizer"
    assert before in of_torch(reading, early="schedule.step()", late="pass")
    assert before not in of_torch(reading)
    assert before not in of_torch(reading, early="schedule.step(epoch)", late="pass")


LOCAL = """
def get_cosine_schedule_with_warmup(optimizer, total):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: {rule})
schedule = get_cosine_schedule_with_warmup(optimizer, 9)
"""


def test_a_functions_name_can_be_a_librarys_too(reading: Reading) -> None:
    other = LOCAL.format(rule="1 / (1 + t) ** 0.3")
    assert "sched_name_shadowed" in of_torch(reading, schedule=other)
    own = other.replace("get_cosine_schedule_with_warmup", "falling")
    assert "sched_name_shadowed" not in of_torch(reading, schedule=own)


SPARE = """
import paddle

model = paddle.nn.Linear(2, 2)
schedule = paddle.optimizer.lr.PolynomialDecay(0.01, decay_steps=1000)
spare = paddle.optimizer.Momentum(schedule, parameters=model.parameters())
optimizer = paddle.optimizer.Adam(0.001, parameters=model.parameters())
for epoch in range(3):
    for batch in paddle.io.DataLoader(data()):
        model(batch).backward()
        {used}.step()
"""


@pytest.mark.parametrize(
    ("used", "schedule", "lr"), [("optimizer", "none", 0.001), ("spare", "polynomial", 0.01)]
)
def test_a_schedule_is_that_of_the_optimizer_it_is_given_to(
    reading: Reading, used: str, schedule: str, lr: float
) -> None:
    recipe = reading(SPARE.format(used=used))
    assert (recipe["schedule"].value, recipe["lr"].value) == (schedule, lr)
    assert "sched_not_attached" not in [one.code for one in recipe.hazards]
