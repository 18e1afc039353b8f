"""Moving averages of the weights: in lines of the program's own, in classes and of libraries."""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.recipes import Found
from tests.core.recipes.conftest import Reading

SCRIPT = """
import copy, math, torch
from torch import nn
model = nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
{made}
for epoch in range(3):
    for step, batch in enumerate(loader):
        (model(batch) / 2).backward()
        if (step + 1) % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()
            {at_update}
        {at_batch}
    {at_epoch}
"""


def averages(reading: Reading, made: str, **at: str) -> Found:
    places = dict.fromkeys(("at_update", "at_batch", "at_epoch"), "pass") | at
    return reading(SCRIPT.format(made=made, **places))["ema"]


SHADOW = """
class EMA:
    def __init__(self, model, decay):
        self.model, self.decay, self.shadow = model, decay, {}
    def register(self):
        for name, param in self.model.named_parameters():
            if param.requires_grad:
                self.shadow[name] = param.data.clone()
    def update(self):
        for name, param in self.model.named_parameters():
            if param.requires_grad:
                new = (1.0 - self.decay) * param.data + self.decay * self.shadow[name]
                self.shadow[name] = new.clone()
ema = EMA(model, 0.999)
ema.register()
"""
PARAMETERS = """
ema = copy.deepcopy(model)
def update(decay=0.999):
    for e, p in zip(ema.parameters(), model.parameters()):
        {line}
"""
STATE = """
ema = copy.deepcopy(model).eval()
def update(decay):
    state = model.state_dict()
    for k, v in ema.state_dict().items():
        if v.dtype.is_floating_point:
            v.copy_(v * decay + state[k].detach() * (1 - decay))
"""
BY_FUNCTION = """
class ModelEma(nn.Module):
    def __init__(self, model, decay=0.9999):
        super().__init__()
        self.module, self.decay = copy.deepcopy(model), decay
    def move(self, model, rule):
        for e, m in zip(self.module.state_dict().values(), model.state_dict().values()):
            e.copy_(rule(e, m))
    def update(self, model):
        self.move(model, rule=lambda e, m: self.decay * e + (1. - self.decay) * m)
ema = ModelEma(model, 0.999)
"""
KEYS = """
ema = copy.deepcopy(model)
keys = [k for k, _ in ema.named_parameters()]
def update():
    new, old = model.state_dict(), ema.state_dict()
    for k in keys:
        old[k].copy_(old[k] * 0.999 + (1. - 0.999) * new[k].detach())
"""
LITERALS = """
shadow = {{n: {first} for n, p in model.named_parameters()}}
def update():
    for n, p in model.named_parameters():
        shadow[n] = 0.9 * shadow[n] + 0.1 * p.data
"""
COUNTED = """
shadow, k = {n: p.clone() for n, p in model.named_parameters()}, 0
"""
MOVED = """decay = %s; k += 1
            for n, p in model.named_parameters(): shadow[n].lerp_(p.detach(), 1 - decay)"""

OF_PARAMETERS = {"decay": 0.999, "start": "initial"}
OF_ALL = {**OF_PARAMETERS, "statistics": True}


@pytest.mark.parametrize(
    ("made", "call", "words"),
    [
        (SHADOW, "ema.update()", OF_PARAMETERS),
        (
            PARAMETERS.format(line="e.mul_(decay).add_(p, alpha=1 - decay)"),
            "update()",
            OF_PARAMETERS,
        ),
        (PARAMETERS.format(line="e.mul_(decay).add_(p * (1 - decay))"), "update()", OF_PARAMETERS),
        (PARAMETERS.format(line="e.mul_(decay).add_(1 - decay, p)"), "update()", OF_PARAMETERS),
        (PARAMETERS.format(line="e.lerp_(p, 1 - decay)"), "update()", OF_PARAMETERS),
        (
            PARAMETERS.format(line="e.data = e.data * decay + p.data * (1 - decay)"),
            "update()",
            OF_PARAMETERS,
        ),
        (STATE, "update(0.999)", OF_ALL),
        (BY_FUNCTION, "ema.update(model)", OF_ALL),
        (KEYS, "update()", OF_PARAMETERS),
        (LITERALS.format(first="p.clone()"), "update()", {"decay": 0.9, "start": "initial"}),
        (LITERALS.format(first="torch.zeros_like(p)"), "update()", {"decay": 0.9, "start": "zero"}),
        (
            COUNTED,
            MOVED % "min(0.999, (1 + k) / (10 + k))",
            {**OF_PARAMETERS, "warmup": True},
        ),
        (COUNTED, MOVED % "0.999 if k else 0.0", {"decay": 0.999, "start": "first"}),
    ],
)
def test_lines_of_the_programs_own(
    reading: Reading, made: str, call: str, words: dict[str, Any]
) -> None:
    found = averages(reading, made, at_update=call)

    assert found.value == words
    assert found.certainty == "stated"


@pytest.mark.parametrize(
    ("made", "call", "why"),
    [
        (SHADOW, {"at_batch": "ema.update()"}, "not moved at each update"),
        (SHADOW, {"at_epoch": "ema.update()"}, "not moved at each update"),
        (SHADOW, {"at_update": "if step % 10 == 0: ema.update()"}, "not moved at each update"),
        (COUNTED, {"at_update": MOVED % "1 - math.exp(-k / 2000)"}, "that keep"),
        (COUNTED, {"at_update": MOVED % "min(0.99, (2 + k) / (10 + k))"}, "that keep"),
        (
            PARAMETERS.format(line="e.lerp_(p, 1 - decay)").replace(
                "copy.deepcopy(model)", "nn.Linear(2, 2)"
            ),
            {"at_update": "update()"},
            "from where they begin",
        ),
        (
            "class ModelEMA:\n    def __init__(self, model, decay):\n        self.decay = decay\n"
            "    def update(self, model):\n        self.moved = move(self, model)\n"
            "ema = ModelEMA(model, 0.99)",
            {"at_update": "ema.update(model)"},
            "ModelEMA, decay 0.99: see how it begins",
        ),
    ],
)
def test_averages_of_another_rule_are_asked_for(
    reading: Reading, made: str, call: dict[str, str], why: str
) -> None:
    found = averages(reading, made, **call)

    assert (found.value, found.certainty) == (None, "unknown")
    assert why in found.why


def test_an_average_of_the_loss_is_none(reading: Reading) -> None:
    line = "mean = 0.9 * mean + (1 - 0.9) * float(batch)"

    assert averages(reading, "mean = 0.0", at_update=line).certainty == "absent"


SWA = "from torch.optim import swa_utils\naverage = swa_utils.AveragedModel(model{words})"
EMA = ", multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.99)"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (SWA.format(words=EMA), {"decay": 0.99, "start": "first"}),
        (
            SWA.format(words=f"{EMA}, use_buffers=True"),
            {"decay": 0.99, "start": "first", "statistics": True},
        ),
        (SWA.format(words=""), None),
        (
            "from timm.utils import ModelEmaV2\naverage = ModelEmaV2(model, decay=0.99)",
            {"decay": 0.99, "start": "initial", "statistics": True},
        ),
        ("from timm.utils import ModelEmaV3\naverage = ModelEmaV3(model, decay=0.99)", None),
    ],
)
def test_classes_of_libraries(reading: Reading, made: str, words: dict[str, Any] | None) -> None:
    found = averages(reading, made, at_update="average.update_parameters(model)")

    assert found.value == words
    assert found.certainty == ("unknown" if words is None else "stated")
