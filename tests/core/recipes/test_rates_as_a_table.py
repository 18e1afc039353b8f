"""A rate that falls a few times in the epochs there are, by any rule: as Python computes it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.core.recipes.conftest import Reading

SCRIPT = """
import argparse
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.25)
parser.add_argument("--epochs", type=int, default=300)
parser.add_argument("--unknown", type=int, required=True)
args = parser.parse_args()


def adjust(optimizer, epoch):
    lr = {rate}
    for group in optimizer.param_groups:
        group["lr"] = lr


model = torch.nn.Linear(2, 2)
loader = torch.utils.data.DataLoader(data(), batch_size=4)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
for epoch in range({rounds}):
    adjust(optimizer, epoch)
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
"""
HALVES = (
    "args.lr * (0.1 ** (epoch // (args.epochs * 0.5))) * (0.1 ** (epoch // (args.epochs * 0.75)))"
)


@pytest.mark.parametrize(
    ("rate", "rounds", "gamma"),
    [
        (HALVES, (300,), 0.1),
        (HALVES, (1, 301), 0.1),
        ("args.lr * 0.2 ** (epoch // 60) * 0.2 ** (epoch // 160)", (200,), None),
        ("args.lr * 0.1 ** (epoch >= 80) * 0.5 ** (epoch >= 120)", (150,), None),
    ],
)
def test_each_epoch_has_the_rate_that_python_gives(
    reading: Reading, rate: str, rounds: tuple[int, ...], gamma: float | None
) -> None:
    given = "args.epochs" if rounds == (300,) else ", ".join(map(str, rounds))
    recipe = reading(SCRIPT.format(rate=rate, rounds=given))

    class args:
        lr, epochs = 0.25, 300

    rates = [eval(rate, {"args": args, "epoch": epoch}) for epoch in range(*rounds)]
    falls = [at for at, (high, low) in enumerate(pairwise(rates), 1) if low != high]
    assert recipe["schedule"].value == "piecewise"
    assert recipe["milestones"].value == falls
    assert recipe["values"].value == pytest.approx([rates[at] for at in (0, *falls)], rel=1e-12)
    assert recipe["length"].value == "epoch_units" and recipe["scheduler_step"].value == "per_epoch"
    if gamma is not None:
        assert recipe["gamma"].value == gamma


@pytest.mark.parametrize(
    ("rate", "rounds"),
    [
        ("args.lr * 0.1 ** (epoch // args.unknown) * 0.1 ** (epoch // 160)", "300"),
        ("args.lr * 0.9 ** (epoch // 7) * 0.9 ** (epoch // 11)", "300"),
        (HALVES, "args.unknown"),
        ("args.lr * (1 + epoch // 100)", "300"),
        ("args.lr * 0.1 ** (epoch // 50) if epoch < args.unknown else 0.0", "300"),
    ],
)
def test_what_is_no_short_table_is_unknown(reading: Reading, rate: str, rounds: str) -> None:
    recipe = reading(SCRIPT.format(rate=rate, rounds=rounds))

    assert recipe["schedule"].certainty == "unknown"
    assert recipe["milestones"].value is None and recipe["values"].value is None
