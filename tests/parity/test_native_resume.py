"""What the frameworks themselves do with a state that is loaded before its schedule is built."""

from __future__ import annotations

import math
import warnings
from typing import Any

import paddle
import pytest
import torch

from dualtrain import build_optimizer, build_schedule
from dualtrain.plan import Plan
from tests.builders import spec_of

T, LR = 45, 1e-3


def factor(t: int) -> float:
    """Warmup of 10, then half a cosine to t = 100."""
    return t / 10 if t < 10 else (1 + math.cos(math.pi * (t - 10) / 90)) / 2


def torch_pair(state: Any = None) -> tuple[Any, Any]:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    if state is not None:
        optimizer.load_state_dict(state)
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def test_torch_leaves_the_rate_of_update_0() -> None:
    """Both states are loaded, and one update has rate 0; the next is right again."""
    optimizer, schedule = torch_pair()
    for _ in range(T):
        optimizer.step()
        schedule.step()
    again, resumed = torch_pair(optimizer.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    assert again.param_groups[0]["lr"] == 0.0
    again.step()
    resumed.step()
    assert again.param_groups[0]["lr"] == LR * factor(T + 1)


def paddle_optimizer(rate: Any) -> Any:
    return paddle.optimizer.AdamW(rate, parameters=[paddle.create_parameter([1], "float32")])


def test_paddles_optimizer_carries_the_clock_and_drops_it_without_a_schedule() -> None:
    schedule = paddle.optimizer.lr.LambdaDecay(LR, factor)
    optimizer = paddle_optimizer(schedule)
    for _ in range(T):
        schedule.step()
    state = optimizer.state_dict()
    after = paddle_optimizer(paddle.optimizer.lr.LambdaDecay(LR, factor))
    after.set_state_dict(state)
    assert after.get_lr() == LR * factor(T)
    before = paddle_optimizer(LR)
    before.set_state_dict(state)
    before.set_lr_scheduler(paddle.optimizer.lr.LambdaDecay(LR, factor))
    assert before.get_lr() == 0.0


def test_ours_keeps_the_clock_of_a_paddle_optimizer_for_the_schedule() -> None:
    """The optimizer's state is enough, before the schedule is built as after it."""
    spec = spec_of(
        optimizer={"name": "adamw", "lr": LR},
        schedule={"name": "cosine", "half_waves": 1},
        warmup={"steps": 10},
        duration={"updates": 100},
    )
    plan = Plan.of(spec, micro_batches_per_epoch=10)
    schedule = paddle.optimizer.lr.LambdaDecay(LR, factor)
    for _ in range(T):
        schedule.step()
    state = paddle_optimizer(schedule).state_dict()
    before, after = (build_optimizer(spec, paddle.nn.Linear(2, 2)) for _ in range(2))
    before.set_state_dict(state)
    build_schedule(plan, before)
    build_schedule(plan, after)
    after.set_state_dict(state)
    assert before.get_lr() == after.get_lr() == pytest.approx(LR * factor(T), rel=1e-14)
    build_schedule(plan, before)
    assert before.get_lr() == 0.0  # a second one begins anew


def test_both_bring_the_rate_of_an_older_run() -> None:
    """torch for all updates, Paddle for one."""
    old, _ = torch_pair()
    again = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=7 * LR)
    again.load_state_dict(old.state_dict())
    torch.optim.lr_scheduler.LambdaLR(again, lambda t: 1.0)
    assert again.param_groups[0]["lr"] == LR
    schedule = paddle.optimizer.lr.LambdaDecay(7 * LR, lambda t: 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedule.set_state_dict({"last_epoch": T, "last_lr": LR})
    assert schedule() == LR
    schedule.step()
    assert schedule() == pytest.approx(7 * LR)
