"""The table of native schedules is complete, true and written down in docs/schedules.md."""

from __future__ import annotations

import inspect
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import paddle
import pytest
import torch

from tests.parity.measure_schedules import RATES, Measured, measure, measure_row, module_of
from tests.parity.native_schedules import MODULES, TRANSFORMERS, rows

DOCS = Path(__file__).parents[2] / "docs"
BASES = (paddle.optimizer.lr.LRScheduler, torch.optim.lr_scheduler.LRScheduler)


@pytest.fixture(scope="module")
def measured() -> list[Measured]:
    return measure()


def schedules_of(module: str) -> set[str]:
    """Public schedule classes, and functions that give a schedule, which the module defines."""

    def is_schedule(name: str, value: Any) -> bool:
        if inspect.isclass(value):
            return issubclass(value, BASES)
        return inspect.isfunction(value) and name.startswith("get_") and "schedule" in name

    return {
        name
        for name, value in vars(module_of(module)).items()
        if not name.startswith("_")
        and getattr(value, "__module__", None) == module
        and is_schedule(name, value)
    }


@pytest.mark.parametrize("module", MODULES)
def test_no_native_schedule_is_missing(module: str) -> None:
    table = {row.call.name for row in rows(RATES[0]) if row.call.module == module}
    assert schedules_of(module) == table


def test_every_name_that_get_scheduler_takes_is_in_the_table() -> None:
    table = {row.call.name for row in rows(RATES[0]) if row.call.module == TRANSFORMERS}
    named = module_of(TRANSFORMERS).TYPE_TO_SCHEDULER_FUNCTION.values()
    assert {function.__name__ for function in named} <= table


def test_every_row_is_in_the_class_that_is_expected(measured: list[Measured]) -> None:
    """A row that has become exact fails too: its reason is no longer needed."""
    found = [(str(m.row.call), m.found, m.past) for m in measured]
    expected = [(str(m.row.call), m.row.expected, bool(m.row.past)) for m in measured]
    assert expected == found


def test_what_is_not_exact_has_a_reason() -> None:
    for row in rows(RATES[0]):
        assert (row.expected == "exact") == (not row.because), row.call


def test_what_is_refused_has_no_spec() -> None:
    for row in rows(RATES[0]):
        assert (row.expected == "refused") == (not row.spec), row.call


def test_paddles_warmup_around_reduce_on_plateau_is_no_schedule() -> None:
    """Refused: the rate falls though nobody reported a metric, since the update's number rises."""
    inner = paddle.optimizer.lr.ReduceOnPlateau(0.1, patience=1)
    schedule = paddle.optimizer.lr.LinearWarmup(inner, 2, 0.0, 0.1)
    rates = []
    for _ in range(8):
        rates.append(schedule())
        schedule.step()
    assert rates == pytest.approx([0.0, 0.05, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize(
    ("gamma", "found"),
    [(0.999, "exact"), (0.999 + 2**-53, "rounded"), (0.999 + 1e-9, "different")],
)
def test_the_measurement_objects(gamma: float, found: str) -> None:
    """To one bit of gamma, and to a rate that no rounding explains."""
    row = next(
        row for row in rows(0.1) if str(row.call).endswith("(learning_rate=0.1, gamma=0.999)")
    )
    wrong = replace(row, spec={"schedule": {"name": "exponential", "gamma": gamma}})
    assert measure_row([(0.1, wrong)]).found == found


def test_the_measurement_objects_to_another_momentum() -> None:
    row = next(row for row in rows(0.1) if row.momentum == 0.95)
    momentum = {"low": 0.85, "high": 0.95}
    for low, found in ((0.85, "rounded"), (0.86, "different")):
        schedule = row.spec["schedule"] | {"momentum": momentum | {"low": low}}
        assert measure_row([(0.1, replace(row, spec={"schedule": schedule}))]).found == found


def test_the_page_is_up_to_date(measured: list[Measured]) -> None:
    page = runpy.run_path(str(DOCS / "make_schedule_table.py"))["page"]
    assert (DOCS / "schedules.md").read_text(encoding="utf-8") == page(measured)
