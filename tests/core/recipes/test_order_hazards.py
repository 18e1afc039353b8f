"""Passes over a batch, and groups, that are told from faults of their kind."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

TWO = """
import torch
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for batch in loader():
    {lines}
"""
STEP, CLEAR = "optimizer.step()", "optimizer.zero_grad()"
BACK, MOVED = "model(batch).sum().backward()", "model(batch + delta).sum().backward()"


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        ([BACK, STEP, CLEAR], set()),
        ([MOVED, CLEAR, BACK, STEP], {"adversarial_step"}),
        ([CLEAR, MOVED, CLEAR, BACK, STEP], {"adversarial_step"}),
        ([BACK, STEP, CLEAR, BACK, STEP, CLEAR], set()),
        ([BACK, CLEAR, STEP], {"grads_cleared_before_step"}),
        ([BACK, MOVED, STEP, CLEAR], set()),
    ],
)
def test_a_pass_whose_gradients_are_dropped(
    reading: Reading, lines: list[str], codes: set[str]
) -> None:
    kinds = {"adversarial_step", "grads_cleared_before_step"}
    recipe = reading(TWO.format(lines="\n    ".join(lines)))
    assert {one.code for one in recipe.hazards} & kinds == codes


GROUPS = """
import torch
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD({groups}, lr=0.1)
for batch in loader():
    model(batch).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
"""


@pytest.mark.parametrize(
    ("groups", "several"),
    [
        ('[{"params": model.parameters(), "lr": 0.5}]', False),
        ('[{"params": model.a.parameters(), "lr": 0.5}, {"params": model.b.parameters()}]', True),
        ('[{"params": p, "lr": 0.5} for p in model.parameters()]', True),
    ],
)
def test_one_group_is_no_group_of_its_own(reading: Reading, groups: str, several: bool) -> None:
    recipe = reading(GROUPS.format(groups=groups))
    assert ("param_groups" in {one.code for one in recipe.hazards}) is several


FACTORS = """
import paddle
model = paddle.nn.Linear(2, 2)
optimizer = paddle.optimizer.Adam(1e-4, parameters=model.parameters())
{before}
for epoch in range(3):
    {inside}
    for batch in loader():
        model(batch).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
"""
WRITES = 'for p in model.parameters(): p.optimize_attr["learning_rate"] = {}'


@pytest.mark.parametrize(
    ("before", "inside", "code"),
    [
        (WRITES.format("0.1"), "pass", "param_groups"),
        ("pass", WRITES.format("0.5 ** epoch"), "sched_in_loop"),
    ],
)
def test_factors_that_the_loop_writes_are_a_schedule(
    reading: Reading, before: str, inside: str, code: str
) -> None:
    recipe = reading(FACTORS.format(before=before, inside=inside))
    assert {one.code for one in recipe.hazards} & {"param_groups", "sched_in_loop"} == {code}
