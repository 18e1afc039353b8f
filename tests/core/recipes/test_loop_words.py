"""Batches, seeds, lengths and flags of loops, one form at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.core.recipes.conftest import Reading

TORCH = """
import argparse, torch
from torch.utils.data import DataLoader, BatchSampler
parser = argparse.ArgumentParser()
parser.add_argument("--batch_size", type=int, default=16)
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--max_steps", type=int, default=-1)
parser.add_argument("--max_updates", type=int, default=0)
parser.add_argument("--accum", type=int, default=1)
parser.add_argument("--seed", type=int, default=3)
args = parser.parse_args()
model = torch.nn.Linear(2, 2)
{before}
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
{loops}
"""

LOOPS = """
for epoch in range(args.epochs):
    for step, batch in enumerate(loader):
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
"""


def script(before: str = "loader = DataLoader(data())", loops: str = LOOPS) -> str:
    return TORCH.format(before=before, loops=loops)


@pytest.mark.parametrize(
    ("before", "size"),
    [
        ("loader = DataLoader(data, batch_size=args.batch_size)", 16),
        ("loader = DataLoader(data, 8)", 8),
        ("loader = DataLoader(data, batch_size=args.batch_size // args.accum)", 16),
        ("loader = DataLoader(data, batch_size=args.batch_size * torch.cuda.device_count())", 16),
        ("loader = DataLoader(data, batch_sampler=BatchSampler(order, 4, False))", 4),
        (
            "args.batch_size = args.batch_size * max(1, torch.cuda.device_count())\n"
            "loader = DataLoader(data, batch_size=args.batch_size)",
            16,
        ),
        ("loader = iter(DataLoader(data, batch_size=2))", 2),
    ],
)
def test_the_batch_size_is_that_of_a_process(reading: Reading, before: str, size: int) -> None:
    assert reading(script(before))["batch_size"].value == size


PREPARED = """
from accelerate import Accelerator
accelerator = Accelerator(gradient_accumulation_steps=args.accum)
other, loader = DataLoader(dev, batch_size=64), DataLoader(data, batch_size=args.batch_size)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)
model, optimizer, other, loader, schedule = accelerator.prepare(
    model, optimizer, other, loader, schedule
)
for batch in loader:
    with accelerator.accumulate(model):
        accelerator.backward(model(batch))
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
"""


def test_what_accelerate_prepares(reading: Reading) -> None:
    recipe = reading(script("", PREPARED), run="python train.py --accum 4")
    assert recipe["batch_size"].value == 16
    assert recipe["accumulate"].value == 4 and recipe["scheduler_step"].value == "per_update"


def test_a_batch_size_of_unknown_origin_is_unknown(reading: Reading) -> None:
    found = reading(script("loader = DataLoader(data, batch_size=len(data))"))["batch_size"]
    assert found.certainty == "unknown"


def test_a_batch_divided_by_the_accumulation_is_that_of_an_update(reading: Reading) -> None:
    loops = """
for epoch in range(args.epochs):
    for step, batch in enumerate(loader):
        (model(batch) / args.accum).backward()
        if (step + 1) % args.accum == 0:
            optimizer.step()
            optimizer.zero_grad()
"""
    before = "loader = DataLoader(data, batch_size=args.batch_size // args.accum)"
    codes = {one.code for one in reading(script(before, loops)).hazards}
    assert "batch_is_effective" in codes and "accum_loss_not_divided" not in codes


@pytest.mark.parametrize(
    ("before", "seed"),
    [
        ("torch.manual_seed(args.seed)", 3),
        ("torch.manual_seed(args.seed + torch.distributed.get_rank())", 3),
        ("if args.seed > 0:\n    torch.manual_seed(args.seed)", 3),
        ("if args.seed < 0:\n    torch.manual_seed(args.seed)", None),
        ("import numpy\nnumpy.random.seed(7)", None),
        ("import transformers\ntransformers.set_seed(11)", 11),
        ("def fixed(n=5):\n    torch.manual_seed(n)\nfixed()", 5),
    ],
)
def test_the_seed_is_the_framework_s(reading: Reading, before: str, seed: int | None) -> None:
    found = reading(script(f"{before}\nloader = DataLoader(data)"))["seed"]
    assert found.value == seed
    assert found.certainty == ("absent" if seed is None else "stated")


@pytest.mark.parametrize("seeds", ["numpy.random.seed(args.seed)", "random.seed(args.seed)"])
def test_a_seed_that_never_reaches_the_framework_is_unknown(reading: Reading, seeds: str) -> None:
    before = f"import numpy, random\n{seeds}\nloader = DataLoader(data)"
    found = reading(script(before))["seed"]
    assert found.certainty == "unknown" and "the framework's generator takes no seed" in found.why


def test_a_seed_under_an_unknown_condition_is_unknown(reading: Reading) -> None:
    before = "if model.wants():\n    torch.manual_seed(1)\nloader = DataLoader(data)"
    assert reading(script(before))["seed"].certainty == "unknown"


def test_a_seed_that_nothing_reads_is_said(reading: Reading) -> None:
    said = {one.code: one for one in reading(script()).hazards if "--seed" in one.text}
    assert set(said) == {"seed_unused", "dead_flag"}


LENGTHS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "a stop": (
        """
