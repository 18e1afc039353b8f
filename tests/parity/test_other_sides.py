"""Sides other than torch and Paddle: one backend twice, other jobs, a backend from outside."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from dualtrain import Spec
from dualtrain.errors import WorkerError
from dualtrain.parity import Comparison
from dualtrain.spec import Source
from dualtrain.trace import read_trace
from dualtrain.workers import Side, Signals, Workers, run_parity
from dualtrain.workers._talk import Done, Go, Job, Progressed, Ready, Standing, Step
from tests.meta.third_backend import NAME, write_backend
from tests.tasks import number_spec, prepare, small_spec, write_numbers, write_task

pytestmark = pytest.mark.usefixtures("warm")

AGAIN = (Side("one", "torch"), Side("two", "torch"))


@pytest.fixture(scope="module")
def alike(warm_python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison]:
    """A folder with data and a report, and what was compared: one run, made twice."""
    folder = tmp_path_factory.mktemp("alike")
    write_numbers(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(warm_python))
        return folder, run_parity(number_spec(folder), report=folder / "report", sides=AGAIN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_numbers(tmp_path)
    return tmp_path


def test_torch_against_itself_is_the_same_run(alike: tuple[Path, Comparison]) -> None:
    """Bit for bit: losses, norms and the digests of the final weights."""
    folder, comparison = alike
    report = folder / "report"
    assert comparison.agrees
    own = [finding for finding in comparison.findings if finding.stage != "rule"]
    assert {finding.largest for finding in (*own, *comparison.illustration)} == {0.0}
    one, two = (read_trace(report / f"{side.name}.trace.jsonl") for side in AGAIN)
    assert one.updates == two.updates
    assert one.end is not None and two.end is not None
    assert one.end.weights_digest == two.end.weights_digest is not None
    summary = json.loads((report / "summary.json").read_text(encoding="utf-8"))
    assert [side["name"] for side in summary["sides"]] == ["one", "two"]
    assert summary["sentence"].startswith("one and two agree in ")


def test_another_rate_on_one_side_is_found(folder: Path) -> None:
    other = Side("two", "torch", spec=number_spec(folder, optimizer={"name": "adamw", "lr": 6e-3}))
    comparison = run_parity(number_spec(folder), report=folder / "report", sides=(AGAIN[0], other))
    assert comparison.first is not None
    assert (comparison.first.stage, comparison.first.knob) == ("learning rate", "optimizer.lr")
    assert (folder / "report" / "two.trace.jsonl").exists()


def test_another_plan_data_and_weights_on_one_side_are_found(folder: Path) -> None:
    """Before a side has made an update."""
    (folder / "other").mkdir()
    write_numbers(folder / "other", train=75)
    warmup = {"proportion": 0.1, "rounding": "ceil"}
    other = Side("two", "torch", spec=number_spec(folder / "other", warmup=warmup), nudge=1)
    comparison = run_parity(number_spec(folder), report=folder / "report", sides=(AGAIN[0], other))
    assert not comparison.starts_alike
    assert comparison.first is not None
    assert (comparison.first.stage, comparison.first.knob) == ("plan", "warmup.rounding")
    differing = {finding.stage for finding in comparison.findings if not finding.agrees}
    assert differing >= {"plan", "batches", "initial weights"}
    assert not (folder / "report" / "two.trace.jsonl").exists()


def test_a_backend_from_outside_is_a_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_task(tmp_path)
    installed = tmp_path / "installed"
    installed.mkdir()
    write_backend(installed)
    path = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    monkeypatch.setenv("PYTHONPATH", path)
    sides = (Side("torch", "torch"), Side("third", NAME))
    comparison = run_parity(small_spec(tmp_path), report=tmp_path / "report", sides=sides)
    assert comparison.agrees
    assert comparison.b.header.backend == NAME


def test_a_backend_that_is_not_there(folder: Path) -> None:
    sides = (AGAIN[0], Side("two", "tensorflow"))
    with pytest.raises(WorkerError) as error:
        run_parity(number_spec(folder), report=folder / "report", sides=sides)
    assert str(error.value) == (
        "the two side could not start: backend must be one of 'paddle', 'torch'. "
        "Received: 'tensorflow'"
    )


@contextmanager
def talking(spec: Spec, folder: Path, names: Sequence[str]) -> Iterator[Workers]:
    """Workers that stand before their first update."""
    prepare(spec).save(folder / "data")
    with Signals() as signals, Workers(folder, signals) as workers:
        for name in names:
            job = Job(
                backend="torch",
                spec=spec.model_dump_json(),
                source=Source(folder).dump(),
                data=str(folder / "data"),
                trace=str(folder / f"{name}.trace.jsonl"),
                output=str(folder / name),
            )
            workers.start(Side(name, "torch"), job)
        workers.until(Ready)
        yield workers


def test_a_run_in_steps_is_the_run(alike: tuple[Path, Comparison]) -> None:
    """Two stand together after 1, 3, 5 and all updates, having made no other; then they write."""
    folder, comparison = alike
    done: dict[str, list[int]] = {"a": [], "b": []}

    def count(name: str, report: Progressed) -> None:
        done[name].append(report.done)

    with talking(number_spec(folder), folder, tuple(done)) as workers:
        for steps, total in ((1, 1), (2, 3), (2, 5), (7, 12)):
            workers.tell(Step(steps))
            standing = Standing(total, 12)
            assert workers.until(Standing, count) == {"a": standing, "b": standing}
            assert done == {name: [*range(1, total + 1)] for name in done}
        workers.tell(Go())
        assert workers.until(Done, count) == {"a": Done(), "b": Done()}
    plain = comparison.a
    for name in done:
        stepped = read_trace(folder / f"{name}.trace.jsonl")
        assert stepped.updates == plain.updates
        assert stepped.end is not None and plain.end is not None
        assert stepped.end.weights_digest == plain.end.weights_digest
