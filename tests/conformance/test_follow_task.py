"""A task that leaves its states, and is followed to the evaluation of its last weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain import Spec
from dualtrain.backend import Backend
from dualtrain.lockstep import led_attempts, read_led
from dualtrain.tasks import Score
from dualtrain.training import Observer, follow_task, train
from tests.command import Run, run
from tests.conformance.test_checkpoints import reads_randomness
from tests.conformance.test_follow import check_repeated
from tests.tasks import number_spec, prepare, small_spec, write_numbers, write_task

__all__ = ["run"]


class Told(Observer):
    """What is told of evaluations."""

    def __init__(self) -> None:
        self.scores: list[Score] = []

    def evaluated(self, score: Score) -> None:
        self.scores.append(score)


def text_spec(folder: Path, **changes: Any) -> Spec:
    """With dropout, as it is written."""
    write_task(folder)
    task = small_spec(folder).model_dump()["task"]
    task["model"]["dropout"] = 0.5
    return small_spec(folder, task=task, duration={"updates": 5}, **changes)


def numbers(folder: Path) -> Spec:
    write_numbers(folder)
    return number_spec(folder, duration={"updates": 5})


@pytest.mark.parametrize("of", [text_spec, numbers])
def test_a_task_followed_repeats_its_run_and_its_score(
    backend: Backend, of: Any, tmp_path: Path
) -> None:
    """Without the dropout that the spec has, and with averages: those are evaluated."""
    spec, states, told = of(tmp_path), tmp_path / "states", Told()
    if of is text_spec:
        spec = of(tmp_path, ema={"decay": 0.5})
    score = train(spec, backend.NAME, states=states, every=2, without_randomness=True)
    for shown in follow_task(spec, backend.NAME, states=states, observer=told):
        check_repeated(shown, read_led(states, shown.attempt))
        assert shown.wide is not None
        assert (shown.narrow, shown.random) == ("", "")

    assert led_attempts(states) == (0, 2, 4)
    assert told.scores == [score]


def test_dropout_is_followed_where_it_is_asked_for(backend: Backend, tmp_path: Path) -> None:
    spec = text_spec(tmp_path)
    train(spec, backend.NAME, states=tmp_path / "states")
    shown = follow_task(spec, backend.NAME, states=tmp_path / "states", without_randomness=False)
    for one in shown:
        assert "made twice" in one.random
        if reads_randomness(backend):
            check_repeated(one, read_led(tmp_path / "states", one.attempt))


def test_a_model_and_a_loss_of_ones_own_are_followed(backend: Backend, tmp_path: Path) -> None:
    """Data that is prepared already; nobody listens to the evaluation."""
    spec = numbers(tmp_path)
    states, data = tmp_path / "states", prepare(spec)

    def loss(model: Any, batch: Any) -> Any:
        return (model(batch["features"])[:, 0] - batch["labels"]).abs().sum()

    class Features:
        """A Linear whose input has the task's name."""

        def __call__(self) -> Any:
            model = backend.build_linear(data.train.features.shape[1], 1)
            weights = backend.dump_weights(model)
            backend.load_weights(model, {n: np.ones_like(w) for n, w in weights.items()})
            linear = model.forward
            model.forward = lambda features: linear(features)
            return model

    build = Features()
    train(spec, backend.NAME, model=build(), loss=loss, data=data, states=states)
    shown = list(
        follow_task(spec, backend.NAME, states=states, model=build(), loss=loss, data=data)
    )
    for one in shown:
        check_repeated(one, read_led(states, one.attempt))
    assert len(shown) == 5


def test_the_command_line_leaves_states(backend: Backend, run: Run, tmp_path: Path) -> None:
    spec = text_spec(tmp_path)
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(spec.model_dump(mode="json", exclude_none=True)))
    options = ("--backend", backend.NAME, "--states", tmp_path / "states")
    status, _, refused = run("train", file, *options, "--every", "0")
    assert (status, "--every" in refused) == (2, True)
    status, _, _ = run("train", file, *options, "--every", "3")

    assert status == 0
    assert led_attempts(tmp_path / "states") == (0, 3, 4)
    status, _, refused = run("train", file, "--backend", backend.NAME, "--states", tmp_path)
    assert status == 0
    assert (tmp_path / "states.json").exists()
