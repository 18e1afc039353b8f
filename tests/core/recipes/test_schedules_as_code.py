"""Schedules that are code, known by the numbers they give however they are written."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualtrain.reading import Known, Unknown, Value
from dualtrain.recipes import Recipe
from dualtrain.recipes.schedules._numeric import Numbers, called, key
from tests.core.recipes.conftest import Reading

LAMBDA = """
import math, torch
import numpy as np
from torch.optim.lr_scheduler import LambdaLR

model, epochs, warmup = torch.nn.Linear(2, 2), 3, 40
loader = torch.utils.data.DataLoader(data())
total = len(loader) * epochs
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
{rule}
schedule = LambdaLR(optimizer, {name})
for epoch in range(epochs):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        schedule.step()
"""


def of(reading: Reading, rule: str, name: str = "f") -> Recipe:
    return reading(LAMBDA.format(rule=textwrap.dedent(rule), name=name))


def told(recipe: Recipe, wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: recipe[name].value for name in wanted}


RISE = {"warmup": 40, "warmup_unit": "steps", "length": "epochs"}


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("f = lambda t: t / warmup if t < warmup else max(0, (total - t) / (total - warmup))",
         {"schedule": "linear", **RISE}),
        ("f = lambda t: min(t / warmup, max(0.0, (total - t) / float(total - warmup)))",
         {"schedule": "linear", **RISE}),
        ("""
         def f(step):
             if step < warmup:
                 return float(step) / float(max(1, warmup))
             return max(0.0, float(total - step) / float(max(1.0, total - warmup)))
         """, {"schedule": "linear", **RISE}),
        ("f = lambda t: 1 - t / total", {"schedule": "linear", "warmup": None}),
        ("f = lambda t: 0.5 * (math.cos(t / total * math.pi) + 1)",
         {"schedule": "cosine", "num_cycles": 0.5, "warmup": None, "length": "epochs"}),
        ("f = lambda t: (t + 1) / warmup if t < warmup else "
         "0.1 + 0.45 * (1 + np.cos(np.pi * (t - warmup) / (total - warmup)))",
         {"schedule": "cosine", "end_lr": 0.1, **RISE}),
        ("""
         def f(t):
             if t < warmup:
                 return t / warmup
             p = (t - warmup) / (total - warmup)
             return max(0.0, 0.5 * (1.0 + math.cos(math.pi * 2.0 * 1.5 * p)))
         """, {"schedule": "cosine", "num_cycles": 1.5, **RISE}),
        ("f = lambda t: (1 - t / total) ** 0.9", {"schedule": "polynomial", "power": 0.9}),
        ("f = lambda t: math.pow(1 - t / 9000, 2)",
         {"schedule": "polynomial", "power": 2, "length": "fixed_steps"}),
        ("f = lambda t: min(1.0, t / warmup)", {"schedule": "constant", "warmup": 40}),
        ("f = lambda t: 1.0 if t >= warmup else (t + 1) / (warmup + 1)",
         {"schedule": "constant", "warmup": 40}),
        ("f = lambda t: 0.5 ** (t // 300)", {"schedule": "step", "step_size": 300, "gamma": 0.5}),
        ("f = lambda t: 0.95 ** t", {"schedule": "exponential", "gamma": 0.95}),
        ("f = lambda t: 1 if t < 300 else 0.1 if t < 800 else 0.01",
         {"schedule": "piecewise", "milestones": [300, 800]}),
        ("f = lambda t: 512 ** -0.5 * min((t + 1) ** -0.5, (t + 1) * 4000 ** -1.5)",
         {"schedule": "noam", "warmup": 4000, "length": None}),
        ("f = lambda t: min(t / 4000, (4000 / max(t, 1)) ** 0.5)",
         {"schedule": "custom", "warmup": 4000, "length": None}),
        ("f = lambda t: (1 - t / 9000) * (1.0 - 0.01) + 0.01",
         {"schedule": "linear", "end_lr": 0.01, "length": "fixed_steps"}),
        ("f = lambda t: ((1 - math.cos(t * math.pi / 9000)) / 2) * (0.2 - 1) + 1",
         {"schedule": "cosine", "end_lr": 0.2, "length": "fixed_steps"}),
        ("""
         def f(t):
             if t < warmup:
                 return (t + 1) / warmup
             p = (t - warmup) / max(1, total - warmup)
             return 0.5 * (1.0 + math.cos(math.pi * min(1.0, p)))
         """, {"schedule": "cosine", **RISE}),
        ("f = lambda t: max(0.5 ** (t / 300), 0.01)", {"schedule": "custom"}),
        ("f = lambda t: 0.9 ** max(t + 1 - 4, 0.0)", {"schedule": "custom"}),
        ("f = lambda t: min(t / 300, 1.0 - (t - 300) / (9000 - 300))",
         {"schedule": "linear", "warmup": 300, "length": "fixed_steps"}),
        ("f = lambda t: t / 500 if t < 500 else math.exp((500 - t) / 9000)",
         {"schedule": "custom", "warmup": 500, "length": None}),
        ("f = lambda t: abs(math.sin(t / 30)) + 0.1", {"schedule": "custom"}),
        ("f = lambda t: 1 - (t / total) ** 2", {"schedule": "custom"}),
        ("f = lambda t: 1 / (1 + 0.05 * t)", {"schedule": "custom"}),
        ("f = lambda t: asked(t)", {"schedule": "custom", "warmup": None}),
        ("f = lambda t: (1 - t / total) if asked() else 0.5", {"schedule": "custom"}),
    ],
)  # fmt: skip
def test_a_function_of_the_step(reading: Reading, rule: str, wanted: dict[str, Any]) -> None:
    recipe = of(reading, rule)
    assert told(recipe, wanted) == wanted
    assert recipe["lr"].value == 5e-5
    assert "sched_lambda" in {one.code for one in recipe.hazards}


def test_what_is_not_recognised_is_unknown_and_not_absent(reading: Reading) -> None:
    recipe = of(reading, "f = lambda t: asked(t)")
    for name in ("warmup", "warmup_unit", "end_lr", "length"):
        assert recipe[name].certainty == "unknown", name


def test_the_curve_that_counts_from_zero_jumps(reading: Reading) -> None:
    recipe = of(reading, "f = lambda t: t / warmup if t < warmup else 1 - t / total")
    assert told(recipe, RISE | {"schedule": "linear"}) == RISE | {"schedule": "linear"}
    assert "sched_jump_after_warmup" in {one.code for one in recipe.hazards}


def test_the_numbers_keep_their_flags(reading: Reading) -> None:
    recipe = reading(
        """
        import argparse, torch
        parser = argparse.ArgumentParser()
        parser.add_argument("--warm", type=int, default=200)
        parser.add_argument("--total", type=int, default=5000)
        args = parser.parse_args()

        def schedule_of(optimizer, warm, total):
            def factor(step):
                if step < warm:
                    return step / warm
                return max(0, (total - step) / (total - warm))
            return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

        model = torch.nn.Linear(2, 2)
        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
        schedule = schedule_of(optimizer, args.warm, args.total)
        for batch in loader():
            model(batch).backward()
            optimizer.step()
            schedule.step()
        """,
        run="python train.py --warm 300",
    )
    assert recipe["schedule"].value == "linear"
    warmup = recipe["warmup"]
    assert (warmup.value, warmup.how, warmup.flag) == (300, "command line", "--warm")


WRITES = """
import math, torch
lr, low, warmup, epochs = 1e-3, 1e-5, 5, 50
model = torch.nn.Linear(2, 2)
loader = torch.utils.data.DataLoader(data())
optimizer = torch.optim.SGD(model.parameters(), lr)
{helper}
for epoch in range(epochs):
    {epoch}
    for i, batch in enumerate(loader):
        {batch}
        model(batch).backward()
        optimizer.step()
