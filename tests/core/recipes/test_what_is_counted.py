"""Whether a length counts batches or samples, and numbers that stay text."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

LENGTHS = """
import argparse
import pandas
import torch
from transformers import get_linear_schedule_with_warmup

parser = argparse.ArgumentParser()
parser.add_argument("--accumulate", type=int, default=1)
parser.add_argument("--most", type=int, default=-1)
args = parser.parse_args()
SIZE, EPOCHS, MOST = 8, 3, -1
model = torch.nn.Linear(2, 2)
table = pandas.read_csv("train.csv").reset_index(drop=True)
rows = [line.split() for line in open("train.txt")]
data = Data(rows)
loader = torch.utils.data.DataLoader(data, SIZE)
others = fetch_loader("train")
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
schedule = get_linear_schedule_with_warmup(optimizer, 0, {total})
for epoch in range(EPOCHS):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
"""


@pytest.mark.parametrize(
    ("total", "kind"),
    [
        ("len(loader) * EPOCHS", "epochs"),
        ("len(others) // 2 * EPOCHS", "epochs"),
        ("len(table) // SIZE * EPOCHS", "examples"),
        ("int(len(table) / SIZE * EPOCHS)", "examples"),
        ("int(len(rows) / 8) * EPOCHS", "examples"),
        ("len(rows[:-100]) // SIZE * EPOCHS", "examples"),
        ("MOST if MOST > 0 else len(rows) // SIZE * EPOCHS", "examples"),
        ("args.most if args.most > 0 else len(loader) * EPOCHS", "max_steps_or_epochs"),
        ("900 if args.most < 0 else len(rows) // SIZE * EPOCHS", "max_steps_or_epochs"),
        ("len(loader) // args.accumulate * EPOCHS", "epochs_over_accumulate"),
    ],
)
def test_what_a_length_counts(reading: Reading, total: str, kind: str) -> None:
    assert reading(LENGTHS.format(total=total))["length"].value == kind


FLAGS = """
import argparse
import torch
import elsewhere

parser = argparse.ArgumentParser()
parser.add_argument("--batch_size"{type}, default={default})
args = parser.parse_args()
model = torch.nn.Linear(2, 2)
loader = {loader}
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
for epoch in range(3):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
"""
LOADER, OF_ALL = "torch.utils.data.DataLoader(data(), args.batch_size)", "elsewhere.batches(args)"


@pytest.mark.parametrize(
    ("kind", "default", "loader", "size"),
    [
        (", type=int", "6", LOADER, 10),
        (", type=int", "6", OF_ALL, 10),  # the object of all flags is handed on
        ("", "6", LOADER, None),
        ("", "'6'", LOADER, None),
        ("", "6", LOADER.replace("args.batch_size", "int(args.batch_size)"), 10),
    ],
)
def test_a_flag_without_a_type_stays_text(
    reading: Reading, kind: str, default: str, loader: str, size: int | None
) -> None:
    """Python hands on the text "10", which no loader takes."""
    script = FLAGS.format(type=kind, default=default, loader=loader)
    found = reading(script, run="python train.py --batch_size 10")["batch_size"]

    assert found.value == size
    assert size is not None or (found.certainty == "unknown" and "'10' is text" in found.why)
