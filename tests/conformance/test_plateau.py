"""reduce_on_plateau on every backend: the same metrics give the same rates, to the last bit."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain import Spec, build_optimizer, build_schedule, fit, start
from dualtrain.backend import Backend
from dualtrain.errors import MetricError, PlanError
from dualtrain.plan import Plan
from dualtrain.trace import read_trace
from dualtrain.training import train
from tests.builders import PLATEAU, plateau_spec, spec_of
from tests.tasks import small_spec, write_task

METRICS = [3.0, 2.0, 2.0, 2.5]


@pytest.fixture
def linear(backend: Backend) -> Any:
    return backend.build_linear(3, 2)


def batches(count: int = 2) -> list[dict[str, Any]]:
    random = np.random.RandomState(0)
    return [
        {"x": random.randn(4, 3).astype("float32"), "labels": random.randint(0, 2, 4)}
        for _ in range(count)
    ]


def classify(backend: Backend) -> Any:
    """A loss for a bare Linear, whose input both frameworks name differently."""

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    return loss


def rates(backend: Backend, model: Any, spec: Spec, metrics: list[float]) -> list[float]:
    """The rate of each update, two an epoch; fit asks for one metric between two epochs."""
    coming = iter(metrics)
    updates = fit(spec, model, batches(), loss=classify(backend), metric=lambda model: next(coming))
    assert list(coming) == []
    return [update.lr for update in updates]


def test_the_rate_falls_with_the_first_update_after_the_metric(
    backend: Backend, linear: Any
) -> None:
    assert rates(backend, linear, plateau_spec(), METRICS) == [
        *(0.1, 0.1),  # then 3.0: the first is the best
        *(0.1, 0.1),  # then 2.0: better
        *(0.1, 0.1),  # then 2.0: no better
        *(0.05, 0.05),  # then 2.5: worse
        *(0.025, 0.025),
    ]


def test_the_rate_is_used_to_the_last_bit(backend: Backend, linear: Any) -> None:
    """Not as the base rate times rate / base rate, which rounds."""
    twice_cut = 0.1 * 0.75 * 0.75
    assert 0.1 * (twice_cut / 0.1) != twice_cut
    spec = plateau_spec(factor=0.75, duration={"epochs": 4})
    assert rates(backend, linear, spec, [1.0, 1.0, 1.0])[-1] == twice_cut


def test_warmup_comes_first_and_looks_at_no_metric(backend: Backend, linear: Any) -> None:
    spec = plateau_spec(warmup={"steps": 4})
    assert rates(backend, linear, spec, [1.0, 2.0, 2.0, 2.0]) == [
        *(0.0, 0.025),  # then 1.0, within warmup: not looked at
        *(0.05, 0.1 * 0.75),  # then 2.0: the first, and so the best
        *(0.1, 0.1),  # then 2.0: no better
        *(0.05, 0.05),
        *(0.025, 0.025),
    ]


def test_the_trace_records_the_rates(backend: Backend, linear: Any, tmp_path: Path) -> None:
    coming = iter(METRICS)
    trace = tmp_path / "trace.jsonl"
    loss = classify(backend)
    fit(plateau_spec(), linear, batches(1), loss=loss, metric=lambda _: next(coming), trace=trace)
    recorded = [update.lr for update in read_trace(trace).updates]
    assert recorded == [0.1, 0.1, 0.1, 0.05, 0.025]


def test_a_loop_of_ones_own_reports(backend: Backend, linear: Any) -> None:
    run = start(plateau_spec(), linear, micro_batches_per_epoch=1)
    part = backend.to_device(batches(1)[0], run.device)
    used = []
    for metric in METRICS:
        done = run.step(classify(backend)(linear, part), divisor=4)
        assert done is not None
        used.append(done.lr)
        run.report(metric)
    assert used == [0.1, 0.1, 0.1, 0.05]


def test_metrics_before_the_first_update_count(backend: Backend, linear: Any) -> None:
    run = start(plateau_spec(), linear, micro_batches_per_epoch=1)
    run.report(1.0)
    run.report(1.0)
    part = backend.to_device(batches(1)[0], run.device)
    done = run.step(classify(backend)(linear, part), divisor=4)
    assert done is not None
    assert done.lr == 0.05


def test_a_multiplier_multiplies_the_rate_that_metrics_left(backend: Backend, linear: Any) -> None:
    """A gradient of 1 with plain SGD: a parameter moves by its own rate."""
    spec = spec_of(
        optimizer={"name": "sgd", "lr": 0.5},
        schedule=PLATEAU,
        lr_multipliers=[{"pattern": "bias", "multiplier": 0.5}],
    )
    run = start(spec, linear, micro_batches_per_epoch=1)
    multipliers = {"bias": 0.5, "weight": 1.0}
    assert backend.effective_lr_multiplier(run.optimizer, linear) == multipliers
    weights = {"weight": np.ones((2, 3), np.float32), "bias": np.zeros(2, np.float32)}
    backend.load_weights(linear, weights)
    moved = []
    for _ in range(2):
        before = backend.dump_weights(linear)
        run.step(linear.weight.sum() + linear.bias.sum())
        after = backend.dump_weights(linear)
        moved.append({name: float((before[name] - after[name]).max()) for name in before})
        run.report(1.0)
        run.report(1.0)
    assert moved == [{"weight": 0.5, "bias": 0.25}, {"weight": 0.25, "bias": 0.125}]
    assert backend.effective_lr_multiplier(run.optimizer, linear) == multipliers


def test_training_goes_on_in_training_mode(backend: Backend, linear: Any) -> None:
    modes = []

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        modes.append(model.training)
        return classify(backend)(model, tensors)

    def metric(model: Any) -> float:
        model.eval()
        return 1.0

    fit(plateau_spec(duration={"epochs": 2}), linear, batches(1), loss=loss, metric=metric)
    assert modes == [True, True]


@pytest.mark.parametrize("metric", [math.nan, math.inf, -math.inf, None, "0.5", [0.5], 10**400])
@pytest.mark.parametrize("warmup", [None, {"steps": 4}])
def test_a_metric_that_is_not_finite_is_refused(
    backend: Backend, linear: Any, metric: Any, warmup: dict[str, Any] | None
) -> None:
    """During warmup too: training has gone wrong then already."""
    run = start(plateau_spec(warmup=warmup), linear, micro_batches_per_epoch=1)
    received = re.escape(str(metric))
    with pytest.raises(MetricError, match=f"must be a finite number. Received: {received}$"):
        run.report(metric)


CONSTANT = spec_of(duration={"epochs": 1})


def test_a_schedule_without_a_metric_takes_none(backend: Backend, linear: Any) -> None:
    only = "a metric is for the schedule 'reduce_on_plateau' only. Received: "
    with pytest.raises(MetricError, match=f"^{only}one, with the schedule 'constant'$"):
        fit(CONSTANT, linear, batches(), loss=classify(backend), metric=lambda model: 1.0)
    with pytest.raises(MetricError, match=rf"^{only}2\.0, with the schedule 'constant'$"):
        start(CONSTANT, linear, micro_batches_per_epoch=1).report(2.0)


def test_fit_needs_a_metric(backend: Backend, linear: Any) -> None:
    with pytest.raises(MetricError, match=r"^the schedule 'reduce_on_plateau' needs a metric"):
        fit(plateau_spec(), linear, batches(), loss=classify(backend))


def test_the_schedule_alone_is_refused(backend: Backend, linear: Any) -> None:
    spec = plateau_spec()
    optimizer = build_optimizer(spec, linear)
    with pytest.raises(PlanError, match="depend on the metrics that training reports"):
        build_schedule(Plan.of(spec, micro_batches_per_epoch=1), optimizer)


def test_a_task_reports_its_held_out_loss(backend: Backend, tmp_path: Path) -> None:
    """With a threshold that no loss is better by, each epoch but the first cuts the rate."""
    write_task(tmp_path)
    rule = plateau_spec(threshold_mode="abs", threshold=100.0).schedule.model_dump()
    spec = small_spec(tmp_path, schedule=rule, warmup=None, duration={"epochs": 4})
    train(spec, backend.NAME, trace=tmp_path / "trace.jsonl")
    recorded = [update.lr for update in read_trace(tmp_path / "trace.jsonl").updates]
    assert recorded == [5e-3] * 8 + [2.5e-3] * 4 + [1.25e-3] * 4
