"""The lowest rate beside multipliers: torch keeps it for every group, Paddle multiplies it.

Expected rates are the closed form of a cosine of 10 updates from 1e-2 down to 1e-3, in numpy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain import build_optimizer, build_schedule
from dualtrain.backend import load_backend
from dualtrain.plan import Plan
from tests.builders import spec_of

LR, LEAST, T = 1e-2, 1e-3, 10
WAVE = (1 + np.cos(np.pi * np.arange(T + 1) / T)) / 2
ONE = LEAST + (LR - LEAST) * WAVE
"""Of the group whose multiplier is 1."""


def torch_rates(schedule: Any, optimizer: Any) -> list[list[float]]:
    rates = []
    for _ in range(T + 1):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    return list(map(list, zip(*rates, strict=True)))


def two_groups() -> Any:
    first, second = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    return torch.optim.SGD([{"params": [first]}, {"params": [second], "lr": LR / 10}], lr=LR)


def test_torchs_cosine_ends_at_the_same_rate_in_every_group() -> None:
    """LEAST itself: ten times the tenth of it."""
    optimizer = two_groups()
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=T, eta_min=LEAST)
    first, second = torch_rates(schedule, optimizer)
    assert first == pytest.approx(ONE, rel=1e-12)
    assert second == pytest.approx(LEAST + (LR / 10 - LEAST) * WAVE, rel=1e-12)
    assert second[-1] == pytest.approx(first[-1], rel=1e-12)


def test_torchs_plateau_holds_every_group_at_the_same_rate() -> None:
    optimizer = two_groups()
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.1, patience=0, min_lr=LEAST / 2
    )
    for _ in range(6):
        optimizer.step()
        schedule.step(1.0)
    assert [group["lr"] for group in optimizer.param_groups] == [LEAST / 2, LEAST / 2]


def test_transformers_polynomial_multiplies() -> None:
    """Its schedules are factors: the lowest rate is as many times smaller as the rate."""
    from transformers import get_polynomial_decay_schedule_with_warmup

    optimizer = two_groups()
    schedule = get_polynomial_decay_schedule_with_warmup(optimizer, 0, T, lr_end=LEAST, power=1)
    first, second = torch_rates(schedule, optimizer)
    assert (first[-1], second[-1]) == pytest.approx((LEAST, LEAST / 10), rel=1e-12)


def moved_by_paddle(optimizer: Any, schedule: Any, parameters: list[Any]) -> list[list[float]]:
    """The rates that Paddle's SGD uses: how far a gradient of 1 moves each parameter from 0."""
    rates = []
    for _ in range(T + 1):
        for parameter in parameters:
            parameter.set_value(paddle.zeros([1]))
        total: Any = sum(parameter.sum() for parameter in parameters)
        total.backward()
        optimizer.step()
        optimizer.clear_grad()
        schedule.step()
        rates.append([-float(parameter) for parameter in parameters])
    return list(map(list, zip(*rates, strict=True)))


def test_paddle_multiplies() -> None:
    parameters = [paddle.create_parameter([1], "float32") for _ in range(2)]
    schedule = paddle.optimizer.lr.CosineAnnealingDecay(LR, T_max=T, eta_min=LEAST)
    groups: list[Any] = [
        {"params": [p], "learning_rate": m} for p, m in zip(parameters, (1, 0.1), strict=True)
    ]
    optimizer = paddle.optimizer.SGD(schedule, parameters=groups)
    first, second = moved_by_paddle(optimizer, schedule, parameters)
    assert first == pytest.approx(ONE, rel=1e-6)
    assert second == pytest.approx(ONE / 10, rel=1e-6)


@pytest.mark.parametrize("name", ["torch", "paddle"])
def test_dualtrain_multiplies_on_both(name: str) -> None:
    """By what the weights of an SGD move: the floor times the multiplier."""
    backend = load_backend(name)
    spec = spec_of(
        optimizer={"name": "sgd", "lr": LR},
        schedule={"name": "cosine_annealing", "min_lr": LEAST},
        duration={"updates": T},
        lr_multipliers=[{"pattern": "bias", "multiplier": 0.1}],
    )
    model = backend.build_linear(3, 2)
    optimizer = build_optimizer(spec, model)
    schedule = build_schedule(Plan.of(spec, micro_batches_per_epoch=1), optimizer)
    zeros = {"weight": np.zeros((2, 3), np.float32), "bias": np.zeros(2, np.float32)}
    moved = []
    for _ in range(T + 1):
        backend.load_weights(model, zeros)
        (model.weight.sum() + model.bias.sum()).backward()
        optimizer.step()
        backend.clear_gradients(optimizer)
        schedule.step()
        after = backend.dump_weights(model)
        moved.append((-after["weight"].mean(), -after["bias"].mean()))
    weight, bias = np.array(moved, np.float64).T
    assert weight == pytest.approx(ONE, rel=1e-6)
    assert bias == pytest.approx(ONE / 10, rel=1e-6)
