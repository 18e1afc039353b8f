"""Rates as recipes make them from native schedules, against the words that say the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paddle
import pytest
import torch

from dualtrain_paddle import _compat
from tests.builders import plan_of

LinearDecayWithWarmup = _compat.native_schedules().LinearDecayWithWarmup

EPOCH = 7
"""Updates of an epoch."""


def paddle_rates(schedule: Any, updates: int) -> list[float]:
    """What a Paddle schedule gives, stepped after each update."""
    rates = []
    for _ in range(updates):
        rates.append(float(schedule()))
        schedule.step()
    return rates


def torch_rates(make: Callable[[Any], Any], lr: float, updates: int) -> list[float]:
    """What torch schedules give, stepped after each update."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    schedule, rates = make(optimizer), []
    for _ in range(updates):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return rates


def planned(lr: float, updates: int, **words: Any) -> list[float]:
    """What the words give."""
    words = {"duration": {"updates": updates}} | words
    plan = plan_of(EPOCH, optimizer={"name": "sgd", "lr": lr}, **words)
    return [plan.lr_at(t) for t in range(updates)]


def test_last_epoch_0_is_one_update_ahead() -> None:
    native = LinearDecayWithWarmup(0.1, 30, 5, last_epoch=0)
    words: dict[str, Any] = {"schedule": {"name": "linear"}, "warmup": {"steps": 5}}

    assert planned(0.1, 30, **words, shift=1) == paddle_rates(native, 30)


def test_stepped_before_the_optimizer() -> None:
    native, rates = LinearDecayWithWarmup(0.1, 30, 5), []
    for _ in range(30):
        native.step()
        rates.append(float(native()))
    words: dict[str, Any] = {"schedule": {"name": "linear"}, "warmup": {"steps": 5}}

    assert planned(0.1, 30, **words, shift=1) == rates


def test_not_stepped_after_the_first_update() -> None:
    native, rates = LinearDecayWithWarmup(0.1, 30, 5), []
    for step in range(30):
        rates.append(float(native()))
        if step:
            native.step()
    words: dict[str, Any] = {"schedule": {"name": "linear"}, "warmup": {"steps": 5}}

    assert planned(0.1, 30, **words, shift=-1) == rates


# Detection's recipes: milestones in epochs, warmup in iterations.
BOUNDARIES = (3 * EPOCH, 5 * EPOCH)
VALUES = (0.1, 0.01, 0.001)
PIECEWISE: dict[str, Any] = {
    "name": "piecewise",
    "boundaries": [3, 5],
    "values": list(VALUES),
    "per": "epoch",
}


def test_over_the_first_updates() -> None:
    """PaddleDetection puts the rise's rates into one PiecewiseDecay, an update each."""
    rise = [0.1 * (t / 10 + (1 - t / 10) * 0.001) for t in range(10)]
    native = paddle.optimizer.lr.PiecewiseDecay([*range(1, 11), *BOUNDARIES], [*rise, *VALUES])
    found = planned(
        0.1,
        6 * EPOCH,
        schedule=PIECEWISE,
        warmup={"updates": 10, "start": 0.001, "counted": "over"},
    )

    assert found == pytest.approx(paddle_rates(native, 6 * EPOCH), rel=1e-15)


def test_before_the_schedule() -> None:
    native = paddle.optimizer.lr.LinearWarmup(
        paddle.optimizer.lr.PiecewiseDecay(list(BOUNDARIES), list(VALUES)),
        10,
        0.0,
        0.1,
    )
    found = planned(0.1, 7 * EPOCH, schedule=PIECEWISE, warmup={"updates": 10, "counted": "before"})

    assert found == pytest.approx(paddle_rates(native, 7 * EPOCH), rel=1e-15)


def test_whole_epochs_that_rise_at_every_update() -> None:
    """As the recipes of Paddle's high-level interface: 2 epochs of warmup, in updates."""
    native = paddle.optimizer.lr.LinearWarmup(
        paddle.optimizer.lr.PiecewiseDecay(list(BOUNDARIES), list(VALUES)),
        2 * EPOCH,
        0.0,
        0.1,
    )
    found = planned(0.1, 7 * EPOCH, schedule=PIECEWISE, warmup={"epochs": 2, "counted": "before"})

    assert found == pytest.approx(paddle_rates(native, 7 * EPOCH), rel=1e-15)


