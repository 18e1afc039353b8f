"""Loops that a library's engine runs, with the program's functions at its events."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

HEAD = """
import torch
from ignite.engine import Engine, Events, create_supervised_trainer
from ignite.handlers import LRScheduler, PiecewiseLinear
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader

model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.25)
loader = DataLoader(data, batch_size=16)
"""
SCHEDULE = "scheduler = StepLR(optimizer, step_size=2, gamma=0.125)\n"
STEP = """
def update(engine, batch):
    loss = criterion(model(batch[0]), batch[1])
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()

trainer = Engine(update)
"""
SUPERVISED = "trainer = create_supervised_trainer(model, optimizer, criterion)\n"
RUN = "trainer.run(loader, max_epochs=3)\n"

ON = "@trainer.on(Events.{event})\ndef move(engine):\n    scheduler.step()\n"
ADDED = "trainer.add_event_handler(Events.{event}, lambda engine: scheduler.step())\n"
NO_ENGINE = "trainer.add_event_handler(Events.{event}, lambda: scheduler.step())\n"


@pytest.mark.parametrize("step", [STEP, SUPERVISED])
@pytest.mark.parametrize("how", [ON, ADDED, NO_ENGINE])
@pytest.mark.parametrize(
    ("event", "clock"), [("ITERATION_COMPLETED", "per_batch"), ("EPOCH_COMPLETED", "per_epoch")]
)
def test_the_event_is_the_clock_of_a_schedule(
    reading: Reading, step: str, how: str, event: str, clock: str
) -> None:
    recipe = reading(HEAD + SCHEDULE + step + how.format(event=event) + RUN)
    assert recipe["schedule"].value == "step"
    assert recipe["scheduler_step"].value == clock
    assert (recipe["epochs"].value, recipe["batch_size"].value) == (3, 16)
    assert recipe["accumulate"].value in (None, 1)
    assert not {"sched_never_stepped", "sched_before_optimizer"} & {
        one.code for one in recipe.hazards
    }


def test_a_schedule_stepped_before_the_update(reading: Reading) -> None:
    recipe = reading(HEAD + SCHEDULE + STEP + ON.format(event="ITERATION_STARTED") + RUN)
    assert "sched_before_optimizer" in {one.code for one in recipe.hazards}


def test_no_handler_no_step(reading: Reading) -> None:
    recipe = reading(HEAD + SCHEDULE + STEP + RUN)
    assert recipe["scheduler_step"].value == "never"
    assert "sched_never_stepped" in {one.code for one in recipe.hazards}


@pytest.mark.parametrize(
    "attached",
    [
        "trainer.add_event_handler(Events.ITERATION_COMPLETED, LRScheduler(scheduler))",
        "LRScheduler(scheduler).attach(trainer, Events.ITERATION_COMPLETED)",
    ],
)
def test_the_library_s_handler_of_a_schedule(reading: Reading, attached: str) -> None:
    recipe = reading(HEAD + SCHEDULE + STEP + attached + "\n" + RUN)
    assert (recipe["schedule"].value, recipe["scheduler_step"].value) == ("step", "per_batch")


def test_a_handler_that_sets_rates_is_not_passed_over(reading: Reading) -> None:
    handler = "rates = PiecewiseLinear(optimizer, 'lr', [(0, 0.0), (10, 0.5)])\n"
    recipe = reading(
        HEAD + STEP + handler + "trainer.add_event_handler(Events.ITERATION_STARTED, rates)\n" + RUN
    )
    assert recipe["schedule"].value not in ("none", "constant")


GATED = STEP.replace(
    "    optimizer.step()\n    optimizer.zero_grad()",
    "    if engine.state.iteration % 4 == 0:\n        optimizer.step()\n"
    "        optimizer.zero_grad()",
).replace("criterion(model(batch[0]), batch[1])", "criterion(model(batch[0]), batch[1]) / 4")
NATIVE = SUPERVISED.replace("criterion)", "criterion, gradient_accumulation_steps=4)")


@pytest.mark.parametrize("step", [GATED, NATIVE])
def test_accumulation_by_the_count_of_the_engine(reading: Reading, step: str) -> None:
    recipe = reading(HEAD + step + RUN)
    assert recipe["accumulate"].value == 4
    assert not {"accum_off_by_one", "accum_loss_not_divided"} & {one.code for one in recipe.hazards}


def test_a_limit_of_iterations(reading: Reading) -> None:
    recipe = reading(HEAD + STEP + "trainer.run(loader, max_iters=70)\n")
    assert recipe["max_steps"].value == 70
