"""Values that the program replaces by others after they are given."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

BY_DATA = """
import json, os.path as osp
import yaml
from dataclasses import dataclass, field
from {library} import {parser}, TrainingArguments, Trainer
table = yaml.safe_load(open(osp.join(osp.abspath("."), "./tasks.yml")))

@dataclass
class Data:
    task: str = field(default=None)

def main():
    data, training = {parser}((Data, TrainingArguments)).parse_args_into_dataclasses()
    if data.task in table:
        chosen = table[data.task]
        for each in (data, training):
            for name in vars(each):
                if name in chosen.keys():
                    setattr(each, name, chosen[name])
    trainer = Trainer(model=make(), args=training, train_dataset=load())
    trainer.train()

main()
"""
TABLE = "one: {learning_rate: 0.0003, seed: 9}\ntwo: {weight_decay: 0.2}\n"


@pytest.mark.parametrize(
    ("library", "parser"),
    [("paddlenlp.trainer", "PdArgumentParser"), ("transformers", "HfArgumentParser")],
)
@pytest.mark.parametrize(
    ("task", "said"),
    [("one", (0.0003, 9, 0.0)), ("two", (0.5, 42, 0.2)), ("three", (0.5, 42, 0.0))],
)
def test_a_configuration_beats_the_command_line(
    reading: Reading, library: str, parser: str, task: str, said: tuple[float, float, float]
) -> None:
    recipe = reading(
        BY_DATA.format(library=library, parser=parser),
        {"tasks.yml": TABLE},
        run=f"python train.py --learning_rate 0.5 --task {task}",
    )
    assert tuple(recipe[name].value for name in ("lr", "seed", "weight_decay")) == said


IN_LOOP = """
import torch
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr={lr})
for step, batch in enumerate(loader()):
    {writes}
    model(batch).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
"""


def test_a_rate_of_zero_that_the_loop_writes_is_no_rate(reading: Reading) -> None:
    writes = "optimizer.param_groups[0]['lr'] = rate(step)"
    recipe = reading(IN_LOOP.format(lr=0, writes=writes))
    assert recipe["lr"].certainty == "unknown"
    assert "is replaced by what is written at train.py:6" in recipe["lr"].why


def test_a_rate_of_zero_that_nothing_writes_is_one(reading: Reading) -> None:
    assert reading(IN_LOOP.format(lr=0, writes="pass"))["lr"].value == 0


OVER = """
import torch
from transformers import get_linear_schedule_with_warmup
{accumulation}
loader = torch.utils.data.DataLoader(data(), batch_size=4)
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
schedule = get_linear_schedule_with_warmup(optimizer, 5, len(loader) * 3 // {by})
for epoch in range(3):
    for step, batch in enumerate(loader):
        (model(batch).sum() / micro).backward()
        if step % micro == 0:
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
"""


@pytest.mark.parametrize(
    ("accumulation", "by", "length"),
    [
        ("micro = 1", "micro", "epochs_over_accumulate"),
        ("micro = 4", "micro", "epochs_over_accumulate"),
        ("micro = 1\nranks = 1", "ranks", "epochs"),
    ],
)
def test_a_length_over_an_accumulation_of_one(
    reading: Reading, accumulation: str, by: str, length: str
) -> None:
    recipe = reading(OVER.format(accumulation=accumulation, by=by))
    assert recipe["length"].value == length


COMPUTED = """
from transformers import Trainer, TrainingArguments
rows = load()
arguments = TrainingArguments("out", max_steps={most})
Trainer(model=make(), args=arguments, train_dataset=rows).train()
"""


@pytest.mark.parametrize(
    ("most", "length"), [("len(rows) // 8", None), ("40", "max_steps_or_epochs_over_accumulate")]
)
def test_a_limit_that_is_computed_leaves_the_length_open(
    reading: Reading, most: str, length: str | None
) -> None:
    recipe = reading(COMPUTED.format(most=most))
    assert recipe["length"].value == length
    assert recipe["length"].certainty == ("unknown" if length is None else "implied")


BY_GROUP = """
import math
import torch
batch_size, total = 512, 900
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(
    [{{"params": [model.weight]}}, {{"params": [model.bias]}}], lr=0.0, weight_decay=0.1
)
for step, batch in enumerate(loader()):
    rate = {rate}
    optimizer.param_groups[0]["lr"] = rate * 0.2
    optimizer.param_groups[1]["lr"] = rate * {second}
    model(batch).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
"""


@pytest.mark.parametrize(
    ("rate", "second", "codes"),
    [
        ("math.cos(step / total)", "0.2", set()),
        ("math.cos(step / total)", "0.005", {"param_groups"}),
        ("args.batch_size / 256 * math.cos(step / total)", "0.2", {"lr_scaled_at_run_time"}),
        ("math.cos(step / (total / args.batch_size))", "0.2", set()),
    ],
)
def test_rates_that_the_loop_writes_group_by_group(
    reading: Reading, rate: str, second: str, codes: set[str]
) -> None:
    arguments = "import argparse\nparser = argparse.ArgumentParser()\n"
    arguments += "parser.add_argument('--batch_size', type=int, default=512)\n"
    script = BY_GROUP.format(rate=rate, second=second)
    recipe = reading(f"{arguments}args = parser.parse_args()\n{script}")
    found = {one.code for one in recipe.hazards}
    assert found & {"param_groups", "lr_scaled_at_run_time"} == codes
    assert recipe["lr"].certainty == "unknown"


ENDLESS = """
import argparse, torch
parser = argparse.ArgumentParser()
parser.add_argument("--most", type=int, default=-1)
args = parser.parse_args()
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
step = 0
while True:
    model(batch()).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    if args.most >= 0 and step >= args.most:
        break
    step += 1
"""


@pytest.mark.parametrize(("words", "endless"), [("", True), ("--most 9", False)])
def test_an_end_that_the_flags_switch_off(reading: Reading, words: str, endless: bool) -> None:
    recipe = reading(ENDLESS, run=f"python train.py {words}")
    assert ("endless_loop" in {one.code for one in recipe.hazards}) is endless


EACH = """
import torch
def loaders(sets, sizes):
    made = []
    for rows, size in zip(sets, sizes):
        made.append(torch.utils.data.DataLoader(rows, batch_size=size))
    return made
settings = {{"size": 16}}
train, test = loaders([a(), b()], {sizes})
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for batch in train:
    model(batch).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
"""


def test_loaders_of_one_size(reading: Reading) -> None:
    assert reading(EACH.format(sizes="[settings['size']] * 2"))["batch_size"].value == 16


def test_loaders_of_two_sizes(reading: Reading) -> None:
    assert reading(EACH.format(sizes="[16, 32]"))["batch_size"].value in (16, None)
