"""Schedules of libraries, by what they are built with."""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.recipes import Recipe
from tests.core.recipes.conftest import Reading

PADDLE = """
import math, paddle
from paddle.optimizer.lr import (
    CosineAnnealingDecay, LinearWarmup, MultiStepDecay, NoamDecay, OneCycleLR, PiecewiseDecay,
    PolynomialDecay, ReduceOnPlateau, StepDecay
)
from paddlenlp.transformers import *

model, epochs, lr = paddle.nn.Linear(2, 2), 3, 5e-5
loader = paddle.io.DataLoader(data())
total = len(loader) * epochs
schedule = {schedule}
optimizer = paddle.optimizer.AdamW(learning_rate=schedule, parameters=model.parameters())
for epoch in range(epochs):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        {step}
        optimizer.clear_grad()
    {epoch_step}
"""

TORCH = """
import math, torch, timm, transformers, pytorch_transformers
from torch.optim.lr_scheduler import *

model, epochs = torch.nn.Linear(2, 2), 3
loader = torch.utils.data.DataLoader(data())
total = len(loader) * epochs
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
schedule = {schedule}
for epoch in range(epochs):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        {step}
        optimizer.zero_grad()
    {epoch_step}
"""


def of(reading: Reading, script: str, schedule: str, when: str = "batch") -> Recipe:
    steps = ("schedule.step()", "pass") if when == "batch" else ("pass", "schedule.step()")
    return reading(script.format(schedule=schedule, step=steps[0], epoch_step=steps[1]))


def told(recipe: Recipe, wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: recipe[name].value for name in wanted}