"""

SET = """
def move(value):
    for group in optimizer.param_groups:
        group["lr"] = value
"""


@pytest.mark.parametrize(
    ("epoch", "batch", "wanted"),
    [
        ("move(lr * (0.1 ** (epoch // 30)))", "pass",
         {"schedule": "step", "step_size": 30, "gamma": 0.1, "length": "epoch_units"}),
        ("move(lr * 0.5 * (1 + math.cos(math.pi * epoch / epochs)))", "pass",
         {"schedule": "cosine", "length": "epoch_units"}),
        ("pass", "move(lr * (1 - (epoch * len(loader) + i) / (epochs * len(loader))) ** 0.9)",
         {"schedule": "polynomial", "power": 0.9, "length": "epochs"}),
        ("move(lr if epoch < 20 else lr * 0.5 if epoch < 40 else lr * 0.1)", "pass",
         {"schedule": "piecewise", "milestones": [20, 40], "values": [1e-3, 5e-4, 1e-4]}),
        ("move(lr if epoch <= 20 else lr * 0.1)", "pass",
         {"schedule": "piecewise", "milestones": [21]}),
        ("pass", "move(at(i / len(loader) + epoch))",
         {"schedule": "cosine", "warmup": 5, "warmup_unit": "epochs", "end_lr": 1e-5,
          "length": "epoch_units"}),
    ],
)  # fmt: skip
def test_a_rate_written_by_the_loop(
    reading: Reading, epoch: str, batch: str, wanted: dict[str, Any]
) -> None:
    helper = SET + textwrap.dedent(
        """
        def at(when):
            if when < warmup:
                return lr * when / warmup
            p = (when - warmup) / (epochs - warmup)
            return low + (lr - low) * 0.5 * (1.0 + math.cos(math.pi * p))
        """
    )
    recipe = reading(WRITES.format(helper=helper, epoch=epoch, batch=batch))
    assert told(recipe, wanted) == wanted
    assert recipe["lr"].value == 1e-3
    assert "sched_in_loop" in {one.code for one in recipe.hazards}


@pytest.mark.parametrize(
    "epoch",
    [
        "epoch in (20, 40) and move(optimizer.param_groups[0]['lr'] * 0.1)",
        "move(lr * asked(epoch))",
        "move(rates[epoch])",
    ],
)
def test_a_rate_that_is_written_and_not_recognised(reading: Reading, epoch: str) -> None:
    recipe = reading(WRITES.format(helper=SET, epoch=epoch, batch="pass"))
    assert recipe["schedule"].value == "custom"
    assert recipe["warmup"].certainty == recipe["length"].certainty == "unknown"


@pytest.mark.parametrize(
    "body",
    [
        "if epoch >= 10:\n    move(lr * (1 - epoch / epochs))",
        "if epoch < 10:\n    return\n"
        "for group in optimizer.param_groups:\n    group['lr'] = lr * (1 - epoch / epochs)",
    ],
)
def test_a_rate_written_in_some_rounds_only_is_not_the_rule(reading: Reading, body: str) -> None:
    helper = SET + "def later(epoch):\n" + textwrap.indent(body, "    ")
    recipe = reading(WRITES.format(helper=helper, epoch="later(epoch)", batch="pass"))
    assert recipe["schedule"].value == "custom"


def test_a_wrapper_that_counts_by_itself(reading: Reading) -> None:
    recipe = reading(
        """
        import numpy as np, torch

        class Rated:
            def __init__(self, optimizer, scale, width, warmup):
                self.optimizer, self.scale = optimizer, scale
                self.width, self.warmup, self.steps = width, warmup, 0

            def step(self):
                self.steps += 1
                rise = np.power(self.warmup, -1.5) * self.steps
                rate = self.scale * self.width ** -0.5 * np.min([self.steps ** -0.5, rise])
                for group in self.optimizer.param_groups:
                    group["lr"] = rate
                self.optimizer.step()

        model = torch.nn.Linear(2, 2)
        rated = Rated(torch.optim.Adam(model.parameters(), betas=(0.9, 0.98)), 2.0, 512, 4000)
        for epoch in range(3):
            for batch in loader():
                model(batch).backward()
                rated.step()
        """
    )
    wanted = {"schedule": "noam", "lr": 2.0, "warmup": 4000, "warmup_unit": "steps"}
    assert told(recipe, wanted) == wanted


PADDLE_CLASS = """
import math, paddle

