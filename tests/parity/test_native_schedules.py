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

from dualtrain.native import REQUIRED, Argument, Fixed, Meaning, Row
from dualtrain.native.schedules import NATIVE_SCHEDULES
from tests.native_schedules import MODULES, TRANSFORMERS, Case, cases
from tests.parity.measure_schedules import (
    RATES,
    Measured,
    measure,
    measure_case,
    module_of,
    read,
)

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


def names(module: str) -> set[str]:
    """Those of the table."""
    split = [row.name.rpartition(".") for row in NATIVE_SCHEDULES.rows]
    return {name for around, _, name in split if around == module}


@pytest.mark.parametrize("module", MODULES)
def test_no_native_schedule_is_missing(module: str) -> None:
    assert schedules_of(module) == names(module)


def test_every_row_is_measured() -> None:
    """But for most of those of `get_scheduler`, which hands on to a function that is."""
    found = [read(case).row for case in cases(RATES[0])]
    unmeasured = [row.name for row in NATIVE_SCHEDULES.rows if not any(row is one for one in found)]
    assert {name.rpartition(".")[2] for name in unmeasured} == {"get_scheduler"}


def test_every_name_that_get_scheduler_takes_is_in_the_table() -> None:
    module = module_of(TRANSFORMERS)
    rows = [row for row in NATIVE_SCHEDULES.rows if row.name == f"{TRANSFORMERS}.get_scheduler"]
    assert {kind.value for kind in module.TYPE_TO_SCHEDULER_FUNCTION} == {
        row.fixed["name"].value for row in rows
    }


KEYWORDS: dict[str, set[str]] = {
    "get_reduce_on_plateau_schedule": {"kwargs"},
}
"""Arguments that stand for those of another function."""


@pytest.mark.parametrize(
    "row",
    [row for row in NATIVE_SCHEDULES.rows if row.equal != "refused"],
    ids=lambda row: f"{row.name}-{row.means.get('schedule.name')}",
)
def test_a_row_has_the_arguments_of_the_class_and_their_defaults(row: Row) -> None:
    module, _, name = row.name.rpartition(".")
    native = inspect.signature(getattr(module_of(module), name)).parameters
    if name in KEYWORDS:
        native = inspect.signature(torch.optim.lr_scheduler.ReduceLROnPlateau).parameters
    theirs = {key: p.default for key, p in native.items() if key != "optimizer"}
    matter: dict[str, Argument | Fixed] = {**row.arguments, **row.fixed}
    assert theirs.keys() - row.free == matter.keys()
    for key, argument in matter.items():
        if argument.default is REQUIRED:
            assert theirs[key] in (inspect.Parameter.empty, None), key
        else:
            assert argument.default == theirs[key], key


def test_every_row_is_in_the_class_that_is_expected(measured: list[Measured]) -> None:
    """A row that has become exact fails too: its reason is no longer needed."""
    found = [(str(m.case.call), m.found, m.past) for m in measured]
    expected = [(str(m.case.call), m.reading.row.equal, bool(m.reading.row.past)) for m in measured]
    assert expected == found


def test_what_is_not_exact_has_a_reason() -> None:
    for row in NATIVE_SCHEDULES.rows:
        assert (row.equal == "exact") == (not row.because), row.name


def test_what_drives_a_run_is_exact_past_the_end_too() -> None:
    driving = [row for row in NATIVE_SCHEDULES.rows if row.drives]
    assert len(driving) == 9
    assert all(row.equal == "exact" and not row.past for row in driving)


def test_paddles_warmup_around_reduce_on_plateau_is_no_schedule() -> None:
    """Refused: the rate falls though nobody reported a metric, since the update's number rises."""
    inner = paddle.optimizer.lr.ReduceOnPlateau(0.1, patience=1)
    schedule = paddle.optimizer.lr.LinearWarmup(inner, 2, 0.0, 0.1)
    rates = []
    for _ in range(8):
        rates.append(schedule())
        schedule.step()
    assert rates == pytest.approx([0.0, 0.05, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def with_words(case: Case, **changes: Any) -> tuple[Case, Meaning]:
    """The case, and another spec than the table's."""
    reading = read(case)
    words = {f"schedule.{path.replace('__', '.')}": value for path, value in changes.items()}
    return case, replace(reading, words={**reading.words, **words})


@pytest.mark.parametrize(
    ("gamma", "found"),
    [(0.999, "exact"), (0.999 + 2**-53, "rounded"), (0.999 + 1e-9, "different")],
)
def test_the_measurement_objects(gamma: float, found: str) -> None:
    """To one bit of gamma, and to a rate that no rounding explains."""
    case = next(c for c in cases(0.1) if str(c.call).endswith("(learning_rate=0.1, gamma=0.999)"))
    assert measure_case([with_words(case, gamma=gamma)]).found == found


def test_the_measurement_objects_to_another_momentum() -> None:
    case = next(c for c in cases(0.1) if c.momentum == 0.95)
    for low, found in ((0.85, "rounded"), (0.86, "different")):
        assert measure_case([with_words(case, momentum__low=low)]).found == found


def test_the_page_is_up_to_date(measured: list[Measured]) -> None:
    page = runpy.run_path(str(DOCS / "make_schedule_table.py"))["page"]
    assert (DOCS / "schedules.md").read_text(encoding="utf-8") == page(measured)
