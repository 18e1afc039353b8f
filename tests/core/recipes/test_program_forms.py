"""Ways in which programs put an optimizer, its numbers and its loop together."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

LOOP = """
loader = torch.utils.data.DataLoader(data, batch_size=8)
for epoch in range(3):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
"""


def torch_script(before: str, loop: str = LOOP) -> str:
    return f"import torch\nmodel = torch.nn.Linear(2, 2)\n{before}\n{loop}"


REGISTRY = """
from collections import defaultdict
KEPT = defaultdict(dict)
def register(kind, name):
    def keep(made):
        KEPT[kind][name] = made
        return made
    return keep
def build(kind, name, **words):
    made = KEPT[kind][name]
    return made(**words) if callable(made) else made
@register("optimizer", "adamw")
def adamw(params, lr, betas=(0.9, 0.99)):
    return torch.optim.AdamW(params, lr=lr, betas=betas)
@register("optimizer", "sgd")
class Momentum(torch.optim.SGD):
    pass
"""


def test_a_registry_that_decorators_fill(reading: Reading) -> None:
    made = 'optimizer = build("optimizer", "adamw", params=model.parameters(), lr=0.25)'
    recipe = reading(torch_script(f"{REGISTRY}\n{made}"))
    assert recipe["optimizer"].value == "adamw" and recipe["lr"].value == 0.25
    assert recipe["betas"].value == [0.9, 0.99]
    made = 'optimizer = build("optimizer", "sgd", params=model.parameters(), lr=0.5, momentum=0.8)'
    recipe = reading(torch_script(f"{REGISTRY}\n{made}"))
    assert recipe["optimizer"].value == "momentum" and recipe["lr"].value == 0.5


@pytest.mark.parametrize(
    "how",
    [
        "P = namedtuple('P', ['lr', 'wd'])\np = P(0.25, wd=0.125)",
        "P = namedtuple('P', 'lr, wd', defaults=(0.125,))\np = P(lr=0.25)",
        "P = namedtuple('P', 'lr wd')\np = P(1, 0.125)._replace(lr=0.25)",
    ],
)
def test_a_named_tuple(reading: Reading, how: str) -> None:
    made = "optimizer = torch.optim.Adam(model.parameters(), lr=p.lr, weight_decay=p.wd)"
    recipe = reading(torch_script(f"from collections import namedtuple\n{how}\n{made}"))
    assert (recipe["lr"].value, recipe["weight_decay"].value) == (0.25, 0.125)


ATTRIBUTES = """
class Words:
    def __init__(self, held):
        self.held = held
    def __getattr__(self, name):
        value = self.held[name]
        return Words(value) if isinstance(value, dict) else value
words = Words({"optimizer": {"lr": 0.25}})
optimizer = torch.optim.Adam(model.parameters(), lr=words.optimizer.lr)
"""

DEEP = """
class Words(dict):
    __setattr__ = dict.__setitem__
    __getattr__ = dict.__getitem__
def objects(held):
    if not isinstance(held, dict):
        return held
    made = Words()
    for key, value in held.items():
        made[key] = objects(value)
    return made
words = objects({"a": {"b": {"c": {"d": {"e": {"lr": 0.25}}}}}})
optimizer = torch.optim.Adam(model.parameters(), lr=words.a.b.c.d.e.lr)
"""

STARS = """
import importlib
from torch.optim import *
from torch.optim.lr_scheduler import *
here = importlib.import_module(__name__)
optimizer = getattr(here, "Adam")(model.parameters(), lr=0.25)
schedule = StepLR(optimizer, 30)
"""

MODULES = """
import sys
from torch.optim import Adam
def adam(params): return Adam(params, lr=0.25)
optimizer = getattr(sys.modules[__name__], "adam")(model.parameters())
"""

ITSELF = """
class Net(torch.nn.Module):
    def configure(self, lr):
        return torch.optim.Adam(self.parameters(), lr=lr)
