"""Sides other than torch and Paddle: one backend twice, other jobs, a backend from outside."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dualtrain import Spec
from dualtrain.errors import WorkerError
from dualtrain.spec import Source
from dualtrain.trace import read_trace
from dualtrain.training import train
from dualtrain.workers import Side, Signals, Workers, run_parity
from dualtrain.workers._talk import Done, Go, Job, Progressed, Ready, Standing, Step
from tests.meta.third_backend import NAME, write_backend
from tests.tasks import prepare, small_spec, write_task

AGAIN = (Side("one", "torch"), Side("two", "torch"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_task(tmp_path)
    return tmp_path


def test_torch_against_itself_is_the_same_run(folder: Path) -> None:
    """Bit for bit: losses, norms and the digests of the final weights."""
    report = folder / "report"
    comparison = run_parity(small_spec(folder), report=report, sides=AGAIN)
    assert comparison.agrees
    assert {finding.largest for finding in comparison.findings} == {0.0}
    one, two = (read_trace(report / f"{side.name}.trace.jsonl") for side in AGAIN)
    assert one.updates == two.updates
    assert one.end is not None and two.end is not None
    assert one.end.weights_digest == two.end.weights_digest is not None
    summary = json.loads((report / "summary.json").read_text(encoding="utf-8"))
    assert [side["name"] for side in summary["sides"]] == ["one", "two"]
    assert summary["verdict"].startswith("one and two agree in ")


@pytest.mark.parametrize(
    ("changes", "stage", "knob", "trained"),
    [
        ({"warmup": {"proportion": 0.1, "rounding": "ceil"}}, "plan", "warmup.rounding", False),
        ({"optimizer": {"name": "adamw", "lr": 6e-3}}, "learning rate", "optimizer.lr", True),
    ],
)
def test_another_spec_on_one_side_is_found(
    changes: dict[str, Any], stage: str, knob: str, trained: bool, folder: Path
) -> None:
    other = Side("two", "torch", spec=small_spec(folder, **changes))
    report = folder / "report"
    comparison = run_parity(small_spec(folder), report=report, sides=(AGAIN[0], other))
    assert comparison.first is not None
    assert (comparison.first.stage, comparison.first.knob) == (stage, knob)
    assert (report / "two.trace.jsonl").exists() == trained


def test_other_data_and_other_weights_on_one_side_are_found(folder: Path) -> None:
    (folder / "other").mkdir()
    write_task(folder / "other", train=75)
    other = Side("two", "torch", spec=small_spec(folder / "other"), nudge=True)
    comparison = run_parity(small_spec(folder), report=folder / "r", sides=(AGAIN[0], other))
    assert not comparison.starts_alike
    differing = {finding.stage for finding in comparison.findings if not finding.agrees}
    assert differing >= {"batches", "initial weights"}


def test_a_backend_from_outside_is_a_side(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "installed"
    installed.mkdir()
    write_backend(installed)
    path = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    monkeypatch.setenv("PYTHONPATH", path)
    sides = (Side("torch", "torch"), Side("third", NAME))
    comparison = run_parity(small_spec(folder), report=folder / "report", sides=sides)
    assert comparison.agrees
    assert comparison.b.header.backend == NAME


def test_a_backend_that_is_not_there(folder: Path) -> None:
    sides = (AGAIN[0], Side("two", "tensorflow"))
    with pytest.raises(WorkerError) as error:
        run_parity(small_spec(folder), report=folder / "report", sides=sides)
    assert str(error.value) == (
        "the two side could not start: backend must be one of 'paddle', 'torch'. "
        "Received: 'tensorflow'"
    )


@contextmanager
def talking(spec: Spec, folder: Path, names: Sequence[str] = ("torch",)) -> Iterator[Workers]:
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


class Told:
    """The updates that are told, by side."""

    def __init__(self) -> None:
        self.done: list[tuple[str, int]] = []

    def __call__(self, name: str, report: Progressed) -> None:
        self.done.append((name, report.done))


def test_a_run_in_steps_is_the_run(folder: Path) -> None:
    """It stands after 1, 3 and 5 updates, having made no other, and then goes on to the end."""
    spec = small_spec(folder)
    with talking(spec, folder) as workers:
        for count, done in ((1, 1), (2, 3), (2, 5)):
            told = Told()
            workers.tell(Step(count))
            assert workers.until(Standing, told) == {"torch": Standing(done, 12)}
            assert told.done == [("torch", n) for n in range(done - count + 1, done + 1)]
        told = Told()
        workers.tell(Go())
        assert workers.until(Done, told) == {"torch": Done()}
        assert told.done == [("torch", n) for n in range(6, 13)]
    stepped = read_trace(folder / "torch.trace.jsonl")
    train(spec, "torch", trace=folder / "plain.trace.jsonl", output=folder / "plain")
    plain = read_trace(folder / "plain.trace.jsonl")
    assert stepped.updates == plain.updates
    assert stepped.end is not None and plain.end is not None
    assert stepped.end.weights_digest == plain.end.weights_digest


def test_sides_step_together_to_the_end(folder: Path) -> None:
    """After the last update they stand once more, before they evaluate and write."""
    spec = small_spec(folder, duration={"updates": 2})
    with talking(spec, folder, ("a", "b")) as workers:
        for done in (1, 2):
            workers.tell(Step(1))
            assert workers.until(Standing) == {"a": Standing(done, 2), "b": Standing(done, 2)}
        workers.tell(Go())
        assert set(workers.until(Done)) == {"a", "b"}
    assert (folder / "b.trace.jsonl").exists()
