"""A script's rates, run with its own framework, and those of the spec that is read of it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain.plan import Plan
from dualtrain.recipes import Recipe, read_recipe
from dualtrain.recipes._as_spec import entries
from dualtrain.recipes._told import Entry, Untold
from dualtrain.spec import Spec

with warnings.catch_warnings():  # its dependencies', on import
    warnings.simplefilter("ignore")
    import paddlenlp.transformers  # noqa: F401

EPOCHS, BATCHES = 3, 8

PADDLE = """
import paddle
from paddle.optimizer.lr import *
from paddlenlp.transformers import LinearDecayWithWarmup

epochs, lr = 3, 0.05
model = paddle.nn.Linear(2, 2)
loader = paddle.io.DataLoader(data())
total = len(loader) * epochs
schedule = {schedule}
optimizer = paddle.optimizer.SGD(learning_rate={rate}, parameters=model.parameters())
done = 0
for epoch in range(epochs):
    {early}
    for number, batch in enumerate(loader):
        {before}
        model(batch).mean().backward()
        optimizer.step()
        {after}
        done += 1
        optimizer.clear_grad()
    {late}
"""

TORCH = """
import torch
from torch.optim.lr_scheduler import *
from transformers import get_linear_schedule_with_warmup

epochs, lr = 3, 0.05
model = torch.nn.Linear(2, 2)
loader = torch.utils.data.DataLoader(data())
total = len(loader) * epochs
optimizer = torch.optim.SGD(model.parameters(), lr=lr)
schedule = {schedule}
done = 0
for epoch in range(epochs):
    {early}
    for number, batch in enumerate(loader):
        {before}
        model(batch).mean().backward()
        optimizer.step()
        {after}
        done += 1
        optimizer.zero_grad()
    {late}
"""
PLACES = ("early", "before", "after", "late")

LINEAR = "LinearDecayWithWarmup(lr, total, 6)"
NATIVE = "get_linear_schedule_with_warmup(optimizer, 6, total)"
SEQUENCE = "SequentialLR(optimizer, [LinearLR(optimizer, 0.25, total_iters=5), {}], [5])"
JUMPS = "LinearWarmup({}, 5, 0.01, 0.5)"


class Samples(paddle.io.Dataset, torch.utils.data.Dataset):
    """As many as an epoch has batches."""

    def __len__(self) -> int:
        return BATCHES

    def __getitem__(self, index: int) -> np.ndarray:
        return np.ones(2, np.float32)


def run(script: str, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rate that the optimizer has at each of its updates."""
    rates: list[float] = []
    paddle_s, torch_s = paddle.optimizer.SGD.step, torch.optim.SGD.step

    def of_paddle(optimizer: Any) -> Any:
        rates.append(float(optimizer.get_lr()))
        return paddle_s(optimizer)

    def of_torch(optimizer: Any, closure: None = None) -> Any:
        rates.append(float(optimizer.param_groups[0]["lr"]))
        return torch_s(optimizer, closure)

    monkeypatch.setattr(paddle.optimizer.SGD, "step", of_paddle)
    monkeypatch.setattr(torch.optim.SGD, "step", of_torch)
    with warnings.catch_warnings():  # torch's, of a schedule stepped first
        warnings.simplefilter("ignore")
        exec(script, {"data": Samples})
    return rates


def written(script: str, **parts: str) -> str:
    return script.format(**{name: "pass" for name in PLACES} | {"rate": "schedule"} | parts)


def read(script: str, folder: Path) -> Recipe:
    path = folder / "train.py"
    path.write_text(script, encoding="utf-8")
    return read_recipe(path, root=folder)


def planned(recipe: Recipe) -> np.ndarray:
    """The rates of the spec. Nothing in it is left open."""
    tree: dict[str, Any] = {}
    for one in entries(recipe):
        assert isinstance(one, Entry), one
        part = tree
        for name in one.path[:-1]:
            part = part.setdefault(name, {})
        part[one.path[-1]] = one.value
    return Plan.of(Spec.model_validate(tree), micro_batches_per_epoch=BATCHES).lr_curve()