net = Net().to("cuda").train()
net = torch.nn.DataParallel(net)
optimizer = net.module.configure(0.25)
"""


@pytest.mark.parametrize("before", [ATTRIBUTES, DEEP, STARS, MODULES, ITSELF])
def test_where_an_optimizer_comes_from(reading: Reading, before: str) -> None:
    recipe = reading(torch_script(before))
    assert recipe["optimizer"].value == "adam" and recipe["lr"].value == 0.25


def test_recursion_that_nothing_ends_is_unknown(reading: Reading) -> None:
    before = (
        "def f(held, n=1):\n    return f(held, n + 1)\n"
        "optimizer = torch.optim.Adam(model.parameters(), lr=f({'lr': 1}))"
    )
    assert reading(torch_script(before))["lr"].certainty == "unknown"


SWITCH = """
import argparse, torch
parser = argparse.ArgumentParser()
parser.add_argument("--do_train", {how})
parser.add_argument("--lr", type=float, default=0.25)
args = parser.parse_args()
steps = 0
if args.do_train:
    steps = 10 * len(data)
def train():
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, 1.0, int(0.5 * steps))
    for batch in torch.utils.data.DataLoader(data):
        model(batch).backward()
        optimizer.step()
        schedule.step()
if args.do_train:
    train()
"""


@pytest.mark.parametrize("how", ["action='store_true'", "type=bool, default=False"])
def test_a_training_behind_a_switch_is_read_with_it_on(reading: Reading, how: str) -> None:
    recipe = reading(SWITCH.format(how=how))
    assert recipe["lr"].value == 0.25 and recipe["warmup"].value != 0
    assert "it trains only with --do_train: read as if that were given" in recipe.notes
    given = reading(SWITCH.format(how=how), run="python train.py --do_train 1")
    assert given["lr"].value == 0.25


GROUP = """
import click, torch
@click.group()
def main(): pass
@main.command()
@click.option("--lr", type=float, default=0.5)
def train(lr):
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for batch in torch.utils.data.DataLoader(data):
        model(batch).backward()
        optimizer.step()
@main.command()
def evaluate(): pass
main()
"""


def test_a_group_of_commands_without_one_is_read_as_the_one_that_trains(reading: Reading) -> None:
    assert reading(GROUP, run="python train.py --lr 0.25")["lr"].value == 0.25
    notes = reading(GROUP, overrides={"lr": 0.25}).notes
    assert any("no command of the group is given; read as train" in one for one in notes)


OMEGA = """
from {0} import {1}
words = {2}
optimizer = torch.optim.Adam(model.parameters(), lr=words["lr"])
"""


@pytest.mark.parametrize(
    ("how", "known"),
    [
        (("omegaconf", "OmegaConf", "OmegaConf.load('a.yaml')"), True),
        (("yaml", "safe_load", "safe_load(open('a.yaml'))"), False),
    ],
)
@pytest.mark.parametrize("text", ["3e-4", "'3e-4'", "1.5E+2"])
def test_who_reads_an_exponent_as_a_number(
    reading: Reading, how: tuple[str, str, str], known: bool, text: str
) -> None:
    found = reading(torch_script(OMEGA.format(*how)), {"a.yaml": f"lr: {text}\n"})["lr"]
    number = text[0] != "'" and (known or "." in text)
    assert found.certainty == ("stated" if number else "unknown")
    assert found.value == (float(text) if number else None)


def test_a_configuration_that_is_given_stands_for_its_name(reading: Reading) -> None:
    script = torch_script(
        "import argparse, json, os\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--config_file')\n"
        "args = parser.parse_args()\n"
        "words = json.load(open(os.path.join('conf', 'no', args.config_file)))\n"
        "optimizer = torch.optim.Adam(model.parameters(), lr=words['lr'])"
    )
    recipe = reading(script, {"conf/deep/a.json": '{"lr": 0.25}'})
    assert recipe["lr"].value == 0.25 and str(recipe["lr"].place) == "conf/deep/a.json:1"
    assert reading(script, run="python train.py --config_file b.json")["lr"].certainty == "unknown"


@pytest.mark.parametrize(
    ("loader", "size"),
    [
        ("super().__init__(dataset=data, batch_size=size)", 24),
        ("super().__init__(data, size * 2)", 48),
        ("super().__init__(data)", 1),
    ],
)
def test_a_loader_of_the_program_s_own(reading: Reading, loader: str, size: int) -> None:
    loop = LOOP.replace("torch.utils.data.DataLoader(data, batch_size=8)", "Loader(24)")
    before = (
        "class Loader(torch.utils.data.DataLoader):\n"
        f"    def __init__(self, size):\n        {loader}\n"
        "optimizer = torch.optim.Adam(model.parameters())"
    )
    assert reading(torch_script(before, loop))["batch_size"].value == size


SAMPLES = """
class Data(torch.utils.data.Dataset):
    def __getitem__(self, at): return at
