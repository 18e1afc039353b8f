"""How losses are weighed, what becomes of an epoch's tail, and how targets are smoothed."""

from __future__ import annotations

import pytest

from dualtrain.recipes import Entry, Recipe, entries
from tests.core.recipes.conftest import Reading

LOOP = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
model = nn.Linear(2, 2)
loader = DataLoader(data(), batch_size=8)
criterion = nn.CrossEntropyLoss({criterion})
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cuda")
for epoch in range(3):
    for step, (inputs, labels) in enumerate(loader):
        losses = criterion(model(inputs), labels)
        {loss}
        if (step + 1) % {n} == 0:
            optimizer.step()
            optimizer.zero_grad()
"""


def loop(reading: Reading, loss: str, criterion: str = "", n: int = 4) -> Recipe:
    return reading(LOOP.format(loss=loss, criterion=criterion, n=n))


def told(recipe: Recipe) -> dict[str, object]:
    return {".".join(one.path): one.value for one in entries(recipe) if isinstance(one, Entry)}


def asked(recipe: Recipe) -> dict[str, str]:
    return {".".join(one.path): one.why for one in entries(recipe) if not isinstance(one, Entry)}


@pytest.mark.parametrize(
    ("criterion", "loss", "weighed"),
    [
        ("", "losses.backward()", "sum"),
        ("", "(losses + 0.1 * penalty(model)).backward()", "sum"),
        ("", "(losses / 4).backward()", "micro_mean"),
        ("", "(losses * (1 / 4)).backward()", "micro_mean"),
        ("", "loss = losses\n        loss = loss / 4\n        loss.backward()", "micro_mean"),
        ("", "loss = losses\n        loss /= 4\n        loss.backward()", "micro_mean"),
        ("", "scaler.scale(losses / 4).backward()", "micro_mean"),
        ("", "scaler.scale(losses).backward()", "sum"),
        ("reduction='none'", "(losses.mean() / 4).backward()", "micro_mean"),
        ("reduction='none'", "losses.mean().backward()", "sum"),
        ("reduction='none'", "(losses.sum() / (labels != -100).sum()).backward()", "sum"),
        ("reduction='sum'", "(losses / labels.numel() / 4).backward()", "micro_mean"),
        ("size_average=True", "losses.backward()", "sum"),
    ],
)
def test_what_an_update_makes_of_its_losses(
    reading: Reading, criterion: str, loss: str, weighed: str
) -> None:
    recipe = loop(reading, loss, criterion)

    assert recipe["normalise"].value == weighed
    summed = "accum_loss_not_divided" in {one.code for one in recipe.hazards}
    assert summed is (weighed == "sum")
    wanted = {"batch.normalise": "sum"} if summed else {}
    assert {k: v for k, v in told(recipe).items() if k == "batch.normalise"} == wanted


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize(
    ("criterion", "loss"),
    [
        ("reduction='sum'", "losses.backward()"),
        ("reduction='sum'", "(losses / 4).backward()"),
        ("reduction='none'", "losses.sum().backward()"),
        ("size_average=False", "losses.backward()"),
        ("reduction=how()", "losses.backward()"),
        ("reduction='sum'", "(losses / inputs.size(0)).backward()"),
    ],
)
def test_a_loss_that_is_no_mean_is_asked_for(
    reading: Reading, criterion: str, loss: str, n: int
) -> None:
    recipe = loop(reading, loss, criterion, n)

    assert "no mean over its targets" in asked(recipe)["batch.normalise"]
    assert "accum_loss_not_divided" not in {one.code for one in recipe.hazards}


def test_a_mean_divided_by_what_cannot_be_told_is_asked_for(reading: Reading) -> None:
    recipe = loop(reading, "(losses / how_many(loader)).backward()")

    assert "is divided by" in asked(recipe)["batch.normalise"]
    assert "accum_loss_not_divided" not in {one.code for one in recipe.hazards}


OF_A_GROUP = """
import itertools, torch
import torch.nn.functional as F
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    batches = iter(load(epoch))
    while group := list(itertools.islice(batches, 4)):
        count = sum((batch["labels"] != -100).sum() for batch in group)
        for batch in group:
            loss = F.cross_entropy(model(batch["x"]), batch["labels"], reduction="sum")
            ({divided}).backward()
        optimizer.step()
        optimizer.zero_grad()