class Own(paddle.optimizer.lr.LRScheduler):
    def __init__(self, learning_rate, warmup, total, last_epoch=-1):
        self.warmup, self.total = warmup, total
        super().__init__(learning_rate, last_epoch)

    def get_lr(self):
        {body}

model = paddle.nn.Linear(2, 2)
schedule = Own(3e-4, 100, 4000)
optimizer = paddle.optimizer.AdamW(schedule, parameters=model.parameters())
for batch in loader():
    model(batch).backward()
    optimizer.step()
    schedule.step()
    optimizer.clear_grad()
"""


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("return self.base_lr * (1 - self.last_epoch / self.total)", {"schedule": "linear"}),
        ("return self.base_lr * min(1, self.last_epoch / self.warmup)",
         {"schedule": "constant", "warmup": 100}),
        ("return self.base_lr * 0.5 * (1 + math.cos(math.pi * self.last_epoch / self.total))",
         {"schedule": "cosine", "length": "fixed_steps"}),
        ("return self.base_lr * self.ask()", {"schedule": "custom"}),
        ("return 2e-3 * min(self.last_epoch / 100, (100 / max(self.last_epoch, 1)) ** 0.5)",
         {"schedule": "custom", "warmup": 100, "length": None, "lr": 2e-3}),
        ("return self.rates[self.last_epoch]", {"schedule": "custom", "lr": None}),
    ],
)  # fmt: skip
def test_a_class_with_a_rule_of_its_own(
    reading: Reading, body: str, wanted: dict[str, Any]
) -> None:
    recipe = reading(PADDLE_CLASS.format(body=body))
    wanted = {"lr": 3e-4, **wanted}
    assert told(recipe, wanted) == wanted


# Numbers of trees

LEAVES = st.one_of(
    st.integers(1, 50).map(Known),
    st.floats(0.5, 8).map(Known),
    st.sampled_from(["a", "b"]).map(lambda name: Unknown(op="name", operands=(Known(name),))),
)
A, B = (Unknown(op="name", operands=(Known(name),)) for name in "ab")


def joined(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.tuples(
        st.sampled_from(["+", "-", "*", "/", "//", "%", "max", "min"]), inner, inner
    ).map(lambda one: Unknown(op=one[0], operands=one[1:]))


def written(value: Value) -> str:
    assert isinstance(value, (Known, Unknown))
    if isinstance(value, Known):
        return repr(value.value)
    if value.op == "name":
        (name,) = value.operands
        assert isinstance(name, Known)
        return str(name.value)
    left, right = (written(one) for one in value.operands)
    return f"{value.op}({left}, {right})" if value.op.isalpha() else f"({left} {value.op} {right})"


@settings(max_examples=200, deadline=None)
@given(st.recursive(LEAVES, joined, max_leaves=12), st.integers(0, 1000))
def test_a_tree_gives_the_number_that_python_gives(tree: Value, t: int) -> None:
    numbers = Numbers(1, {key(A): lambda t: t + 1}, {key(B): 7})
    try:
        wanted = eval(written(tree), {"a": t + 1, "b": 7})
    except ArithmeticError:
        return
    assert called(numbers.rule(tree), t) == wanted


OF_PARAMETERS = """
import paddle