LINEAR = {"schedule": "linear", "lr": 5e-5, "length": "epochs"}


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ("LinearDecayWithWarmup(lr, total, 0.1)",
         {**LINEAR, "warmup": 0.1, "warmup_unit": "fraction"}),
        ("LinearDecayWithWarmup(lr, total, 100)",
         {**LINEAR, "warmup": 100, "warmup_unit": "steps"}),
        ("LinearDecayWithWarmup(warmup=1, total_steps=total, learning_rate=lr)",
         {**LINEAR, "warmup": 1, "warmup_unit": "steps"}),
        ("LinearDecayWithWarmup(lr, total, 1.0)",
         {**LINEAR, "warmup": 1.0, "warmup_unit": "fraction"}),
        ("LinearDecayWithWarmup(lr, total, int(total * 0.06))",
         {**LINEAR, "warmup": 0.06, "warmup_unit": "fraction"}),
        ("LinearDecayWithWarmup(lr, total, total // 5)",
         {**LINEAR, "warmup": 0.2, "warmup_unit": "fraction"}),
        ("LinearDecayWithWarmup(lr, total, 2 * len(loader))",
         {**LINEAR, "warmup": 2, "warmup_unit": "epochs"}),
        ("LinearDecayWithWarmup(lr, 5000, int(5000 * 0.1))",
         {"length": "fixed_steps", "warmup": 500, "warmup_unit": "steps"}),
        ("CosineDecayWithWarmup(lr, total, 0.1)", {"schedule": "cosine", "num_cycles": 1.0}),
        ("CosineDecayWithWarmup(lr, total, 0.1, num_cycles=0.5)", {"num_cycles": 0.5}),
        ("CosineDecayWithWarmup(lr, total, 0.1, True, 3)", {"schedule": "custom"}),
        ("PolyDecayWithWarmup(lr, total, 100, power=2)",
         {"schedule": "polynomial", "power": 2, "end_lr": 1e-7}),
        ("ConstScheduleWithWarmup(lr, 0.1, total)",
         {"schedule": "constant", "warmup": 0.1, "warmup_unit": "fraction"}),
        ("PolynomialDecay(lr, 1000, end_lr=0.0)",
         {"schedule": "polynomial", "power": 1.0, "end_lr": 0.0, "length": "fixed_steps"}),
        ("CosineAnnealingDecay(lr, T_max=total)",
         {"schedule": "cosine", "end_lr": 0, "num_cycles": 0.5, "length": "epochs"}),
        ("NoamDecay(512, 4000)",
         {"schedule": "noam", "lr": 1.0, "warmup": 4000, "length": None}),
        ("NoamDecay(1 / (4000 * (lr ** 2)), 4000)", {"schedule": "noam", "lr": 5e-5}),
        ("StepDecay(lr, 500, 0.5)",
         {"schedule": "step", "step_size": 500, "gamma": 0.5, "length": None}),
        ("StepDecay(lr, step_size=30 * len(loader))",
         {"step_size": 30, "gamma": 0.1, "length": "epochs"}),
        ("PiecewiseDecay([100, 200], [0.1, 0.01, 0.001])",
         {"schedule": "piecewise", "milestones": [100, 200], "values": [0.1, 0.01, 0.001],
          "lr": 0.1}),
        ("PiecewiseDecay([e * len(loader) for e in (3, 6)], [lr * 0.5**i for i in range(3)])",
         {"milestones": [3, 6], "values": [5e-5, 2.5e-5, 1.25e-5], "length": "epochs"}),
        ("MultiStepDecay(lr, [3, 7])", {"milestones": [3, 7], "gamma": 0.1}),
        ("LinearWarmup(lr, 100, 0.0, lr)",
         {"schedule": "constant", "warmup": 100, "warmup_unit": "steps", "warmup_start": 0.0,
          "lr": 5e-5}),
        ("LinearWarmup(CosineAnnealingDecay(lr, total - 100), 100, 1e-6, lr)",
         {"schedule": "cosine", "warmup": 100, "lr": 5e-5, "length": "epochs"}),
        ("LinearWarmup(PiecewiseDecay([8, 11], [0.1, 0.01, 0.001]), 5, 0, 0.1)",
         {"schedule": "piecewise", "warmup": 5, "milestones": [8, 11]}),
        ("OneCycleLR(0.1, 1000, anneal_strategy='linear')",
         {"schedule": "linear", "lr": 0.1, "warmup": 0.3, "warmup_unit": "fraction"}),
        ("ReduceOnPlateau(lr, factor=0.8, min_lr=1e-6)",
         {"schedule": "custom", "gamma": 0.8, "end_lr": 1e-6, "lr": 5e-5}),
        ("lr", {"schedule": "none", "lr": 5e-5}),
    ],
)  # fmt: skip
def test_paddle(reading: Reading, schedule: str, wanted: dict[str, Any]) -> None:
    assert told(of(reading, PADDLE, schedule), wanted) == wanted


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ("transformers.get_linear_schedule_with_warmup(optimizer, 0, total)",
         {"schedule": "linear", "warmup": 0, "warmup_unit": "steps", "length": "epochs"}),
        ("transformers.get_linear_schedule_with_warmup(optimizer, 0.1 * total, total)",
         {"warmup": 0.1, "warmup_unit": "fraction"}),
        ("transformers.get_cosine_schedule_with_warmup(optimizer, 10, 1000)",
         {"schedule": "cosine", "num_cycles": 0.5, "warmup": 10, "length": "fixed_steps"}),
        ("transformers.get_scheduler('linear', optimizer, 5, total)",
         {"schedule": "linear", "warmup": 5}),
        ("transformers.get_scheduler('constant_with_warmup', optimizer, num_warmup_steps=7)",
         {"schedule": "constant", "warmup": 7}),
        ("transformers.get_polynomial_decay_schedule_with_warmup(optimizer, 5, total)",
         {"schedule": "polynomial", "power": 1.0, "end_lr": 1e-7}),
        ("transformers.get_constant_schedule(optimizer)",
         {"schedule": "constant", "warmup": None}),
        ("pytorch_transformers.WarmupLinearSchedule(optimizer, warmup_steps=3, t_total=total)",
         {"schedule": "linear", "warmup": 3, "warmup_unit": "steps"}),
        ("StepLR(optimizer, 700)", {"schedule": "step", "step_size": 700, "gamma": 0.1}),
        ("MultiStepLR(optimizer, milestones=[300, 800], gamma=0.2)",
         {"schedule": "piecewise", "milestones": [300, 800], "gamma": 0.2}),
        ("ExponentialLR(optimizer, 0.9)", {"schedule": "exponential", "gamma": 0.9}),
        ("CosineAnnealingLR(optimizer, total)",
         {"schedule": "cosine", "end_lr": 0.0, "length": "epochs"}),
        ("SequentialLR(optimizer, [LinearLR(optimizer, 0.01, total_iters=20), "
         "CosineAnnealingLR(optimizer, total - 20)], milestones=[20])",
         {"schedule": "cosine", "warmup": 20, "warmup_unit": "steps", "length": "epochs"}),
        ("timm.scheduler.CosineLRScheduler(optimizer, t_initial=total, lr_min=1e-6, "
         "warmup_t=5 * len(loader))",
         {"schedule": "cosine", "warmup": 5, "warmup_unit": "epochs", "end_lr": 1e-6}),
        ("OneCycleLR(optimizer, 0.1, total)",
         {"schedule": "cosine", "lr": 0.1, "warmup": 0.3, "warmup_unit": "fraction"}),
        ("OneCycleLR(optimizer, 0.1, total, anneal_strategy=model.shape)", {"schedule": "custom"}),
        ("torch.optim.lr_scheduler.CyclicLR(optimizer, 0.01, 0.2, total / 2, total / 2)",
         {"schedule": "linear", "lr": 0.2, "warmup": 0.5, "warmup_unit": "fraction",
          "end_lr": 0.01, "length": "epochs"}),
        ("torch.optim.lr_scheduler.CyclicLR(optimizer, 0, 0.2, step_size_up=total // 2)",
         {"schedule": "linear", "warmup": 0.5, "end_lr": 0}),
        ("torch.optim.lr_scheduler.CyclicLR(optimizer, 0, 0.2, total / 4, total / 4)",
         {"schedule": "custom", "warmup": None}),
        ("torch.optim.lr_scheduler.CyclicLR(optimizer, 0, 0.2, total / 2, total / 2, 'exp_range')",
         {"schedule": "custom", "warmup": None}),
        ("torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)",
         {"schedule": "custom", "gamma": 0.1, "end_lr": None}),
        ("torch.optim.lr_scheduler.CyclicLR(optimizer, 0.0, 0.2)",
         {"schedule": "custom", "lr": 0.2}),
        ("OneCycleLR(optimizer, 0.1, total, pct_start=0.05, anneal_strategy='linear')",
         {"schedule": "linear", "lr": 0.1, "warmup": 0.05, "warmup_unit": "fraction"}),
        ("OneCycleLR(optimizer, 0.1, total, anneal_strategy='linear', three_phase=True)",
         {"schedule": "custom", "lr": 0.1, "warmup": None}),
    ],
)  # fmt: skip
def test_torch(reading: Reading, schedule: str, wanted: dict[str, Any]) -> None:
    assert told(of(reading, TORCH, schedule), wanted) == wanted


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ("StepLR(optimizer, 30)", {"step_size": 30, "length": "epoch_units"}),
        ("CosineAnnealingLR(optimizer, 90)", {"schedule": "cosine", "length": "epoch_units"}),
        ("transformers.get_linear_schedule_with_warmup(optimizer, 5, 90)",
         {"warmup": 5, "warmup_unit": "epochs", "length": "epoch_units"}),
    ],
)  # fmt: skip
def test_stepped_once_an_epoch_numbers_are_epochs(
    reading: Reading, schedule: str, wanted: dict[str, Any]
) -> None:
    assert told(of(reading, TORCH, schedule, "epoch"), wanted) == wanted


