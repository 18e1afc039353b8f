"""A rate that the script multiplies by its batch size: configured as it is written, run as it is
multiplied."""

from __future__ import annotations

import pytest

from dualtrain.recipes import entries
from dualtrain.recipes._told import Entry
from tests.core.recipes.conftest import Reading

SCRIPT = """
import argparse
import math
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.05)
parser.add_argument("--wd", type=float, default=0.1)
parser.add_argument("--batch-size", type=int, default=512)
parser.add_argument("--epochs", type=int, default=10)
args = parser.parse_args()
model = torch.nn.Linear(2, 2)
loader = torch.utils.data.DataLoader(data(), batch_size=args.batch_size)
{rate}
optimizer = torch.optim.SGD(model.parameters(), lr={lr}, weight_decay=args.wd)
for epoch in range(args.epochs):
    {moved}
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
"""
COSINE = (
    "for group in optimizer.param_groups: "
    "group['lr'] = rate * 0.5 * (1.0 + math.cos(math.pi * epoch / args.epochs))"
)


@pytest.mark.parametrize(
    ("rate", "lr", "moved", "wanted", "run"),
    [
        ("", "args.lr * args.batch_size / 256", "pass", 0.05, 0.05 * 512 / 256),
        ("", "args.batch_size / 256 * args.lr", "pass", 0.05, 512 / 256 * 0.05),
        ("rate = args.lr * args.batch_size / 256", "rate", COSINE, 0.05, 0.05 * 512 / 256),
        ("args.lr *= args.batch_size / 64.0", "args.lr", "pass", 0.05, 0.05 * (512 / 64.0)),
        ("", "args.lr * 0.5", "pass", 0.05 * 0.5, 0.05 * 0.5),
        ("", "args.lr * args.wd", "pass", 0.05 * 0.1, 0.05 * 0.1),
        ("rate = 512 * 1e-4", "rate", "pass", 512 * 1e-4, 512 * 1e-4),
    ],
)
def test_the_rate_is_as_configured_and_the_spec_has_what_comes_of_it(
    reading: Reading, rate: str, lr: str, moved: str, wanted: float, run: float
) -> None:
    recipe = reading(SCRIPT.format(rate=rate, lr=lr, moved=moved))

    spec = {one.path: one.value for one in entries(recipe) if isinstance(one, Entry)}
    assert (recipe["lr"].value, spec["optimizer", "lr"]) == (wanted, run)
    scaled = "lr_scaled_at_run_time" in {one.code for one in recipe.hazards}
    assert scaled is (wanted != run)