def test_the_rate_jumps_where_the_rise_ends() -> None:
    """PaddleDetection's cosine counts from t = 0 beneath a linear rise."""
    cosine = paddle.optimizer.lr.CosineAnnealingDecay(0.1, T_max=42)
    rates = paddle_rates(cosine, 42)
    rates[:8] = [0.1 * t / 8 for t in range(8)]
    found = planned(
        0.1,
        42,
        schedule={"name": "cosine", "half_waves": 1},
        warmup={"steps": 8, "counted": "over"},
    )

    assert found == pytest.approx(rates, rel=1e-13, abs=1e-16)
    assert found[8] < 0.95 * 0.1


def test_a_curve_times_a_ramp() -> None:
    """torch's ChainedScheduler multiplies what its schedules give."""
    from torch.optim.lr_scheduler import ChainedScheduler, CosineAnnealingLR, LinearLR

    expected = torch_rates(
        lambda optimizer: ChainedScheduler(
            [
                CosineAnnealingLR(optimizer, T_max=42),
                LinearLR(optimizer, start_factor=0.25, total_iters=8),
            ]
        ),
        0.1,
        42,
    )
    found = planned(
        0.1,
        42,
        schedule={"name": "cosine", "half_waves": 1},
        warmup={"steps": 8, "start": 0.25, "counted": "times"},
    )

    assert found == pytest.approx(expected, rel=1e-13, abs=1e-16)


def some_lambda(t: int) -> float:
    """A rule as scripts write it."""
    return 0.1 if t < 4 else (1.0 if t < 20 else 0.7 ** (t - 19))


def test_any_lambda_is_a_table() -> None:
    """In both frameworks, to the last bit."""
    words = {"schedule": {"name": "table", "multipliers": [some_lambda(t) for t in range(40)]}}
    decay = paddle.optimizer.lr.LambdaDecay(0.03, some_lambda)

    assert planned(0.03, 40, **words) == paddle_rates(decay, 40)
    assert planned(0.03, 40, **words) == torch_rates(
        lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, some_lambda), 0.03, 40
    )


def test_a_product_is_torchs_chained_scheduler() -> None:
    from torch.optim.lr_scheduler import ChainedScheduler, ExponentialLR, StepLR

    expected = torch_rates(
        lambda optimizer: ChainedScheduler(
            [ExponentialLR(optimizer, 0.9), StepLR(optimizer, step_size=7, gamma=0.5)]
        ),
        0.1,
        30,
    )
    schedules = [
        {"name": "exponential", "gamma": 0.9},
        {"name": "step", "every": 7, "gamma": 0.5},
    ]
    found = planned(0.1, 30, schedule={"name": "product", "schedules": schedules})

    assert found == pytest.approx(expected, rel=1e-13)


def test_a_phase_that_begins_at_another_rate() -> None:
    """As a second schedule built anew at a rate of its own after the first."""
    from torch.optim.lr_scheduler import CosineAnnealingLR

    expected = [0.1] * 10 + torch_rates(
        lambda optimizer: CosineAnnealingLR(optimizer, T_max=20), 0.03, 20
    )
    phases = [
        {"schedule": {"name": "constant"}, "updates": 10},
        {"schedule": {"name": "cosine", "half_waves": 1}, "lr": 0.03},
    ]
    found = planned(0.1, 30, schedule={"name": "sequential", "phases": phases})

    assert found == pytest.approx(expected, rel=1e-13, abs=1e-16)


def test_a_cosine_laid_out_for_more_epochs_than_the_run_has() -> None:
    """As PaddleDetection's `max_epochs` beside `epoch`."""
    native = paddle.optimizer.lr.CosineAnnealingDecay(0.1, T_max=12 * EPOCH)
    found = planned(
        0.1,
        10 * EPOCH,
        schedule={"name": "cosine", "half_waves": 1},
        horizon={"epochs": 12},
        duration={"epochs": 10},
    )

    assert found == pytest.approx(paddle_rates(native, 10 * EPOCH), rel=1e-13)