FLAGS = """
import argparse, math, torch
from transformers import AdamW, get_linear_schedule_with_warmup
parser = argparse.ArgumentParser()
parser.add_argument("--max_steps", type=int, default=-1)
parser.add_argument("--warmup_steps", type=int, default=0)
parser.add_argument("--warmup_proportion", type=float, default=0.1)
parser.add_argument("--gradient_accumulation_steps", type=int, default=1)
parser.add_argument("--train_batch_size", type=int, default=8)
parser.add_argument("--epochs", type=int, default=3)
args = parser.parse_args()
model = torch.nn.Linear(2, 2)
loader = torch.utils.data.DataLoader(examples())
optimizer = AdamW(model.parameters(), lr=3e-5)
{total}
schedule = get_linear_schedule_with_warmup(optimizer, {warmup}, total)
for epoch in range(args.epochs):
    for step, batch in enumerate(loader):
        model(batch).backward()
        if (step + 1) % args.gradient_accumulation_steps == 0:
            optimizer.step()
            schedule.step()
"""


@pytest.mark.parametrize(
    ("total", "kind"),
    [
        ("total = len(loader) * args.epochs", "epochs"),
        ("total = len(loader) // args.gradient_accumulation_steps * args.epochs",
         "epochs_over_accumulate"),
        ("total = args.max_steps if args.max_steps > 0 else len(loader) * args.epochs",
         "max_steps_or_epochs"),
        ("""if args.max_steps > 0:
    total = args.max_steps
else:
    total = math.ceil(len(loader) / args.gradient_accumulation_steps) * args.epochs""",
         "max_steps_or_epochs_over_accumulate"),
        ("total = 20000", "fixed_steps"),
        ("total = int(len(examples()) / args.train_batch_size) * args.epochs", "examples"),
        ("total = math.ceil(len(examples()) / args.train_batch_size) * args.epochs", "epochs"),
    ],
)  # fmt: skip
def test_kinds_of_length(reading: Reading, total: str, kind: str) -> None:
    assert reading(FLAGS.format(total=total, warmup="0"))["length"].value == kind


