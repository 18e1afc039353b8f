"""Numbers that stand beside those that apply."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualtrain.recipes import read_recipe
from tests.core.recipes.conftest import Reading

SCRIPT = """
import torch
from other import helper
model = torch.nn.Linear(2, 2)
{lines}
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for batch in loader():
    model(batch).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
"""


def decoys(reading: Reading, lines: str, other: str = "helper = 1\n") -> list[str]:
    recipe = reading(SCRIPT.format(lines=lines), {"other.py": other})
    assert (recipe["optimizer"].value, recipe["lr"].value) == ("adam", 0.01)
    return [str(one.place) for one in recipe.hazards if one.code == "decoy_values"]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("# optimizer = torch.optim.SGD(model.parameters(), lr=0.1)", True),
        ("    # scheduler = StepLR(optimizer, step_size=20)", True),
        ("## torch.nn.utils.clip_grad_norm_(model.parameters(), 5.)", True),
        ("# get_linear_schedule_with_warmup(optimizer, 100, total)", True),
        ("# optimizer = torch.optim.SGD(model.parameters(), lr=lr, nesterov=True)", False),
        ("# lr = fluid.layers.piecewise_decay([9, 18], [base, base * 0.1])", True),
        ("# optimizer = SGD(model.parameters(),\n#                 lr=0.1)", True),
        ("# if epoch % 5 == 0:\n#     self.lr = lower(self.optimizer, self.lr)", True),
        ("# if epoch % 5 == 0:\n#     save(model)", False),
        ("# optimizer = SGD(model.parameters(),\nsteps = 5", False),
        ("# Adam (lr 0.1) was worse", False),
        ("# loss = CrossEntropyLoss(label_smoothing=0.1)", False),
        ("text = '# SGD(parameters, lr=0.1)'", False),
        ("spare = torch.optim.SGD(model.parameters(), lr=0.1)", True),
        ("spare = torch.optim.SGD(model.parameters(), lr=0.1); spare.step()", False),
        ("if helper: spare = torch.optim.SGD(model.parameters(), lr=helper)", False),
    ],
)
def test_a_call_with_numbers_that_does_not_apply(reading: Reading, lines: str, found: bool) -> None:
    lines = lines.strip()
    assert decoys(reading, lines) == (["train.py:5"] if found else [])


def test_a_comment_of_another_file_is_none(reading: Reading) -> None:
    other = "# optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\nhelper = 1\n"
    assert decoys(reading, "pass", other) == []


BY_FILE = SCRIPT.replace("lr=0.01", "lr=settings['rate_lr']").replace(
    "{lines}", "import yaml\nsettings = yaml.safe_load(open('settings.yml'))"
)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("rate_lr: 0.01\n# rate_lr: 0.2\n", 2),
        ("rate_lr: 0.01 # of one card\nsize: 3\n  #rate_lr: 2e-6  # large\n", 3),
        ("rate_lr: 0.01\n# rate_lr: 0.01\n", None),
        ("rate_lr: 0.01\n# other_lr: 0.2\n", None),
        ("rate_lr: 0.01\nsize: 3\n# size: 4\n", None),
        ("rate_lr: 0.01\n# the rate_lr: 0.2 was worse\n", None),
    ],
)
def test_a_key_that_is_a_comment_beside_the_one_that_applies(
    tmp_path: Path, keys: str, line: int | None
) -> None:
    (tmp_path / "train.py").write_text(BY_FILE, encoding="utf-8")
    (tmp_path / "other.py").write_text("helper = 1\n", encoding="utf-8")
    (tmp_path / "settings.yml").write_text(keys, encoding="utf-8")
    recipe = read_recipe(tmp_path / "train.py", root=tmp_path)
    assert recipe["lr"].value == 0.01
    places = [str(one.place) for one in recipe.hazards if one.code == "decoy_values"]
    assert places == ([] if line is None else [f"settings.yml:{line}"])


@pytest.mark.parametrize(
    ("rate", "flag", "found"),
    [
        ("0.01", "--lr", True),
        ("0.01", "--learning-rate", True),
        ("flags.lr", "--lr", False),
        ("0.01", "--lr_scale", False),
    ],
)
def test_a_flag_of_the_rate_that_nothing_reads(
    reading: Reading, rate: str, flag: str, found: bool
) -> None:
    lines = (
        "import argparse\nparser = argparse.ArgumentParser()\n"
        f"parser.add_argument('{flag}', type=float, default=0.3)\nflags = parser.parse_args()"
    )
    script = SCRIPT.format(lines=lines).replace("lr=0.01", f"lr={rate}")
    codes = [one.code for one in reading(script, {"other.py": "helper = 1\n"}).hazards]
    assert ("decoy_values" in codes) is found


CHOICE = """
import argparse, torch
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--kind", default="adam")
parser.add_argument("--decay_rate", type=float, default=0.5)
parser.add_argument("--width", type=int, default=5)
args = parser.parse_args()
def train(model, lr={lr}, epochs={epochs}, width=4):
    if args.kind == "{kind}":
        optimizer = torch.optim.SGD(model.parameters(), lr={other})
        fall(args.{flag})
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        for batch in loader:
            model(batch).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
train(torch.nn.Linear(2, 2), args.lr{epochs_given}, width=args.width)
"""
PLAIN = {
    "lr": 0.1, "epochs": 3, "kind": "sgd", "other": "args.lr", "flag": "width", "epochs_given": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({}, None),
        ({"other": "0.01"}, 11),
        ({"other": "0.1"}, None),
        ({"flag": "decay_rate"}, 6),
        ({"lr": 0.3}, None),  # one default alone
        ({"lr": 0.3, "epochs": 9, "epochs_given": ", 5"}, 9),
        ({"lr": 0.3, "epochs": 9, "epochs_given": ", 9"}, None),
    ],
)
def test_numbers_of_what_is_not_chosen(
    reading: Reading, change: dict[str, object], line: int | None
) -> None:
    recipe = reading(CHOICE.format(**{**PLAIN, **change}))
    found = [one.place for one in recipe.hazards if one.code == "decoy_values"]
    assert (recipe["optimizer"].value, recipe["lr"].value) == ("adam", 0.1)
    assert [one.line for one in found if one is not None] == ([] if line is None else [line])
