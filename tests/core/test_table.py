"""Schedules that are written down, multiplied, or begin anew at another rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dualtrain import load_spec
from dualtrain.errors import PlanError, SpecError
from dualtrain.schedules import Table
from dualtrain.spec import Spec
from tests.plans import plan_of, rates

HEAD = "optimizer: {name: sgd, lr: 0.5}\nduration: {updates: 9}\n"


class TestColumns:
    """Base rate 1/2, five updates an epoch."""

    def test_a_multiplier_for_each_update(self) -> None:
        table = {"name": "table", "multipliers": [1.0, 0.25, 3.0]}
        expected = {0: 1 / 2, 1: 1 / 8, 2: 3 / 2, 3: 3 / 2, 11: 3 / 2, 10**6: 3 / 2}
        plan = plan_of(table, warmup=None)

        assert expected == rates(plan, expected)

    def test_points_that_hold(self) -> None:
        table = {"name": "table", "multipliers": [1, 0.5, 0.0], "at": [0, 4, 6]}
        expected = {0: 1 / 2, 3: 1 / 2, 4: 1 / 4, 5: 1 / 4, 6: 0, 7: 0}
        plan = plan_of(table, warmup=None)

        assert expected == rates(plan, expected)

    def test_lines_between_points(self) -> None:
        table = {"name": "table", "multipliers": [0, 1, 0.5], "at": [0, 4, 6], "between": "linear"}
        expected = {0: 0, 1: 1 / 8, 3: 3 / 8, 4: 1 / 2, 5: 3 / 8, 6: 1 / 4, 7: 1 / 4}
        plan = plan_of(table, warmup=None)

        assert expected == rates(plan, expected)

    def test_by_epochs_after_a_warmup_of_its_own(self) -> None:
        table = {"name": "table", "multipliers": [1, 0.5], "at": [0, 2], "per": "epoch"}
        expected = {0: 0, 3: 3 / 8, 4: 1 / 2, 9: 1 / 2, 10: 1 / 4}
        plan = plan_of(table, warmup={"updates": 4, "counted": "over"})

        assert expected == rates(plan, expected)

    def test_a_product(self) -> None:
        step = {"name": "step", "every": 4, "gamma": 0.5}
        product = {"name": "product", "schedules": [{"name": "linear"}, step]}
        expected = {0: 1 / 2, 3: 9 / 24, 4: 2 / 12, 8: 1 / 24, 12: 0, 13: 0}
        plan = plan_of(product, warmup=None)

        assert pytest.approx(expected, rel=1e-15) == rates(plan, expected)

    def test_a_phase_with_a_rate_of_its_own(self) -> None:
        """Its lowest rate is below that, not below the base rate."""
        annealing = {"name": "linear_annealing", "min_lr": 0.5}
        phases = [
            {"schedule": {"name": "constant"}, "updates": 4},
            {"schedule": annealing, "lr": 2.0},
        ]
        expected = {0: 1 / 2, 3: 1 / 2, 4: 2, 8: 5 / 4, 12: 1 / 2, 13: 1 / 2}
        plan = plan_of({"name": "sequential", "phases": phases}, warmup=None)

        assert expected == rates(plan, expected)


def message(text: str, folder: Path) -> str:
    """What is said of a spec with this schedule."""
    (folder / "spec.yaml").write_text(f"{HEAD}schedule: {text}\n")
    with pytest.raises(SpecError) as caught:
        load_spec(folder / "spec.yaml")
    return str(caught.value).removeprefix(f"{folder / 'spec.yaml'}:3: schedule")


FILES = {
    "t.csv": "at,multiplier\n0,1.0\n3,0.5\n",
    "t.json": '{"multipliers": [1.0, 0.5], "at": [0, 3]}',
    "by_update.csv": "multiplier\n1\n0.5\n",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_beside_the_spec(name: str, tmp_path: Path) -> None:
    """The spec that was read holds its numbers: nothing has to be there later."""
    (tmp_path / name).write_text(FILES[name])
    path = tmp_path / "spec.yaml"
    path.write_text(f"{HEAD}schedule: {{name: table, file: {name}}}\n")
    spec = load_spec(path)
    (tmp_path / name).unlink()

    assert isinstance(spec.schedule, Table)
    at = None if name == "by_update.csv" else (0, 3)
    assert (spec.schedule.multipliers, spec.schedule.at) == ((1.0, 0.5), at)
    assert spec.schedule.file is None
    assert Spec.model_validate_json(spec.model_dump_json()) == spec


def test_a_file_in_a_phase(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(FILES["t.csv"])
    (tmp_path / "spec.yaml").write_text(
        f"{HEAD}schedule: {{name: sequential, phases: [{{schedule: {{name: table, file: t.csv}}, "
        "updates: 5}, {schedule: {name: linear}}]}\n"
    )
    spec: Any = load_spec(tmp_path / "spec.yaml")
    assert spec.schedule.phases[0].schedule.at == (0, 3)


BAD_FILES: dict[str, tuple[str, str]] = {
    "no.csv": ("", "file: must have a header of multiplier, and at if wanted. Received: "),
    "head.csv": ("0,1\n", "file: must have a header of multiplier, and at if wanted. Received: "),
    "text.csv": ("multiplier\n1\nx\n", "file: must have a number in each column, row 3. Received"),
    "short.csv": ("at,multiplier\n1\n", "file: must have a number in each column, row 2. Received"),
    "nan.csv": ("multiplier\nnan\n", "multipliers[0]: must be finite. Received: nan"),
    "low.csv": ("multiplier\n-1\n", "multipliers[0]: must be >= 0. Received: -1.0"),
    "empty.csv": ("multiplier\n", "multipliers: must have 1 or more. Received: []"),
    "late.csv": ("at,multiplier\n1,1\n", "at: must begin with 0, and each be above the last"),
    "list.json": ("[1, 2]", "file: must be a JSON object of multipliers, and at if wanted"),
    "broken.json": ("{", "file: must be JSON: "),
    "rates.txt": ("1", "file: must end in .csv or .json. Received: 'rates.txt'"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_no_table(name: str, tmp_path: Path) -> None:
    content, expected = BAD_FILES[name]
    (tmp_path / name).write_text(content)
    assert message(f"{{name: table, file: {name}}}", tmp_path).startswith(f".{expected}")


BAD: dict[str, tuple[str, str]] = {
    "a file that is not there": (
        "{name: table, file: t.csv}",
        ".file: must be readable: No such file or directory. Received: 't.csv'",
    ),
    "a folder": (
        "{name: table, file: .}",
        ".file: must be readable: a folder, not a regular file. Received: '.'",
    ),
    "both": (
        "{name: table, file: t.csv, at: [0]}",
        ".file: must be absent beside multipliers and at, which it gives. "
        "Received: {'name': 'table', 'file': 't.csv', 'at': [0]}",
    ),
    "too few points": (
        "{name: table, multipliers: [1, 2], at: [0]}",
        ".at: must be as long as multipliers. Received: 1 points, 2 multipliers",
    ),
    "points out of order": (
        "{name: table, multipliers: [1, 2, 3], at: [0, 4, 4]}",
        ".at: must begin with 0, and each be above the last. Received: [0, 4, 4]",
    ),
    "a product of one": (
        "{name: product, schedules: [{name: linear}]}",
        ".schedules: must have 2 or more. Received: [{'name': 'linear'}]",
    ),
    "two clocks": (
        "{name: product, schedules: [{name: linear}, {name: constant, per: epoch}]}",
        ".schedules[1].per: must be that of the product. "
        "Received: 'epoch', the product has 'update'",
    ),
    "a rate of its own for the first phase": (
        "{name: sequential, phases: [{schedule: {name: constant}, updates: 2, lr: 0.1}, "
        "{schedule: {name: linear}}]}",
        ".phases: must begin with optimizer.lr: leave lr out of the first. Received: lr 0.1",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_schedule_that_is_none(case: str, tmp_path: Path) -> None:
    text, expected = BAD[case]
    assert message(text, tmp_path) == expected


def test_a_file_is_read_for_a_spec_file_only() -> None:
    """A trace or a spec in Python cannot make dualtrain open one."""
    with pytest.raises(SpecError, match=r"file: must be absent: only load_spec reads one"):
        Spec(
            optimizer={"name": "sgd", "lr": 0.1},  # type: ignore[arg-type]
            schedule={"name": "table", "file": "t.csv"},  # type: ignore[arg-type]
            duration={"updates": 2},  # type: ignore[arg-type]
        )


def test_a_product_has_room_for_each(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"schedule.schedules\[1\].timescale: is needed"):
        plan_of(
            {"name": "product", "schedules": [{"name": "linear"}, {"name": "inverse_sqrt"}]},
            warmup=None,
        )
