"""A schedule whose length is not the run's, and a run that is not as long as its limit."""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.recipes import Recipe
from dualtrain.recipes._as_spec import entries
from dualtrain.recipes._told import Entry, Untold
from tests.core.recipes.conftest import Reading
from tests.core.recipes.test_library_schedules import PADDLE, TORCH, of

LINEAR = "transformers.get_linear_schedule_with_warmup(optimizer, 0, {})"


def told(recipe: Recipe) -> dict[str, Any]:
    return {".".join(one.path): one.value for one in entries(recipe) if isinstance(one, Entry)}


def asked(recipe: Recipe) -> set[str]:
    return {one.path[0] for one in entries(recipe) if isinstance(one, Untold)}


@pytest.mark.parametrize(
    ("script", "schedule", "when", "wanted"),
    [
        (TORCH, LINEAR.format("5 * len(loader)"), "batch", {"horizon": {"epochs": 5}}),
        (TORCH, LINEAR.format("2 * len(loader)"), "batch", {"horizon": {"epochs": 2}}),
        (TORCH, LINEAR.format("len(loader)"), "batch", {"horizon": {"epochs": 1}}),
        (TORCH, LINEAR.format("epochs * len(loader)"), "batch", {"horizon": None}),
        (TORCH, LINEAR.format("5"), "epoch", {"horizon": 5}),
        (TORCH, "CosineAnnealingLR(optimizer, 5 * len(loader))", "batch",
         {"horizon": {"epochs": 5}, "schedule.half_waves": 1.0}),
        (TORCH, "CosineAnnealingLR(optimizer, 2 * len(loader))", "batch",
         {"horizon": None, "schedule.half_waves": 1.5}),
        (TORCH, "CosineAnnealingLR(optimizer, 2)", "epoch",
         {"horizon": None, "schedule.half_waves": 1.5}),
        (PADDLE, "LinearDecayWithWarmup(lr, 5 * len(loader), 0.1)", "batch",
         {"horizon": {"epochs": 5}}),
        (PADDLE, "CosineAnnealingDecay(lr, len(loader), eta_min=1e-6)", "batch",
         {"horizon": None, "schedule.half_waves": 3.0}),
        (PADDLE, "LinearWarmup(CosineAnnealingDecay(lr, len(loader)), 7, 0.0, lr)", "batch",
         {"horizon": None, "schedule.half_waves": 3.0, "warmup.counted": "before"}),
    ],
)  # fmt: skip
def test_the_schedule_is_as_long_as_it_says(
    reading: Reading, script: str, schedule: str, when: str, wanted: dict[str, Any]
) -> None:
    recipe = of(reading, script, schedule, when)
    found = told(recipe)

    assert {name: found.get(name) for name in wanted} == wanted
    assert "horizon" not in asked(recipe)


@pytest.mark.parametrize(
    ("script", "schedule", "when"),
    [
        (TORCH, "CosineAnnealingLR(optimizer, 500)", "batch"),
        (PADDLE, "CosineDecayWithWarmup(lr, 2 * len(loader), 20)", "batch"),
        (TORCH, "CosineAnnealingLR(optimizer, total)", "epoch"),
        (TORCH, "CosineAnnealingLR(optimizer, epochs)", "batch"),
        (TORCH, "LambdaLR(optimizer, lambda t: (1 + math.cos(math.pi * t / 500)) / 2)", "batch"),
    ],
)
def test_a_curve_that_may_turn_within_the_run_is_asked_for(
    reading: Reading, script: str, schedule: str, when: str
) -> None:
    recipe = of(reading, script, schedule, when)

    assert "horizon" in asked(recipe) and "horizon" not in told(recipe)


LIMITED = """
import torch

model, max_steps = torch.nn.Linear(2, 2), 100
loader = torch.utils.data.DataLoader(data())
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
done = {first}
for epoch in range(30):
    for batch in loader:
        {before}
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
        {after}
"""

COUNT, STOP = "done += 1", "if done {} max_steps: break"


@pytest.mark.parametrize(
    ("first", "before", "after", "updates"),
    [
        (0, "pass", f"{COUNT}\n        {STOP.format('>=')}", 100),
        (0, "pass", f"{COUNT}\n        {STOP.format('==')}", 100),
        (0, "pass", f"{COUNT}\n        {STOP.format('>')}", 101),
        (0, "pass", f"{COUNT}\n        if 0 < max_steps < done: break", 101),
        (0, "pass", f"{STOP.format('>=')}\n        {COUNT}", 101),
        (1, "pass", f"{STOP.format('>=')}\n        {COUNT}", 100),
        (0, STOP.format(">="), COUNT, 100),
        (0, STOP.format(">"), COUNT, 101),
        (0, f"{COUNT}\n        {STOP.format('>=')}", "pass", 99),
        (0, f"{COUNT}\n        {STOP.format('>')}", "pass", 100),
    ],
)
def test_the_run_ends_where_its_test_lets_it(
    reading: Reading, first: int, before: str, after: str, updates: int
) -> None:
    """The same loop, counted by Python."""
    script = LIMITED.format(first=first, before=before, after=after)
    recipe = reading(script)

    assert updates == _counted(first, before, after)
    assert recipe["max_steps"].value == 100
    assert told(recipe)["duration.updates"] == updates
    assert ("max_steps_off_by_one" in {one.code for one in recipe.hazards}) is (updates != 100)


def _counted(first: int, before: str, after: str) -> int:
    lines = ["while True:", *before.split("\n"), "made += 1", *after.split("\n")]
    text = "\n".join([lines[0], *(f"    {one.strip()}" for one in lines[1:])])
    names = {"done": first, "made": 0, "max_steps": 100}
    exec(text, names)
    return names["made"]


@pytest.mark.parametrize(("test", "updates"), [("<", 100), ("<=", 101)])
def test_a_loop_that_counts_to_its_limit(reading: Reading, test: str, updates: int) -> None:
    script = LIMITED.format(first=0, before="pass", after=COUNT)
    loops = "for epoch in range(30):\n    for batch in loader:\n"
    recipe = reading(script.replace(loops, f"while done {test} max_steps:\n        batch = of()\n"))

    assert told(recipe)["duration.updates"] == updates