model = paddle.nn.Linear(2, 2)
optimizer = paddle.optimizer.Adam(1e-4, parameters=model.parameters())
{before}
for epoch in range(3):
    for batch in paddle.io.DataLoader(data()):
        model(batch).backward()
        optimizer.step()
    {after}
"""
EACH_PARAMETER = "[0 for _ in '']\n{0}for one in optimizer._param_groups:\n{0}    {1}"


def test_factors_written_by_the_loop_are_not_a_plain_rate(reading: Reading) -> None:
    store = "one.optimize_attr['learning_rate'] = 0.5 ** epoch"
    once = reading(OF_PARAMETERS.format(before="", after=EACH_PARAMETER.format(" " * 4, store)))
    assert once["schedule"].value == "custom" and "factors" in once["schedule"].why
    assert once["warmup"].certainty == "unknown" and once["scheduler_step"].value == "per_epoch"
    store = "one.optimize_attr['learning_rate'] = 0.5"
    ahead = reading(OF_PARAMETERS.format(before=EACH_PARAMETER.format("", store), after=""))
    assert ahead["schedule"].value == "none"


SHORT = """
import math
import torch
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
loader = torch.utils.data.DataLoader(data(), batch_size=4)
for epoch in range({epochs}):
    for group in optimizer.param_groups:
        group["lr"] = {rate}
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
"""
COSINE = "(0.1 - 0.02) * 0.5 * (1 + math.cos(math.pi * epoch / {epochs})) + 0.02"


@pytest.mark.parametrize(
    ("epochs", "rate", "schedule"),
    [
        (5, COSINE, "cosine"),
        (6, COSINE, "cosine"),
        (5, "0.1 * (1 - epoch / {epochs})", "linear"),
        (6, "0.1 * (1 - epoch / {epochs}) ** 0.9", "polynomial"),
        (5, "0.1 * (1 - (epoch / {epochs}) ** 3)", "custom"),
        (6, "0.1 * math.exp(-epoch * epoch / {epochs})", "custom"),
    ],
)
def test_curves_of_few_epochs(reading: Reading, epochs: int, rate: str, schedule: str) -> None:
    recipe = reading(SHORT.format(epochs=epochs, rate=rate.format(epochs=epochs)))
    assert recipe["schedule"].value == schedule
    if schedule == "cosine":
        assert recipe["end_lr"].value == 0.02


@pytest.mark.parametrize(("name", "end"), [("min_lr", 0), ("shift", None)])
def test_an_end_of_zero_that_has_a_name(reading: Reading, name: str, end: int | None) -> None:
    rate = f"(0.1 - args.{name}) * 0.5 * (1 + math.cos(math.pi * epoch / 9)) + args.{name}"
    flags = "import argparse\nparser = argparse.ArgumentParser()\n"
    flags += f"parser.add_argument('--{name}', type=float, default=0)\nargs = parser.parse_args()"
    recipe = reading(f"{flags}\n{SHORT.format(epochs=9, rate=rate)}")
    assert (recipe["schedule"].value, recipe["end_lr"].value) == ("cosine", end)


OF_OPTIMIZER = """
import paddle
model = paddle.nn.Linear(2, 2)
optimizer = paddle.optimizer.{made}
{before}
schedule = paddle.optimizer.lr.MultiStepDecay(optimizer.get_lr(), milestones=[3], gamma=0.1)
optimizer.set_lr_scheduler(schedule)
for epoch in range(9):
    for batch in paddle.io.DataLoader(data(), batch_size=4):
        model(batch).backward()
        optimizer.step()
        optimizer.clear_grad()
    schedule.step()
"""


@pytest.mark.parametrize(
    ("made", "before", "lr"),
    [
        ("Adam(parameters=model.parameters(), learning_rate=0.25)", "", 0.25),
        ("SGD(0.5, model.parameters())", "", 0.5),
        ("SGD(0.5, model.parameters())", "optimizer.set_lr(read())", None),
        ("SGD(read(), model.parameters())", "", None),
    ],
)
def test_a_schedule_that_is_given_the_optimizers_rate(
    reading: Reading, made: str, before: str, lr: float | None
) -> None:
    recipe = reading(OF_OPTIMIZER.format(made=made, before=before))
    assert (recipe["schedule"].value, recipe["milestones"].value) == ("piecewise", [3])
    assert recipe["lr"].value == lr