"""


@pytest.mark.parametrize(
    ("divided", "weighed"),
    [
        ("loss / count", "token_mean"),
        ("loss / (batch['labels'] != -100).sum()", "sum"),
        ("loss / (batch['labels'] != -100).sum() / len(group)", "micro_mean"),
    ],
)
def test_targets_are_counted_over_the_group_or_the_batch(
    reading: Reading, divided: str, weighed: str
) -> None:
    assert reading(OF_A_GROUP.format(divided=divided))["normalise"].value == weighed


TAIL = """
import torch
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
count = 0
for epoch in range(3):
    {first}
    for step, batch in enumerate(loader):
        (model(batch) / 4).backward()
        count += 1
        if {test}:
            optimizer.step()
            optimizer.zero_grad()
    {last}
"""


@pytest.mark.parametrize(
    ("test", "first", "last", "becomes"),
    [
        ("(step + 1) % 4 == 0", "pass", "pass", "leak"),
        ("(step + 1) % 4 == 0 or step + 1 == len(loader)", "pass", "pass", "flush"),
        ("(step + 1) % 4 == 0", "optimizer.zero_grad()", "pass", "drop"),
        ("(step + 1) % 4 == 0", "pass", "optimizer.zero_grad()", "drop"),
        ("(step + 1) % 4 == 0", "pass", "optimizer.step(); optimizer.zero_grad()", "flush"),
    ],
)
def test_what_becomes_of_a_tail(
    reading: Reading, test: str, first: str, last: str, becomes: str
) -> None:
    recipe = reading(TAIL.format(test=test, first=first, last=last))

    assert recipe["tail"].value == becomes
    leaks = "accum_tail_leaks" in {one.code for one in recipe.hazards}
    assert leaks is (becomes == "leak")
    assert told(recipe).get("batch.tail", "flush") == becomes


def test_groups_over_the_end_of_an_epoch_are_asked_for(reading: Reading) -> None:
    recipe = reading(TAIL.format(test="count % 4 == 0", first="pass", last="pass"))

    assert "micro-batches of both" in asked(recipe)["batch.tail"]


GATHERED = """
import torch
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
def groups(left):
    {own}
    for number, batch in enumerate(load(), 1):
        left.append(batch)
        if number % 4 == 0:
            yield list(left)
            left.clear()
    {rest}
left = []
for epoch in range(3):
    for group in groups(left):
        for batch in group:
            (model(batch) / 4).backward()
        optimizer.step()
        optimizer.zero_grad()
"""


@pytest.mark.parametrize(
    ("own", "rest", "becomes"),
    [
        ("pass", "pass", "leak"),
        ("left = []", "pass", "drop"),
        ("left = []", "if left:\n        yield left", "flush"),
    ],
)
def test_what_a_gathered_group_leaves(reading: Reading, own: str, rest: str, becomes: str) -> None:
    recipe = reading(GATHERED.format(own=own, rest=rest))

    assert recipe["accumulate"].value == 4
    assert recipe["tail"].value == becomes


@pytest.mark.parametrize(
    ("criterion", "loss", "amount"),
    [
        ("label_smoothing=0.1", "losses.backward()", 0.1),
        ("None, None, -100, None, 'mean', 0.2", "losses.backward()", 0.2),
        ("", "losses.backward()", None),
        (
            "label_smoothing=0.1",
            "F.cross_entropy(model(inputs), labels, label_smoothing=0.3).backward()",
            0.3,
        ),
    ],
)
def test_how_targets_are_smoothed(
    reading: Reading, criterion: str, loss: str, amount: float | None
) -> None:
    recipe = loop(reading, loss, criterion, 1)

    assert recipe["label_smoothing"].value == amount
    assert told(recipe).get("loss.label_smoothing") == amount


SOFT = """
import paddle
import paddle.nn.functional as F
model = paddle.nn.Linear(2, 2)
optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
for epoch in range(3):
    for inputs, labels in loader:
        labels = F.label_smooth(F.one_hot(labels, 2){epsilon})
        F.cross_entropy(model(inputs), labels, soft_label=True).backward()
        optimizer.step()
        optimizer.clear_grad()
"""


@pytest.mark.parametrize(("epsilon", "amount"), [("", 0.1), (", epsilon=0.2", 0.2)])
def test_targets_smoothed_before_the_loss(reading: Reading, epsilon: str, amount: float) -> None:
    assert told(reading(SOFT.format(epsilon=epsilon)))["loss.label_smoothing"] == amount


@pytest.mark.parametrize(
    "loss",
    [
        "(losses + F.cross_entropy(model(inputs), labels, label_smoothing=0.3)).backward()",
        "F.cross_entropy(model(inputs), labels, label_smoothing=amount()).backward()",
    ],
)
def test_smoothing_that_cannot_be_told_is_asked_for(reading: Reading, loss: str) -> None:
    assert "loss.label_smoothing" in asked(loop(reading, loss))