step = 0
for epoch in range(args.epochs):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        step += 1
        if args.max_steps > 0 and step >= args.max_steps:
            break
""",
        {"epochs": 5, "max_steps": -1},
    ),
    "a stop of a whole function": (
        """
def train():
    step = 0
    for epoch in range(args.epochs):
        for batch in loader:
            model(batch).backward()
            optimizer.step()
            step += 1
            if step == args.max_steps:
                return
train()
""",
        {"epochs": 5, "max_steps": -1},
    ),
    "a limit that is off": (
        """
step = 0
for epoch in range(args.epochs):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        step += 1
        if args.max_updates and step >= args.max_updates:
            break
""",
        {"epochs": 5, "max_steps": 0},
    ),
    "patience is no stop": (
        """
bad = 0
for epoch in range(args.epochs):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
    bad += 1
    if bad > 3:
        break
""",
        {"epochs": 5, "max_steps": None},
    ),
    "steps of all epochs": (
        """
total, step = int(len(loader) // args.accum * args.epochs), 0
while True:
    for number, batch in enumerate(loader):
        model(batch).backward()
        if (number + 1) % args.accum == 0:
            optimizer.step()
            step += 1
            if step == total:
                break
    if step == total:
        break
""",
        {"epochs": 5, "max_steps": None},
    ),
    "steps alone": (
        """
batches = iter(loader)
for step in range(300):
    model(next(batches)).backward()
    optimizer.step()
""",
        {"epochs": None, "max_steps": 300},
    ),
    "epochs of one batch": (
        """
for epoch in range(200):
    model(data).backward()
    optimizer.step()
""",
        {"epochs": 200, "max_steps": None},
    ),
    "runs of epochs of one batch": (
        """
for run in range(9):
    for epoch in range(1, args.epochs + 1):
        model(data).backward()
        optimizer.step()
""",
        {"epochs": 5, "max_steps": None},
    ),
    "epochs computed from steps": (
        """
for epoch in range(int(args.max_updates / len(loader))):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
""",
        {"epochs": None},
    ),
    "epochs without end": (
        """
import sys
step = 0
for epoch in range(sys.maxsize):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        step += 1
        if step > args.max_steps:
            sys.exit()
""",
        {"epochs": None, "max_steps": -1},
    ),
    "a range of files inside": (
        """
for epoch in range(args.epochs):
    for number in range(len(files())):
        for batch in loader:
            model(batch).backward()
            optimizer.step()
""",
        {"epochs": 5, "max_steps": None},
    ),
    "a loop of micro-batches": (
        """
step = 0
while step < 40:
    for micro in range(4):
        (model(data) / 4).backward()
    optimizer.step()
    optimizer.zero_grad()
    step += 1
""",
        {"accumulate": 4},
    ),
}


@pytest.mark.parametrize("name", sorted(LENGTHS))
def test_how_long_it_goes_on(reading: Reading, name: str) -> None:
    loops, wanted = LENGTHS[name]
    recipe = reading(script("loader = DataLoader(data, batch_size=2)", loops))
    assert {field: recipe[field].value for field in wanted} == wanted


HAZARDS = {
    "endless_loop": "while True:\n    model(data).backward()\n    optimizer.step()\n",
    "many_backwards_one_step": (
        "for batch in loader:\n    model(batch).backward()\n    model(batch, 2).backward()\n"
        "    optimizer.step()\n"
    ),
    "several_optimizers": (
        "other = torch.optim.SGD(model.bias, lr=1)\nfor batch in loader:\n"
        "    model(batch).backward()\n    optimizer.step()\n    other.step()\n"
    ),
    "sched_before_optimizer": (
        "schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)\nfor batch in loader:\n"
        "    model(batch).backward()\n    schedule.step()\n    optimizer.step()\n"
    ),
    "sched_flag_gated": (
        "schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)\nfor batch in loader:\n"
        "    model(batch).backward()\n    optimizer.step()\n"
        "    if args.max_steps > 0:\n        schedule.step()\n"
    ),
}


@pytest.mark.parametrize("code", sorted(HAZARDS))
def test_a_loop_that_may_not_be_meant(reading: Reading, code: str) -> None:
    before = "loader = DataLoader(data, batch_size=2)"
    assert code in {one.code for one in reading(script(before, HAZARDS[code])).hazards}
    others = {one.code for one in reading(script(before)).hazards}
    assert not others & set(HAZARDS)


def test_backward_passes_of_two_branches_are_one(reading: Reading) -> None:
    loops = """
for batch in loader:
    if model.ready:
        model(batch).backward()
    else:
        model(batch, 2).backward()
    optimizer.step()
"""
    codes = {one.code for one in reading(script("loader = DataLoader(data)", loops)).hazards}
    assert "many_backwards_one_step" not in codes
