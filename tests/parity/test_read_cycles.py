"""Schedules that cycle, restart or wait for a metric are read as the native objects are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain import Spec
from dualtrain.plan import Plan
from dualtrain.recipes import Entry, Recipe, entries, read_recipe

EPOCHS, BATCHES = 20, 10

TORCH = """
import torch
from torch.utils.data import DataLoader
model = torch.nn.Linear(2, 2)
loader = DataLoader(data, batch_size=4)
optimizer = torch.optim.{optimizer}
scheduler = torch.optim.lr_scheduler.{schedule}
for epoch in range(20):
    for step, batch in enumerate(loader):
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
        {in_batch}
    {in_epoch}
"""
PADDLE = """
import paddle
model = paddle.nn.Linear(2, 2)
loader = paddle.io.DataLoader(data, batch_size=4)
scheduler = paddle.optimizer.lr.{schedule}
optimizer = paddle.optimizer.Adam(learning_rate=scheduler, parameters=model.parameters())
for epoch in range(20):
    for step, batch in enumerate(loader):
        model(batch).backward()
        optimizer.step()
        optimizer.clear_grad()
        {in_batch}
    {in_epoch}
"""
ADAM = "Adam(model.parameters(), lr=0.003)"
SGD = "SGD(model.parameters(), lr=0.003, momentum=0.5)"


def read(folder: Path, script: str, when: str = "batch", step: str = "", **words: str) -> Recipe:
    move = step or "scheduler.step()"
    at = {"in_batch": move if when == "batch" else "pass"}
    at["in_epoch"] = move if when == "epoch" else "pass"
    path = folder / "train.py"
    path.write_text(script.format(**words, **at), encoding="utf-8")
    return read_recipe(path)


def planned(recipe: Recipe) -> Plan:
    tree: dict[str, Any] = {}
    for one in entries(recipe):
        if one.path[0] in ("schedule", "warmup", "horizon", "duration", "optimizer"):
            assert isinstance(one, Entry), one
            at = tree
            for name in one.path[:-1]:
                at = at.setdefault(name, {})
            at[one.path[-1]] = one.value
    return Plan.of(Spec.model_validate(tree), micro_batches_per_epoch=BATCHES)


TORCH_CYCLES: dict[str, tuple[str, str, str]] = {
    "one cycle": (
        ADAM,
        "OneCycleLR(optimizer, 0.1, total_steps=200, cycle_momentum=False)",
        "batch",
    ),
    "one cycle of momentum": (SGD, "OneCycleLR(optimizer, max_lr=0.1, total_steps=200)", "batch"),
    "one cycle by epochs": (
        SGD,
        "OneCycleLR(optimizer, 0.1, epochs=20, steps_per_epoch=len(loader))",
        "batch",
    ),
    "one cycle of lines": (
        ADAM,
        "OneCycleLR(optimizer, 0.1, epochs=20, steps_per_epoch=len(loader), pct_start=0.2, "
        "anneal_strategy='linear', cycle_momentum=False, div_factor=10, final_div_factor=100)",
        "batch",
    ),
    "one cycle as long as the batches": (
        ADAM,
        "OneCycleLR(optimizer, 0.1, 20 * len(loader), cycle_momentum=False)",
        "batch",
    ),
    "one cycle an epoch": (
        ADAM,
        "OneCycleLR(optimizer, 0.1, total_steps=20, cycle_momentum=False)",
        "epoch",
    ),
    "cycles": (
        ADAM,
        "CyclicLR(optimizer, 0.001, 0.1, 30, cycle_momentum=False)",
        "batch",
    ),
    "cycles of momentum": (
        SGD,
        "CyclicLR(optimizer, base_lr=0.001, max_lr=0.1, step_size_up=30)",
        "batch",
    ),
    "cycles that halve": (
        SGD,
        "CyclicLR(optimizer, 0.001, 0.1, 30, 20, 'triangular2', cycle_momentum=False)",
        "batch",
    ),
    "restarts": (ADAM, "CosineAnnealingWarmRestarts(optimizer, 3, 2, 0.0001)", "epoch"),
    "restarts by batches": (ADAM, "CosineAnnealingWarmRestarts(optimizer, T_0=30)", "batch"),
}


@pytest.mark.parametrize("name", TORCH_CYCLES)
def test_torch_has_the_rates_that_are_read(name: str, tmp_path: Path) -> None:
    optimizer, schedule, when = TORCH_CYCLES[name]
    plan = planned(read(tmp_path, TORCH, when, optimizer=optimizer, schedule=schedule))

    model = torch.nn.Linear(2, 2)
    script: dict[str, Any] = {"torch": torch, "model": model, "loader": range(BATCHES)}
    script["optimizer"] = eval(f"torch.optim.{optimizer}", script)
    scheduler = eval(f"torch.optim.lr_scheduler.{schedule}", script)
    groups = script["optimizer"].param_groups
    rates, momenta = [], []
    for _ in range(EPOCHS):
        for _ in range(BATCHES):
            rates.append(groups[0]["lr"])
            momenta.append(groups[0].get("momentum"))
            script["optimizer"].step()
            if when == "batch":
                scheduler.step() if len(rates) < EPOCHS * BATCHES else None
        if when == "epoch" and len(rates) < EPOCHS * BATCHES:
            scheduler.step()

    np.testing.assert_allclose(plan.lr_curve(), rates, rtol=1e-12, atol=1e-18)
    if plan.spec.schedule.model_dump().get("momentum"):
        told = np.array([plan.momentum_at(t) for t in range(len(rates))], dtype=np.float64)
        np.testing.assert_allclose(told, momenta, rtol=1e-12)


PADDLE_CYCLES: dict[str, tuple[str, str]] = {
    "one cycle": ("OneCycleLR(0.1, total_steps=200)", "batch"),
    "one cycle as long as the batches": (
        "OneCycleLR(0.1, 20 * len(loader), end_learning_rate=1e-5)",
        "batch",
    ),
    "cycles": ("CyclicLR(0.001, 0.1, 30)", "batch"),
    "cycles that halve": ("CyclicLR(0.001, 0.1, 30, 20, 'triangular2')", "batch"),
    "restarts": ("CosineAnnealingWarmRestarts(0.01, T_0=3, T_mult=2)", "epoch"),
}


@pytest.mark.parametrize("name", PADDLE_CYCLES)
def test_paddle_has_the_rates_that_are_read(name: str, tmp_path: Path) -> None:
    schedule, when = PADDLE_CYCLES[name]
    plan = planned(read(tmp_path, PADDLE, when, schedule=schedule))

    scheduler = eval(
        f"paddle.optimizer.lr.{schedule}", {"paddle": paddle, "loader": range(BATCHES)}
    )
    rates = []
    for _ in range(EPOCHS):
        for _ in range(BATCHES):
            rates.append(scheduler())
            if when == "batch":
                scheduler.step() if len(rates) < EPOCHS * BATCHES else None
        if when == "epoch" and len(rates) < EPOCHS * BATCHES:
            scheduler.step()

    np.testing.assert_allclose(plan.lr_curve(), rates, rtol=1e-12, atol=1e-18)


PLATEAU = "ReduceLROnPlateau(optimizer, 'max', factor=0.5, patience=3, cooldown=2)"


def test_a_metric_at_the_end_of_an_epoch_is_read(tmp_path: Path) -> None:
    step = "scheduler.step(evaluate(model))"
    words: dict[str, Any] = {"optimizer": ADAM, "schedule": PLATEAU}
    schedule = planned(read(tmp_path, TORCH, "epoch", step, **words)).spec.schedule

    own = torch.optim.lr_scheduler.ReduceLROnPlateau(
        torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1),
        "max",
        factor=0.5,
        patience=3,
        cooldown=2,
    )
    names = ("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "eps")
    assert schedule.name == "reduce_on_plateau"
    assert {n: getattr(schedule, n) for n in names} == {n: getattr(own, n) for n in names}
    assert [schedule.model_dump()["min_lr"]] == own.min_lrs


UNSAID: dict[str, tuple[str, str, str, str]] = {
    "a metric of each batch": (ADAM, PLATEAU, "scheduler.step(float(batch))", "end of each epoch"),
    "a part of an epoch": (
        ADAM,
        "CosineAnnealingWarmRestarts(optimizer, 3)",
        "scheduler.step(epoch + step / len(loader))",
        "a part of an epoch",
    ),
    "momentum of Adam": (ADAM, "OneCycleLR(optimizer, 0.1, total_steps=200)", "", "first beta"),
    "as many as the batches": (
        ADAM,
        "CyclicLR(optimizer, 0.001, 0.1, 2 * len(loader), cycle_momentum=False)",
        "",
        "only a run knows",
    ),
    "momentum of one triangle": (
        SGD,
        "CyclicLR(optimizer, 0.001, 0.1, 20 * len(loader) // 2)",
        "",
        "only a run knows",
    ),
}


@pytest.mark.parametrize("name", UNSAID)
def test_what_no_word_says_is_asked_for(name: str, tmp_path: Path) -> None:
    optimizer, schedule, step, why = UNSAID[name]
    recipe = read(tmp_path, TORCH, "batch", step, optimizer=optimizer, schedule=schedule)
    asked = {one.path: one.why for one in entries(recipe) if not isinstance(one, Entry)}

    assert why in asked["schedule",]
