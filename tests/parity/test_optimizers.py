"""Paddle against torch on identical recorded gradients, and docs/optimizers.md kept true."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any, get_args

import numpy as np
import paddle
import pytest
import torch

import dualtrain_paddle
import dualtrain_torch
from benchmarks.recorded_gradients import BARS, CASES, WIDER, Distance, Dtype, distance
from docs.make_optimizer_table import NOT_USED, PAGE, STATED, class_of, told
from dualtrain import build_optimizer
from dualtrain.optimizers import RULES
from tests import builders

UPDATES = 50


def excess(case: str, dtype: Dtype, found: Distance) -> str | None:
    """What breaks the bar, or does not need the wider one that it was given."""
    bar, (wider, _) = BARS[dtype], WIDER.get((case, dtype), (BARS[dtype], ""))
    if found.relative > wider:
        return f"{case}, {dtype}: {found.relative:.1e} apart, bar {wider:.0e}"
    if wider > bar >= found.relative:
        return f"{case}, {dtype}: {found.relative:.1e} needs no wider bar than {bar:.0e}"
    return None


@pytest.mark.parametrize("dtype", get_args(Dtype))
@pytest.mark.parametrize("case", CASES)
def test_only_rounding_parts_the_two(case: str, dtype: Dtype) -> None:
    found = distance(case, dtype, UPDATES)
    assert excess(case, dtype, found) is None
    if STATED[case][2] == "exact":
        assert found == Distance(relative=0.0, equal=1.0)


@pytest.mark.parametrize("case", NOT_USED)
def test_another_formula_is_found(case: str) -> None:
    """torch's own class, which has its eps elsewhere."""
    found = distance(case, "float64", UPDATES, instead=NOT_USED[case][1])
    assert str(excess(case, "float64", found)).endswith("apart, bar 1e-13")
    assert found.relative > 0.1


def test_a_wider_bar_that_is_not_needed_is_found() -> None:
    found = Distance(relative=1e-14, equal=0.5)
    assert "needs no wider bar" in str(excess("nadam", "float64", found))
    assert excess("adam", "float64", found) is None


def test_the_page_is_about_these_cases_and_rules() -> None:
    """Its numbers are within the bars too, and its rules are the spec's own words."""
    assert STATED.keys() == {*CASES, *(label for label, _ in NOT_USED.values())}
    for case in CASES:
        *numbers, _ = STATED[case]
        for dtype, number in zip(get_args(Dtype), numbers, strict=True):
            assert excess(case, dtype, Distance(relative=number, equal=0.0)) is None
    text = PAGE.read_text(encoding="utf-8")
    assert [m.__name__ for m in RULES if inspect.cleandoc(m.__doc__ or "") not in text] == []


def test_a_page_written_again_keeps_what_only_rounds_otherwise() -> None:
    """Without fused multiply-add SGD rounds alike on both sides."""
    equal, apart = Distance(relative=0.0, equal=1.0), Distance(relative=2e-5, equal=0.0)
    assert [*told("sgd", "sgd", (equal, equal)), class_of("sgd", equal, equal)] == [*STATED["sgd"]]
    assert [*told("sgd", "sgd", (apart, equal))] == [2e-5, STATED["sgd"][1]]
    assert [*told("sgd", "new", (equal, equal)), class_of("new", equal, equal)] == [0, 0, "exact"]
    assert class_of("rprop", equal, apart) == "rounding"


spec_of = partial(
    builders.spec_of,
    optimizer={"name": "momentum", "lr": 0.5, "momentum": 0.5},
    duration={"updates": 1},
)


WIRED = {
    "weight_decay": {"value": 0.5, "kind": "coupled"},
    "lr_multipliers": [{"pattern": "*", "multiplier": 4.0}],
}


def moved(model: Any, optimizer: Any) -> float:
    """How far the first bias moves down with gradients of 1."""
    before = model.bias.numpy().copy()
    for parameter in model.parameters():
        parameter.grad = paddle.ones_like(parameter)
    optimizer.step()
    return float((before - model.bias.numpy())[0])


def test_a_native_paddle_optimizer_inherits_nothing_from_ours() -> None:
    model = dualtrain_paddle.build_linear(2, 2)
    model.bias.set_value(np.ones(2, np.float32))
    ours = build_optimizer(spec_of(**WIRED), model)
    assert moved(model, ours) == 0.5 * 4.0 * (1 + 0.5)
    native = paddle.optimizer.Momentum(0.5, 0.5, parameters=model.parameters())
    assert moved(model, native) == 0.5


@pytest.mark.parametrize(
    ("name", "cls"), [("adamw", paddle.optimizer.AdamW), ("sgd", paddle.optimizer.SGD)]
)
def test_what_paddle_gets_is_its_own_class(name: str, cls: Any) -> None:
    """For scalers, decorators and scripts that ask what an optimizer is."""
    spec = spec_of(optimizer={"name": name, "lr": 0.5})
    made = build_optimizer(spec, dualtrain_paddle.build_linear(2, 2))
    assert isinstance(made, cls)
    assert type(made).__name__ == cls.__name__


def test_paddles_state_is_named_after_its_parameter_alone() -> None:
    """The third optimizer on a model names its state like the first."""
    model = dualtrain_paddle.build_linear(2, 2)
    for _ in range(2):
        moved(model, build_optimizer(spec_of(), model))
    third = build_optimizer(spec_of(), model)
    moved(model, third)
    assert sorted(third.state_dict()) == sorted(
        f"{parameter.name}_velocity_0" for parameter in model.parameters()
    )


def test_torchs_groups_are_by_decay_and_multiplier() -> None:
    """The first group carries the base rate; what a checkpoint holds is native."""
    model = dualtrain_torch.build_linear(2, 2)
    made = build_optimizer(spec_of(**WIRED), model)
    assert type(made) is torch.optim.SGD
    assert [(len(g["params"]), g["lr"], g["weight_decay"]) for g in made.param_groups] == [
        (0, 0.5, 0.0),
        (2, 2.0, 0.5),
    ]
