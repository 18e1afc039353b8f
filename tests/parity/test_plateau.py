"""The core's reduce_on_plateau beside torch's and Paddle's own classes, and in both frameworks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from paddle.optimizer.lr import ReduceOnPlateau
from torch.optim.lr_scheduler import ReduceLROnPlateau

from dualtrain import fit
from dualtrain.backend import backend_of, load_backend
from dualtrain.parity import compare_files
from dualtrain.plan import Plan, Plateau
from dualtrain.testing import assert_update_parity
from tests.builders import plateau_spec

Rule = dict[str, Any]


def ours(rule: Rule, lr: float, metrics: list[float]) -> list[float]:
    plateau = Plateau(Plan.of(plateau_spec(lr, **rule), micro_batches_per_epoch=1))
    rates = []
    for t, metric in enumerate(metrics):
        plateau.report(metric, t)
        rates.append(plateau.rate_at(t))
    return rates


def torchs(rule: Rule, lr: float, metrics: list[float]) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr)
    schedule = ReduceLROnPlateau(optimizer, **rule)
    rates = []
    for metric in metrics:
        schedule.step(metric)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def paddles(rule: Rule, lr: float, metrics: list[float]) -> list[float]:
    named = {"epsilon" if name == "eps" else name: value for name, value in rule.items()}
    schedule = ReduceOnPlateau(lr, **named)
    rates = []
    for metric in metrics:
        schedule.step(metric)
        rates.append(schedule())
    return rates


rules = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["min", "max"]),
        "factor": st.floats(0.01, 0.99),
        "patience": st.integers(0, 4),
        "threshold": st.sampled_from([0.0, 1e-4, 0.1]) | st.floats(0, 0.9),
        "threshold_mode": st.sampled_from(["rel", "abs"]),
        "cooldown": st.integers(0, 4),
        "min_lr": st.sampled_from([0.0, 1e-7]),
        "eps": st.sampled_from([0.0, 1e-8, 1e-3]),
    }
)
metrics = st.lists(
    st.sampled_from([0.5, 0.9, 1.0, 1.1, 2.0, -1.0]) | st.floats(-1e6, 1e6), max_size=60
)


@settings(max_examples=400)
@given(rule=rules, lr=st.floats(1e-6, 1.0), metrics=metrics)
def test_every_rate_is_torchs(rule: Rule, lr: float, metrics: list[float]) -> None:
    assert ours(rule, lr, metrics) == torchs(rule, lr, metrics)


def noisy_series(cooldown: int) -> Iterator[tuple[Rule, float, list[float]]]:
    """300 rules, each with 60 metrics that get better, with noise."""
    for seed in range(300):
        source = random.Random(seed)
        mode, noise = source.choice(["min", "max"]), source.choice([0.01, 0.1, 1.0])
        better = -1.0 if mode == "max" else 1.0
        rule = {
            "mode": mode,
            "factor": source.uniform(0.1, 0.9),
            "patience": source.randint(0, 3),
            "threshold": source.choice([0.0, 1e-4, 0.05]),
            "threshold_mode": source.choice(["rel", "abs"]),
            "cooldown": cooldown,
            "min_lr": source.choice([0.0, 1e-5]),
            "eps": 1e-8,
        }
        values = [better * (2 / (1 + 0.2 * i) + source.gauss(0.0, noise)) for i in range(60)]
        yield rule, source.choice([0.1, 5e-5, 3e-4]), values


PADDLE_DIFFERS = {
    1: "Paddle looks at no metric while it cools down: a best one in that time is forgotten, and "
    "the first bad one after it counts one metric later",
    3: "as above",
}
"""cooldown -> why the rates of some series are not Paddle's."""


@pytest.mark.parametrize("cooldown", [0, *PADDLE_DIFFERS])
def test_every_rate_is_paddles_without_a_cooldown(cooldown: int) -> None:
    differing = [1 for s in noisy_series(cooldown) if ours(*s) != paddles(*s)]
    assert bool(differing) == (cooldown in PADDLE_DIFFERS), f"{len(differing)} of 300 series"


def test_a_best_metric_while_cooling_down_is_remembered() -> None:
    rule = {"mode": "min", "factor": 0.5, "patience": 0, "cooldown": 1, "eps": 0.0}
    column = [
        # metric, ours and torch's, Paddle's
        (3.0, 0.1, 0.1),
        (3.0, 0.05, 0.05),  # no better: cut, and one metric of cooling down
        (1.0, 0.05, 0.05),  # better: Paddle does not look at it
        (2.0, 0.025, 0.05),  # no better than 1; to Paddle better than 3
    ]
    values = [metric for metric, _, _ in column]
    rule |= {"threshold": 0.0, "threshold_mode": "rel", "min_lr": 0.0}
    assert ours(rule, 0.1, values) == torchs(rule, 0.1, values) == [rate for _, rate, _ in column]
    assert paddles(rule, 0.1, values) == [rate for _, _, rate in column]


def traced(name: str, metrics: list[float], folder: Path) -> Path:
    """A linear model, one update an epoch, given metrics."""
    backend, coming = load_backend(name), iter(metrics)
    model = backend.build_linear(3, 2)
    weights = {"weight": np.ones((2, 3), np.float32), "bias": np.zeros(2, np.float32)}
    backend.load_weights(model, weights)

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    batch = {"x": np.eye(2, 3, dtype=np.float32), "labels": np.array([0, 1])}
    trace = folder / f"{name}.trace.jsonl"
    fit(plateau_spec(), model, [batch], loss=loss, metric=lambda _: next(coming), trace=trace)
    return trace


def test_both_frameworks_agree_on_the_same_metrics(tmp_path: Path) -> None:
    metrics = [3.0, 2.0, 2.0, 2.5]
    comparison = compare_files(*(traced(name, metrics, tmp_path) for name in ("torch", "paddle")))
    assert comparison.first is None


def test_a_metric_of_the_model_in_ci() -> None:
    """The weights grow, so that the second metric and each later one cut the rate."""
    models = [load_backend(name).build_linear(3, 2) for name in ("torch", "paddle")]

    def metric(model: Any) -> float:
        return float(np.square(backend_of(model).dump_weights(model)["weight"]).sum())

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return -(model(tensors["x"]) ** 2).sum()

    comparison = assert_update_parity(
        plateau_spec(), models, [{"x": np.eye(2, 3, dtype=np.float32)}], loss=loss, metric=metric
    )
    assert [update.lr for update in comparison.a.updates] == [0.1, 0.1, 0.05, 0.025, 0.0125]


def test_another_metric_shows_as_another_rate(tmp_path: Path) -> None:
    traces = [
        traced("torch", [3.0, 2.0, 1.0, 2.5], tmp_path),
        traced("paddle", [3.0, 2.0, 2.0, 2.5], tmp_path),
    ]
    found = compare_files(*traces).first
    assert found is not None
    assert found.stage == "learning rate"