@pytest.mark.parametrize(
    ("script", "parts"),
    [
        # the optimizer holds a plain rate
        (PADDLE, {"schedule": LINEAR, "rate": "lr", "after": "schedule.step()"}),
        (PADDLE, {"schedule": LINEAR, "rate": "2e-4", "after": "schedule.step()"}),
        # last_epoch
        *((PADDLE, {"schedule": one, "after": "schedule.step()"}) for one in (
            "LinearDecayWithWarmup(lr, total, 6, last_epoch=0)",
            "StepDecay(lr, 5, last_epoch=0)",
            "StepDecay(lr, 5, last_epoch=3)",
            "ExponentialDecay(lr, 0.9, last_epoch=0)",
            "MultiStepDecay(lr, [4, 9], last_epoch=0)",
            "PiecewiseDecay([4, 9], [0.05, 0.02, 0.01], last_epoch=0)",
            "PolynomialDecay(lr, total, last_epoch=0)",
            "CosineAnnealingDecay(lr, total, last_epoch=0)",
            "LinearWarmup(CosineAnnealingDecay(lr, total), 6, 0.0, lr, last_epoch=0)",
            "LinearWarmup(StepDecay(lr, 5, last_epoch=0), 6, 0.0, lr)",
        )),
        (PADDLE, {"schedule": "StepDecay(lr, 1, last_epoch=0)", "late": "schedule.step()"}),
        # stepped before the update
        (PADDLE, {"schedule": LINEAR, "before": "schedule.step()"}),
        (PADDLE, {"schedule": "StepDecay(lr, 5, last_epoch=0)", "before": "schedule.step()"}),
        (PADDLE, {"schedule": "StepDecay(lr, 1)", "early": "schedule.step()"}),
        (TORCH, {"schedule": NATIVE, "before": "schedule.step()"}),
        (TORCH, {"schedule": "StepLR(optimizer, 1)", "early": "schedule.step()"}),
        # stepped with numbers
        *((PADDLE, {"schedule": LINEAR, place: f"schedule.step({number})"})
          for place in ("before", "after")
          for number in ("done", "done + 1", "epoch * len(loader) + number")),
        (PADDLE, {"schedule": "StepDecay(lr, 1)", "early": "schedule.step(epoch)"}),
        (PADDLE, {"schedule": "StepDecay(lr, 1)", "early": "schedule.step(epoch + 1)"}),
        (PADDLE, {"schedule": "StepDecay(lr, 1)", "late": "schedule.step(epoch)"}),
        (PADDLE, {"schedule": "StepDecay(lr, 1)", "late": "schedule.step(epoch + 1)"}),
        (TORCH, {"schedule": "StepLR(optimizer, 1)", "early": "schedule.step(epoch)"}),
        (TORCH, {"schedule": "StepLR(optimizer, 1)", "late": "schedule.step(epoch)"}),
        (TORCH, {"schedule": "StepLR(optimizer, 1)", "late": "schedule.step(epoch + 1)"}),
        # never stepped
        *((PADDLE, {"schedule": one}) for one in (
            "CosineAnnealingDecay(lr, total)", "StepDecay(lr, 5)",
            "PiecewiseDecay([4, 9], [0.05, 0.02, 0.01])",
            "LinearWarmup(CosineAnnealingDecay(lr, total), 6, 0.001, lr)",
            "LinearWarmup(CosineAnnealingDecay(lr, total), 6, 0.001, 0.5)",
        )),
        (PADDLE, {"schedule": LINEAR, "after": "if epochs > 99: schedule.step()"}),
        (TORCH, {"schedule": "get_linear_schedule_with_warmup(optimizer, 0, total)"}),
        (TORCH, {"schedule": "StepLR(optimizer, 5)"}),
        (TORCH, {"schedule": "ReduceLROnPlateau(optimizer)"}),
        # a rise that is an object of its own
        *((TORCH, {"schedule": one, "after": "schedule.step()"}) for one in (
            "LinearLR(optimizer, 0.25, total_iters=5)", "LinearLR(optimizer)",
            "ConstantLR(optimizer, 0.25, total_iters=5)",
            SEQUENCE.format("CosineAnnealingLR(optimizer, total - 5)"),
            SEQUENCE.format("CosineAnnealingLR(optimizer, total)"),
            SEQUENCE.format("StepLR(optimizer, 4)"),
        )),
        (PADDLE, {"schedule": "LinearLR(lr, 5)", "after": "schedule.step()"}),
        (PADDLE, {"schedule": "LinearLR(lr, 5)"}),
        # a warmup that rises to another rate
        *((PADDLE, {"schedule": JUMPS.format(one), "after": "schedule.step()"}) for one in (
            "lr", "StepDecay(lr, 4)", "PiecewiseDecay([4, 9], [0.05, 0.02, 0.01])",
            "CosineAnnealingDecay(lr, total - 5)", "PolynomialDecay(lr, 10)",
        )),
        (PADDLE, {"schedule": "LinearWarmup(StepDecay(lr, 1), 2, 0.0, 0.5)",
                  "late": "schedule.step()"}),
        (PADDLE, {"schedule": "LinearWarmup(StepDecay(lr, 4), 5, 0.01, 0.5, last_epoch=0)",
                  "after": "schedule.step()"}),
    ],
)  # fmt: skip
def test_the_spec_has_the_rates_that_the_script_trains_with(
    script: str, parts: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = written(script, **parts)
    native, recipe = run(text, monkeypatch), read(text, tmp_path)

    if not any(native):  # the rate of a spec is above 0
        (open_,) = (one for one in entries(recipe) if isinstance(one, Untold))
        assert open_.path == ("optimizer", "lr") and "0, and nothing trains" in open_.why
        return
    assert len(native) == EPOCHS * BATCHES
    np.testing.assert_allclose(planned(recipe), native, rtol=1e-12, atol=1e-17)


@pytest.mark.parametrize(
    ("script", "parts", "name"),
    [
        (PADDLE, {"schedule": "CosineAnnealingDecay(lr, total, last_epoch=5)",
                  "after": "schedule.step()"}, "shift"),
        (PADDLE, {"schedule": "StepDecay(lr, 5, last_epoch=0)",
                  "after": "schedule.step(done)"}, "shift"),
        (TORCH, {"schedule": "StepLR(optimizer, 1)", "late": "schedule.step(epoch + 2)"}, "shift"),
        (TORCH, {"schedule": "StepLR(optimizer, 1)",
                 "early": "if epoch > 1: schedule.step(epoch + 1)"}, "shift"),
        (PADDLE, {"schedule": JUMPS.format("CosineAnnealingDecay(lr, total)"),
                  "after": "schedule.step()"}, "warmup"),
        (TORCH, {"schedule": SEQUENCE.format("StepLR(optimizer, 4)").replace("[5]", "[8]"),
                 "after": "schedule.step()"}, "schedule"),
        (PADDLE, {"schedule": "LinearWarmup(LinearWarmup(lr, 3, 0.0, lr), 5, 0.0, lr)",
                  "after": "schedule.step()"}, "schedule"),
    ],
)  # fmt: skip
def test_what_no_word_says_is_left_open(
    script: str, parts: dict[str, str], name: str, tmp_path: Path
) -> None:
    told = entries(read(written(script, **parts), tmp_path))

    assert [one.path for one in told if isinstance(one, Untold)] == [(name,)]