def test_the_fraction_keeps_its_flag(reading: Reading) -> None:
    total = "total = len(loader) * args.epochs"
    choice = "args.warmup_steps if args.warmup_steps > 0 else int(total * args.warmup_proportion)"
    recipe = reading(FLAGS.format(total=total, warmup=choice))
    warmup = recipe["warmup"]
    assert (warmup.value, warmup.flag, warmup.how) == (0.1, "--warmup_proportion", "flag default")
    assert recipe["warmup_unit"].value == "fraction"
    given = reading(
        FLAGS.format(total=total, warmup=choice), run="python train.py --warmup_steps 40"
    )
    assert (given["warmup"].value, given["warmup_unit"].value) == (40, "steps")


def test_a_test_left_open_decides_nothing(reading: Reading) -> None:
    recipe = reading(
        PADDLE.format(
            schedule="StepDecay(lr, 9) if asked() else CosineAnnealingDecay(lr, total)",
            step="schedule.step()",
            epoch_step="pass",
        )
    )
    for name in ("schedule", "gamma", "length"):
        assert recipe[name].certainty == "unknown", name
    assert "StepDecay" in recipe["schedule"].why
    assert "CosineAnnealingDecay" in recipe["schedule"].why


WARM = """
import torch
model, epochs = torch.nn.Linear(2, 2), 3
loader = torch.utils.data.DataLoader(data())
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)
for epoch in range(epochs):
    if epoch == 0:
        warm = {warm}
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        warm.step()
    schedule.step()
"""


def test_a_warmup_may_be_an_object_of_its_own(reading: Reading) -> None:
    warm = "torch.optim.lr_scheduler.LinearLR(optimizer, 0.001, total_iters=500)"
    recipe = reading(WARM.format(warm=warm))
    wanted = {"schedule": "step", "step_size": 3, "warmup": 500, "warmup_unit": "steps"}
    assert told(recipe, wanted) == wanted
    two = reading(WARM.format(warm="torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)"))
    assert two["schedule"].certainty == "unknown"
    assert "both move the rate" in two["schedule"].why


def test_a_warmup_of_nothing_keeps_its_unit(reading: Reading) -> None:
    total, warmup = "total = len(loader) * args.epochs", "int(total * 0.0)"
    recipe = reading(FLAGS.format(total=total, warmup=warmup))
    assert (recipe["warmup"].value, recipe["warmup_unit"].value) == (0.0, "fraction")


def test_the_schedule_of_another_optimizer_is_not_taken(reading: Reading) -> None:
    recipe = reading(
        """
        import torch
        a, b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
        optimizer = torch.optim.AdamW(a.parameters(), lr=1e-3)
        other = torch.optim.SGD(b.parameters(), lr=1e-1)
        torch.optim.lr_scheduler.StepLR(other, 3)
        for x in loader():
            a(x).backward()
            optimizer.step()
        """
    )
    assert recipe["schedule"].value == "none"
