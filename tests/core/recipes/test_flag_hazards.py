"""Flags without effect, words that are refused, text that looks like a number."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dualtrain.recipes import Recipe

LOOP = """
import argparse, yaml, torch
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--max_steps", type=int, default=7)
parser.add_argument("--warmup", type=int, default=0)
args = parser.parse_args()
momentum = 0.9
exec(open("own.py").read())
config = yaml.safe_load(open("a.yaml"))
def build(parameters, lr, warmup):
    decay = float(config["decay"])
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=decay)
model = torch.nn.Linear(2, 2)
optimizer = build(model.parameters(), args.lr, args.warmup)
for epoch in range(3):
    for batch in loader:
        loss = model(batch).sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
"""


def test_what_the_flags_of_a_program_show(reading: Callable[..., Recipe]) -> None:
    files = {"a.yaml": "decay: 1e-4\nlog_steps: 1e3\nname: 1e\n", "own.py": "momentum = 0.5\n"}
    recipe = reading(LOOP, files, run="python train.py --lr 0.5 --epochs 3")
    found = {(one.code, str(one.place), one.text) for one in recipe.hazards}
    assert recipe["lr"].value == 0.5
    assert recipe["momentum"].value == 0.5
    assert recipe["weight_decay"].value == 1e-4
    expected = {
        ("dead_flag", "train.py:5", "--max_steps is declared, nothing reads it"),
        (
            "dead_flag",
            "train.py:6",
            "--warmup is declared, handed on at train.py:15, and nothing uses it",
        ),
        ("text_number_in_yaml", "a.yaml:1", "decay: 1e-4 is text to a reader of YAML 1.1"),
        (
            "constants_reassigned",
            "own.py:1",
            "momentum is 0.9 at train.py:8, and 0.5 from here on",
        ),
    }
    mine = {code for code, _, _ in expected}
    assert {(c, p.rpartition("/")[2], t) for c, p, t in found if c in mine} == expected
    assert "cli_flag_unknown" in {code for code, _, _ in found}


FLAGS = """
import argparse, torch
parser = argparse.ArgumentParser()
parser.add_argument("{flag}", type=float, default=1)
args = parser.parse_args()
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
"""


@pytest.mark.parametrize(
    ("flag", "decides"),
    [
        ("--lr", True),
        ("--warmup_steps", True),
        ("--adam_epsilon", True),
        ("--seed", True),
        ("--adv_lr", False),
        ("--adv_steps", False),
        ("--start_epoch", False),
        ("--start_step", False),
        ("--resume_step", False),
        ("--save_steps", False),
        ("--eval_batch_size", False),
    ],
)
def test_a_dead_flag_is_one_that_decides_a_training(
    reading: Callable[..., Recipe], flag: str, decides: bool
) -> None:
    recipe = reading(FLAGS.format(flag=flag))
    assert ("dead_flag" in {one.code for one in recipe.hazards}) is decides


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("EPOCHS = 3\nEPOCHS = 5", "train.py:3"),
        ("BATCH_SIZE = 3\nif ranks():\n    BATCH_SIZE = BATCH_SIZE // 2", "train.py:4"),
        ("if ranks():\n    EPOCHS = 3\nelse:\n    EPOCHS = 5", None),
        ("if one():\n    EPOCHS = 3\nif two():\n    EPOCHS = 5", None),
        ("EPOCHS = 3\ndef own():\n    EPOCHS = 5", None),
        ("NAME = 'a'\nNAME = 'b'", None),
        ("count = 0\ncount = 1", None),
    ],
)
def test_a_constant_that_its_module_assigns_again(
    reading: Callable[..., Recipe], lines: str, place: str | None
) -> None:
    recipe = reading(f"\n{lines}\n{LOOP}", {"a.yaml": "decay: 0.1\n"})
    found = [str(one.place) for one in recipe.hazards if one.code == "constants_reassigned"]
    assert found == ([] if place is None else [place])