optimizer = torch.optim.Adam(model.parameters())
batch_size = 10
"""


@pytest.mark.parametrize(
    ("rounds", "size"),
    [
        ("for i, one in enumerate(Data()):\n    x = model(one)", 1),
        ("for one in data_of(batch_size):\n    x = model(one)", 10),
        ("for i in range(0, n, batch_size):\n    x = model(data[i : i + batch_size])", 10),
        ("for one in images:\n    x = model(one)", None),
    ],
)
def test_a_constant_counts_where_batches_are_made_with_it(
    reading: Reading, rounds: str, size: int | None
) -> None:
    steps = "\n    x.backward()\n    optimizer.step()\n    optimizer.zero_grad()\n"
    found = reading(torch_script(SAMPLES, rounds + steps))["batch_size"]
    assert found.value == size and (size is not None or found.certainty == "unknown")


def test_a_constant_that_is_the_accumulation_is_no_batch_size(reading: Reading) -> None:
    loop = """
for i, one in enumerate(source()):
    model(one).backward()
    if (i + 1) % batch_size == 0:
        optimizer.step()
        optimizer.zero_grad()
"""
    recipe = reading(torch_script(SAMPLES, loop))
    assert recipe["accumulate"].value == 10 and recipe["batch_size"].certainty == "unknown"


@pytest.mark.parametrize(
    ("handed", "frozen"),
    [
        ("whole.classifier.parameters()", True),
        ("[{'params': [p for p in whole.encoder.layer.parameters()], 'lr': 1e-3}]", True),
        ("whole.module.parameters()", False),
        ("whole.parameters()", False),
        ("[{'params': whole.a.parameters()}, {'params': whole.b.parameters()}]", False),
    ],
)
def test_what_is_not_handed_to_the_optimizer_stands_still(
    reading: Reading, handed: str, frozen: bool
) -> None:
    before = (
        "from transformers import AutoModel\nwhole = AutoModel.from_pretrained('a')\n"
        f"optimizer = torch.optim.Adam({handed})"
    )
    found = reading(torch_script(before))["freeze"]
    assert bool(found.value) is frozen and (not frozen or "only" in found.why)


def test_schedules_of_which_none_is_chosen_may_have_one_rate(reading: Reading) -> None:
    script = """
import paddle
from paddle.optimizer.lr import CosineAnnealingDecay, StepDecay
model = paddle.nn.Linear(2, 2)
schedule = CosineAnnealingDecay(0.25, 9) if model.wants() else StepDecay({0}, 9)
optimizer = paddle.optimizer.Adam(schedule, parameters=model.parameters())
for batch in paddle.io.DataLoader(data):
    model(batch).backward()
    optimizer.step()
    schedule.step()
"""
    recipe = reading(script.format(0.25))
    assert recipe["schedule"].certainty == "unknown" and recipe["lr"].value == 0.25
    assert reading(script.format(0.5))["lr"].certainty == "unknown"


def test_rates_that_a_loop_writes_into_a_list_are_unknown(reading: Reading) -> None:
    script = """
import paddle
loader = paddle.io.DataLoader(data)
times, rates = [], []
for i in range(3 * len(loader)):
    times.append(i)
    rates.append(0.1 * i)
model = paddle.nn.Linear(2, 2)
schedule = paddle.optimizer.lr.PiecewiseDecay(times, rates)
optimizer = paddle.optimizer.Adam(schedule, parameters=model.parameters())
for batch in loader:
    model(batch).backward()
    optimizer.step()
    schedule.step()
"""
    recipe = reading(script)
    assert {recipe[name].certainty for name in ("schedule", "lr", "warmup")} == {"unknown"}


def test_the_callback_s_clock_is_the_warmup_s(reading: Reading) -> None:
    script = """
