"""Callbacks on every backend: what they are told, when, and that they change no number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain import Callback, fit
from dualtrain.backend import Backend
from dualtrain.errors import CallbackError
from dualtrain.loggers import JsonLines
from dualtrain.tasks import Score
from dualtrain.trace import Update, read_trace
from dualtrain.training import Run, train
from dualtrain.training.run import _journal
from tests.builders import spec_of
from tests.tasks import small_spec, write_task


class Told(Callback):
    """Keeps what it is told."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.at_once = at_once
        self.events: list[Any] = []

    def began(self, run: Run) -> None:
        self.events.append(("began", run.attempts))

    def updated(self, run: Run, update: Update) -> None:
        self.events.append((update.attempt, run.attempts))

    def evaluated(self, run: Run, score: Score) -> None:
        self.events.append(score.measured())

    def ended(self, run: Run) -> None:
        self.events.append(("ended", run.attempts))

    def closed(self) -> None:
        self.events.append("closed")


class Raises(Told):
    """Raises after an update, or in another method."""

    def __init__(self, where: str) -> None:
        super().__init__(at_once=True)
        self._where = where

    def updated(self, run: Run, update: Update) -> None:
        super().updated(run, update)
        if self._where == "updated" and update.attempt == 2:
            raise ZeroDivisionError("my own fault")

    def ended(self, run: Run) -> None:
        if self._where == "ended":
            raise ZeroDivisionError("my own fault")

    def closed(self) -> None:
        super().closed()
        if self._where == "closed":
            raise ZeroDivisionError("my own fault")


class Ends(Callback):
    """Ends the run by what it sees."""

    at_once = True

    def updated(self, run: Run, update: Update) -> None:
        if update.attempt == 3:
            run.end("enough")


def fitted(backend: Backend, *callbacks: Callback, **more: Any) -> tuple[Update, ...]:
    """Six updates of a linear model, from weights of its own."""
    random = np.random.RandomState(0)
    rows = [
        {"x": random.randn(4, 3).astype("float32"), "labels": random.randint(0, 2, 4)}
        for _ in range(3)
    ]

    def loss(model: Any, tensors: dict[str, Any]) -> Any:
        return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"])

    model = backend.build_linear(3, 2)
    weights = {"weight": np.ones((2, 3), np.float32), "bias": np.zeros(2, np.float32)}
    backend.load_weights(model, weights)
    spec = spec_of(duration={"epochs": 2})
    return fit(spec, model, rows, loss=loss, callbacks=callbacks, **more)


def test_what_is_told_and_in_what_order(backend: Backend) -> None:
    at_once, later = Told(at_once=True), Told()
    fitted(backend, at_once, later, evaluate=lambda model: {"f1": 0.5})
    made = [(attempt, attempt + 1) for attempt in range(6)]
    told = [("began", 0), *made, {"f1": 0.5}, ("ended", 6), "closed"]
    assert at_once.events == told
    assert later.events == told  # with one that is told at once, all are


def test_updates_are_told_together_where_nobody_waits(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By when they are told the run is further: no update waits for the device."""
    monkeypatch.setattr(_journal, "READ_EVERY", 1e9)
    told, reads = Told(), list[int]()
    numbers = backend.numbers

    def counted(tensors: Any) -> Any:
        reads.append(len(tensors))
        return numbers(tensors)

    monkeypatch.setattr(backend, "numbers", counted)
    fitted(backend)
    without = len(reads)
    fitted(backend, told)
    assert told.events[1:7] == [(attempt, 6) for attempt in range(6)]
    assert len(reads) == 2 * without


def test_one_that_ends_the_run_ends_it_at_that_update(backend: Backend, tmp_path: Path) -> None:
    assert len(fitted(backend, Ends(), trace=tmp_path / "trace.jsonl")) == 4
    assert read_trace(tmp_path / "trace.jsonl").outcome == "enough"


@pytest.mark.parametrize(
    ("where", "when"),
    [
        ("updated", "after update 2"),
        ("ended", "at the end of the run"),
        ("closed", "when it was closed"),
    ],
)
def test_one_that_raises_is_named_and_what_was_done_is_written(
    backend: Backend, tmp_path: Path, where: str, when: str
) -> None:
    raising, other = Raises(where), Told()
    rule = f"Raises.{where}, {when}: a callback must not raise. Received: ZeroDivisionError: my"
    with pytest.raises(CallbackError, match=rule):
        fitted(backend, other, raising, trace=tmp_path / "trace.jsonl")
    assert len(read_trace(tmp_path / "trace.jsonl").updates) == (3 if where == "updated" else 6)
    assert raising.events[-1] == other.events[-1] == "closed"


def test_an_error_of_the_loop_closes_them_all_the_same(backend: Backend) -> None:
    """What they raise then does not hide it."""
    told, raising = Told(), Raises("closed")

    def evaluate(model: Any) -> dict[str, float]:
        raise KeyError("the user's own")

    with pytest.raises(KeyError, match="the user's own"):
        fitted(backend, told, raising, evaluate=evaluate)
    assert told.events[-1] == raising.events[-1] == "closed"


def test_a_log_changes_no_number_of_a_task(backend: Backend, tmp_path: Path) -> None:
    """With dropout; and it has the numbers of the trace, which here are exactly those of JSON."""
    write_task(tmp_path)
    task = small_spec(tmp_path).model_dump()["task"]
    task["model"]["dropout"] = 0.5
    spec = small_spec(tmp_path, task=task, duration={"updates": 6})
    traces = {}
    for name, callbacks in (("without", []), ("with", [JsonLines(tmp_path / "log.jsonl")])):
        trace = tmp_path / f"{name}.jsonl"
        train(spec, backend.NAME, trace=trace, output=tmp_path / name, callbacks=callbacks)
        traces[name] = read_trace(trace)
    with_, without = traces["with"], traces["without"]
    assert with_.updates == without.updates
    assert with_.end is not None
    assert without.end is not None
    assert with_.end.weights_digest == without.end.weights_digest
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    *updates, score = rows
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6, 6]
    for row, update in zip(updates, with_.updates, strict=True):
        assert row["train/lr"] == update.lr
        assert row["train/loss"] == update.loss
        assert row["train/grad_norm"] == update.grad_norm
        assert row["train/skipped"] == 0.0
        assert "train/momentum" not in row
    assert score["eval/loss"] == with_.evaluations[-1].loss


def test_every_third_update_and_every_score(backend: Backend, tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "log.jsonl", every=3)
    fitted(backend, log, evaluate=lambda model: {"f1": float("nan")})
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(row["step"], "train/lr" in row) for row in rows] == [(3, True), (6, True), (6, False)]
    assert rows[-1]["eval/f1"] is None
    fitted(backend, JsonLines(tmp_path / "log.jsonl", every=6))  # goes on behind the first
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 4
