"""An optimizer that each epoch makes anew, with the rate of that epoch."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

SCRIPT = """
import argparse
import math
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()
model = torch.nn.Linear(2, 2)
loader = torch.utils.data.DataLoader(data(), batch_size=8)

def rate(first, epoch):
    {body}

def train(epoch):
    optimizer = torch.optim.SGD(model.parameters(), lr={given}, momentum=0.9)
    for batch in loader:
        optimizer.zero_grad()
        model(batch).backward()
        optimizer.step()

for epoch in range(1, 201):
    train(epoch)
"""
FALLS = "return first * math.pow(0.2, 2 if epoch > 120 else 1 if epoch > 60 else 0)"
UNTOLD = "return first * table()[epoch]"


def test_the_rate_is_that_of_the_epoch(reading: Reading) -> None:
    recipe = reading(SCRIPT.format(body=FALLS, given="rate(args.lr, epoch)"))

    names = ("lr", "schedule", "milestones", "gamma", "scheduler_step")
    wanted = [0.1, "piecewise", [60, 120], 0.2, "per_epoch"]
    assert [recipe[one].value for one in names] == wanted
    text = next(one.text for one in recipe.hazards if one.code == "sched_in_loop")
    assert "makes the optimizer anew" in text
    assert "lr_scaled_at_run_time" not in {one.code for one in recipe.hazards}


@pytest.mark.parametrize("name", ["lr", "schedule", "milestones", "gamma"])
def test_a_rule_that_is_not_told_leaves_the_schedule_unknown(reading: Reading, name: str) -> None:
    recipe = reading(SCRIPT.format(body=UNTOLD, given="rate(args.lr, epoch)"))

    assert recipe[name].certainty == "unknown"


def test_a_plain_rate_stays_plain(reading: Reading) -> None:
    recipe = reading(SCRIPT.format(body=FALLS, given="args.lr"))

    assert (recipe["schedule"].value, recipe["lr"].value) == ("none", 0.1)
