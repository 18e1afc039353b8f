"""The native schedules go on past their own length as the spec that is read of them says."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain.plan import Plan
from dualtrain.recipes import read_recipe
from dualtrain.recipes._as_spec import entries
from dualtrain.recipes._told import Entry
from dualtrain.spec import Spec
from tests.core.recipes.test_library_schedules import PADDLE, TORCH

with warnings.catch_warnings():  # its dependencies', on import
    warnings.simplefilter("ignore")
    from paddlenlp.transformers import LinearDecayWithWarmup

LR, EPOCHS, BATCHES = 5e-5, 3, 8


def torch_s(make: Callable[[torch.optim.Optimizer], Any]) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    schedule, rates = make(optimizer), []
    for _ in range(EPOCHS * BATCHES):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def paddle_s(schedule: Any) -> list[float]:
    rates = []
    for _ in range(EPOCHS * BATCHES):
        rates.append(float(schedule()))
        schedule.step()
    return rates


def read(script: str, schedule: str, folder: Path) -> np.ndarray:
    path = folder / "train.py"
    path.write_text(script.format(schedule=schedule, step="schedule.step()", epoch_step="pass"))
    values: dict[str, Any] = {}
    for one in entries(read_recipe(path, root=folder)):
        if isinstance(one, Entry):
            part = values
            for name in one.path[:-1]:
                part = part.setdefault(name, {})
            part[one.path[-1]] = one.value
    return Plan.of(Spec.model_validate(values), micro_batches_per_epoch=BATCHES).lr_curve()


@pytest.mark.parametrize("epochs", [1, 2, 5])
@pytest.mark.parametrize("least", [0.0, 1e-5])
def test_torch_s_cosine(epochs: int, least: float, tmp_path: Path) -> None:
    class_ = torch.optim.lr_scheduler.CosineAnnealingLR
    native = torch_s(lambda optimizer: class_(optimizer, epochs * BATCHES, least))
    text = f"CosineAnnealingLR(optimizer, {epochs} * len(loader), eta_min={least})"

    np.testing.assert_allclose(read(TORCH, text, tmp_path), native, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("epochs", [1, 2, 5])
@pytest.mark.parametrize("least", [0.0, 1e-5])
@pytest.mark.parametrize("warmup", [0, 4])
def test_paddle_s_cosine(epochs: int, least: float, warmup: int, tmp_path: Path) -> None:
    native = paddle.optimizer.lr.CosineAnnealingDecay(LR, epochs * BATCHES, eta_min=least)
    text = f"CosineAnnealingDecay(lr, {epochs} * len(loader), eta_min={least})"
    if warmup:
        native = paddle.optimizer.lr.LinearWarmup(native, warmup, 0.0, LR)
        text = f"LinearWarmup({text}, {warmup}, 0.0, lr)"

    found = read(PADDLE, text, tmp_path)
    np.testing.assert_allclose(found, paddle_s(native), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("epochs", [1, 2, 5])
def test_a_line_stays_at_its_end(epochs: int, tmp_path: Path) -> None:
    native = LinearDecayWithWarmup(LR, epochs * BATCHES, 4)
    text = f"LinearDecayWithWarmup(lr, {epochs} * len(loader), 4)"

    np.testing.assert_allclose(read(PADDLE, text, tmp_path), paddle_s(native), rtol=1e-9)
