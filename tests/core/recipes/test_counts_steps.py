"""Loops around the batches that count steps, though one could take them for epochs."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

SCRIPT = """
import argparse
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=60)
parser.add_argument("--max_steps", type=int, default=60)
args = parser.parse_args()
config = {{"num_iters": 60}}
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = torch.utils.data.DataLoader(data(), batch_size=8)
num_iters = {outer}
done = 0
while done < num_iters:
    for batch in loader:
        done += 1
        if done > {inner}:
            break
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
"""


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("config['num_iters']", "num_iters"),
        ("args.rounds", "num_iters"),
        ("args.max_steps", "num_iters"),
    ],
)
def test_the_number_that_the_inner_loop_counts_to_is_no_number_of_epochs(
    reading: Reading, outer: str, inner: str
) -> None:
    recipe = reading(SCRIPT.format(outer=outer, inner=inner))

    assert recipe["epochs"].certainty == "absent"
    assert recipe["max_steps"].value == 60


APART = """
import argparse
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--max_steps", type=int, default=5)
args = parser.parse_args()
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = torch.utils.data.DataLoader(data(), batch_size=8)
step = 0
for epoch in range(args.epochs):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        if step >= args.max_steps:
            raise SystemExit
"""


def test_two_flags_of_one_line_are_two_numbers(reading: Reading) -> None:
    recipe = reading(APART, run="python train.py --epochs 7 --max_steps 7")

    assert recipe["epochs"].value == 7