import paddle
from paddle.optimizer.lr import LinearWarmup, StepDecay
model = paddle.Model(paddle.vision.models.LeNet())
schedule = LinearWarmup(StepDecay(0.05, 30), 5, 0.0, 0.05)
model.prepare(paddle.optimizer.Momentum(schedule, parameters=model.parameters()))
model.fit(data, epochs=9, callbacks=[paddle.callbacks.LRScheduler({0})])
"""
    units = [
        reading(script.format(one))["warmup_unit"].value
        for one in ("by_step=False, by_epoch=True", "", "True, False")
    ]
    assert units == ["epochs", "steps", "steps"]


ENDLESS = """
step = 0
while True:
    model(next(batches)).backward()
    optimizer.step()
    optimizer.zero_grad()
    step += 1
    {0}
"""


@pytest.mark.parametrize(
    ("ends", "limit"),
    [
        ("if step >= 4000: break", 4000),
        ("if step > total:\n        break", 4000),
        ("if model.done(): break", None),
        ("if bad > 5: break", None),
    ],
)
def test_an_endless_loop_s_own_end(reading: Reading, ends: str, limit: int | None) -> None:
    before = "total, bad = 4000, 0\noptimizer = torch.optim.Adam(model.parameters())"
    assert reading(torch_script(before, ENDLESS.format(ends)))["max_steps"].value == limit


def test_an_optimizer_that_is_not_made_is_not_the_one_that_trains(reading: Reading) -> None:
    before = """
import argparse, lion_pytorch
parser = argparse.ArgumentParser()
parser.add_argument("--opt", default="{0}")
args = parser.parse_args()
if args.opt == "adam":
    optimizer = torch.optim.Adam(model.parameters(), lr=0.25)
else:
    optimizer = lion_pytorch.Lion(model.parameters(), lr=0.5)
"""
    assert reading(torch_script(before.format("adam")))["optimizer"].value == "adam"
    other = reading(torch_script(before.format("lion")))
    assert other["optimizer"].certainty == "unknown" and other["lr"].value == 0.5
    hidden = before.replace("lion_pytorch.Lion(model.parameters(), lr=0.5)", "made(model)")
    other = reading(torch_script(hidden.format("lion")))
    assert other["optimizer"].certainty == "unknown" and other["lr"].certainty == "unknown"


def test_what_differs_between_phases_of_a_training_is_unknown(reading: Reading) -> None:
    first = "optimizer = torch.optim.Adam(model.parameters(), lr=0.25, eps=1e-7)"
    second = f"optimizer = torch.optim.Adam(model.parameters(), lr=0.125, eps=1e-7)\n{LOOP}"
    recipe = reading(torch_script(first, LOOP + second))
    assert recipe["lr"].certainty == "unknown" and "0.25 in one, 0.125 in" in recipe["lr"].why
    assert recipe["optimizer"].value == "adam" and recipe["epochs"].value == 3
    both = """
other = torch.optim.SGD(model.parameters(), lr=0.5)
for epoch in range(3):
    for batch in torch.utils.data.DataLoader(data, batch_size=8):
        model(batch).backward()
        optimizer.step()
        other.step()
"""
    assert reading(torch_script(first, both))["lr"].certainty == "stated"  # in one loop


BRANCHES = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--task", default="b")
args = parser.parse_args()
if args.task == "a":
    from tasks.a import make
elif {test}:
    from tasks.b import make
else:
    raise ValueError(args.task)
model, optimizer = make()
"""
TASK = "from tasks.common import build\n\ndef make():\n    return build({lr})\n"
COMMON = """
import torch
torch.manual_seed(7)
def build(lr):
    model = torch.nn.Linear(2, 2)
    return model, torch.optim.SGD(model.parameters(), lr=lr)
"""


@pytest.mark.parametrize("test", ['args.task == "b"', "torch.cuda.is_available()"])
def test_a_module_that_is_imported_first_where_it_is_not_entered(
    reading: Reading, test: str
) -> None:
    files = {"tasks/common.py": COMMON}
    files |= {f"tasks/{name}.py": TASK.format(lr=lr) for name, lr in {"a": 0.5, "b": 0.25}.items()}
    recipe = reading("import torch\n" + BRANCHES.format(test=test) + LOOP, files)
    assert recipe["optimizer"].value == "sgd" and recipe["lr"].value == 0.25
    assert recipe["seed"].value == (7 if "args" in test else None)  # if there is a GPU
