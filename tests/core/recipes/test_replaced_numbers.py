"""Numbers that a later line, a file, a task's name or a shell script replaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from dualtrain.recipes import read_recipe
from tests.core.recipes.conftest import Reading

SCRIPT = """
import argparse, json, torch
import settings
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--batch_size", type=int, default=64)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--warm", action="store_true")
parser.add_argument("--max_steps", type=int, default=0)
parser.add_argument("--task", default="cola")
args = parser.parse_args()
{lines}
model = torch.nn.Linear(2, 2)
loader = torch.utils.data.DataLoader(data, batch_size=args.batch_size)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
for epoch in range(args.epochs):
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
"""
FILES = {
    "task.json": '{"lr": 0.5, "name": "cola"}\n',
    "settings.py": "LR = 0.1\nTASKS = {'cola': {'lr': 0.5}, 'sst2': {'lr': 0.25}}\n",
}
CODES = ("config_beats_cli", "constants_reassigned", "defaults_per_task")


def codes(reading: Reading, lines: str) -> list[str]:
    recipe = reading(SCRIPT.format(lines=lines), FILES)
    return [one.code for one in recipe.hazards if one.code in CODES]


@pytest.mark.parametrize(
    "lines",
    [
        'for k, v in json.load(open("task.json")).items():\n    setattr(args, k, v)',
        'vars(args).update(json.load(open("task.json")))',
        'args.__dict__.update(json.load(open("task.json")))',
        'args.lr = json.load(open("task.json"))["lr"]',
        'told = json.load(open("task.json"))\nif "lr" in told:\n    args.lr = told["lr"]',
    ],
)
def test_a_file_that_beats_the_command(reading: Reading, lines: str) -> None:
    assert codes(reading, lines) == ["config_beats_cli"]
    recipe = reading(SCRIPT.format(lines=lines), FILES, run="python train.py --lr 0.2")
    assert recipe["lr"].value == 0.5
    said = next(one.text for one in recipe.hazards if one.code == "config_beats_cli")
    assert said == (
        "lr is 0.2 at the command line, and task.json:1 sets 0.5 in its place, whatever the "
        "command says"
    )


@pytest.mark.parametrize(
    "lines",
    [
        'told = json.load(open("task.json"))',
        'args.name = json.load(open("task.json"))["name"]',
        'args.more = json.load(open("task.json"))["lr"]',
        'if unknown():\n    args.lr = json.load(open("task.json"))["lr"]',
        'if args.lr is None:\n    args.lr = json.load(open("task.json"))["lr"]',
    ],
)
def test_a_file_that_does_not(reading: Reading, lines: str) -> None:
    assert codes(reading, lines) == []


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("args.lr = 0.05", True),
        ("args.lr = 0.1", False),
        ("args.lr = args.lr / 2", False),
        ("args.lr = 0.05 if unknown() else args.lr", False),
        ("if args.batch_size > 32:\n    args.warm = True", True),
        ("if args.batch_size > 64:\n    args.warm = True", False),
        ("args.max_steps = 500", False),
        ("args.seen = 5\nargs.seen = 6", False),
        ("for n in range(3):\n    args.lr = 0.05", False),
        ("settings.LR = 0.05", True),
        ("settings.LR = args.lr", True),
        ("class Own:\n    lr = 0.1\nOwn.lr = 0.05", True),
        ("own = dict(lr=0.1)\nown['lr'] = 0.05", False),
    ],
)
def test_a_setting_that_a_later_line_sets(reading: Reading, lines: str, found: bool) -> None:
    assert codes(reading, lines) == (["constants_reassigned"] if found else [])


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ('args.lr = settings.TASKS[args.task]["lr"]', True),
        ('args.lr = settings.TASKS.get(args.task)["lr"]', True),
        ('args.lr = settings.TASKS["cola"]["lr"]', False),
        ('if args.task == "cola":\n    args.lr = 0.05', True),
        ('if args.task == "sst2":\n    args.lr = 0.05', False),
        (
            'paths = {"cola": {"train": "a"}, "sst2": {"train": "b"}}\npath = paths[args.task]',
            False,
        ),
        ('own = {"cola": {"width": 3}, "sst2": {"lr": 3}}\npath = own[args.task]', False),
    ],
)
def test_the_name_of_a_task_takes_the_numbers(reading: Reading, lines: str, found: bool) -> None:
    assert [one for one in codes(reading, lines) if one != "constants_reassigned"] == (
        ["defaults_per_task"] if found else []
    )


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("run.sh", "LR=0.2\nEPOCHS=5\npython train.py --lr $LR --epochs ${EPOCHS}\n", 1),
        ("run.sh", "python train.py --lr ${LR:-0.2}\n", 1),
        ("run.sh", "python train.py --lr 0.2 --save ${OUT:-a}\n", None),
        ("run.sh", "export LR=0.2\npython train.py \\\n  --lr $LR\n", 1),
        ("run.sh", "OUT=a\npython train.py --lr 0.2 --save $OUT\n", None),
        ("README.md", "```\nLR=0.2\npython train.py --lr $LR\n```\n", None),
    ],
)
def test_variables_of_a_shell_script(
    tmp_path: Path, file: str, text: str, line: int | None
) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(lines=""), encoding="utf-8")
    (tmp_path / "settings.py").write_text(FILES["settings.py"], encoding="utf-8")
    (tmp_path / file).write_text(text, encoding="utf-8")
    recipe = read_recipe([script, tmp_path / file], root=tmp_path)
    assert recipe["lr"].value == 0.2
    found = [str(one.place) for one in recipe.hazards if one.code == "defaults_in_shell"]
    assert found == ([] if line is None else [f"{file}:{line}"])


TRAINER = """
from transformers import Trainer, TrainingArguments
BATCH_SIZE, MICRO_BATCH_SIZE = 128, 4
Trainer(model, TrainingArguments("out", gradient_accumulation_steps={steps})).train()
"""


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ("BATCH_SIZE // MICRO_BATCH_SIZE", True),
        ("int(BATCH_SIZE / MICRO_BATCH_SIZE)", True),
        ("128 // 4", False),
        ("MICRO_BATCH_SIZE", False),
    ],
)
def test_an_accumulation_that_is_the_quotient_of_two_batches(
    reading: Reading, steps: str, found: bool
) -> None:
    recipe = reading(TRAINER.format(steps=steps))
    assert ("batch_is_effective" in {one.code for one in recipe.hazards}) is found


OWN_SCHEDULE = """
from transformers import HfArgumentParser, Trainer, TrainingArguments, get_scheduler
(args,) = HfArgumentParser((TrainingArguments,)).parse_args_into_dataclasses()
optimizer = make(model, args.learning_rate)
schedule = get_scheduler("linear", optimizer, {warmup}, 500)
Trainer(model, args, optimizers=(optimizer, schedule)).train()
"""


@pytest.mark.parametrize(
    ("warmup", "words", "found"),
    [
        ("args.warmup_steps", "--warmup_steps 30 --warmup_ratio 0.1", True),
        ("args.warmup_steps", "--warmup_steps 30", False),
        ("30", "--warmup_steps 30 --warmup_ratio 0.1", False),
    ],
)
def test_a_share_of_warmup_beside_the_steps_that_are_taken(
    reading: Reading, warmup: str, words: str, found: bool
) -> None:
    recipe = reading(OWN_SCHEDULE.format(warmup=warmup), run=f"python train.py {words}")
    assert recipe["warmup"].value == 30
    assert ("decoy_values" in {one.code for one in recipe.hazards}) is found
