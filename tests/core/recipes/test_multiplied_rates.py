"""A rate that the loop multiplies at some epochs."""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.plan import Plan
from dualtrain.recipes._as_spec import entries
from dualtrain.recipes._told import Entry
from dualtrain.spec import Spec
from tests.core.recipes.conftest import Reading

TORCH = """
import torch

model = torch.nn.Linear(2, 2)
loader = torch.utils.data.DataLoader(data(), batch_size=4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def scale(optimizer, factor):
    for group in optimizer.param_groups:
        {scale}


for epoch in range({epochs}):
    {before}
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
        {within}
    {after}
"""

PADDLE = """
import paddle

model = paddle.nn.Linear(2, 2)
loader = paddle.io.DataLoader(data(), batch_size=4)
optimizer = paddle.optimizer.Momentum(0.1, parameters=model.parameters())
for epoch in range({epochs}):
    {before}
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        optimizer.clear_grad()
    {after}
"""

IN_PLACE = 'group["lr"] *= factor'
CALL = "scale(optimizer, 0.5)"
SET = "optimizer.set_lr(optimizer.get_lr() * 0.5)"


def script(text: str, before: str = "pass", after: str = "pass", **more: str) -> str:
    more = {"epochs": "12", "scale": IN_PLACE, "within": "pass", **more}
    return text.format(before=before, after=after, **more)


CASES = [
    (TORCH, "if epoch == 5: " + CALL, "pass", {}),
    (TORCH, "if epoch in (5, 8): " + CALL, "pass", {}),
    (TORCH, "if epoch == 5 or epoch == 8: " + CALL, "pass", {}),
    (TORCH, "pass", "if epoch == 5: " + CALL, {}),
    (TORCH, "pass", "if (epoch + 1) % 4 == 0: " + CALL, {}),
    (TORCH, "if epoch % 4 == 0 and epoch > 0: " + CALL, "pass", {}),
    (TORCH, "pass", "if epoch % 4 == 0: " + CALL, {"epochs": "1, 13"}),
    (TORCH, "pass", CALL, {}),
    (TORCH, "pass", "if epoch >= 6: " + CALL, {}),
    (TORCH, "pass", "if epoch == 5: " + CALL, {"scale": 'group["lr"] = group["lr"] * factor'}),
    (TORCH, "pass", "if epoch == 5: scale(optimizer, 2)", {"scale": 'group["lr"] /= factor'}),
    (PADDLE, "if epoch in [5, 8]: " + SET, "pass", {}),
    (PADDLE, "pass", "if epoch == 5: " + SET, {}),
]


@pytest.mark.parametrize(("text", "before", "after", "more"), CASES)
def test_the_rates_are_those_that_python_makes(
    reading: Reading, text: str, before: str, after: str, more: dict[str, str]
) -> None:
    """By running the same lines over a number."""
    recipe = reading(script(text, before, after, **more))
    values: dict[str, Any] = {}
    for one in entries(recipe):
        if isinstance(one, Entry):
            part = values
            for name in one.path[:-1]:
                part = part.setdefault(name, {})
            part[one.path[-1]] = one.value
    plan = Plan.of(Spec.model_validate(values), micro_batches_per_epoch=2)

    found = [float(rate) for rate in plan.lr_curve()]
    assert found == pytest.approx(_run(before, after, more.get("epochs", "12")), rel=1e-12)
    assert recipe["scheduler_step"].value == "per_epoch"
    assert "sched_in_loop" in {one.code for one in recipe.hazards}


def _run(before: str, after: str, epochs: str) -> list[float]:
    class Optimizer:
        rate = 0.1

        def get_lr(self) -> float:
            return self.rate

        def set_lr(self, rate: float) -> None:
            self.rate = rate

    def scale(optimizer: Optimizer, factor: float) -> None:
        optimizer.rate *= 0.5

    rates: list[float] = []
    names = {"optimizer": Optimizer(), "scale": scale, "rates": rates}
    lines = [before, "rates += [optimizer.rate] * 2", after]
    exec("\n    ".join([f"for epoch in range({epochs}):", *lines]), names)
    return rates


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        (CALL, "pass", {}),  # the first epoch too
        ("pass", "if epoch == chosen(): " + CALL, {}),
        ("if best(): " + CALL, "pass", {}),
        ("pass", "pass", {"within": "if epoch == 5: " + CALL}),
        ("if epoch == 5: " + CALL, "pass", {"scale": 'group["lr"] *= group["scale"]'}),
        ("if epoch == 5: " + CALL, "if epoch == 8: scale(optimizer, 0.1)", {}),
    ],
)
def test_what_else_multiplies_it_is_not_known(
    reading: Reading, before: str, after: str, more: dict[str, str]
) -> None:
    recipe = reading(script(TORCH, before, after, **more))

    assert recipe["schedule"].certainty == "unknown"
    assert recipe["gamma"].value is None and recipe["milestones"].value is None
