"""A parity run is judged update by update; a run led elsewhere is followed from its folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dualtrain import Spec
from dualtrain.cli import main
from dualtrain.errors import WorkerError
from dualtrain.lockstep import shown_file
from dualtrain.report._words import verdict
from dualtrain.workers import Side, run_parity
from tests.tasks import number_spec, write_numbers

ROOT = Path(__file__).parents[2]
EPS = {"name": "adamw", "lr": 5e-3, "eps": 1e-6}


pytestmark = pytest.mark.usefixtures("warm")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_numbers(tmp_path)
    return tmp_path


def write_spec(spec: Spec, path: Path) -> str:
    path.write_text(spec.model_dump_json(), encoding="utf-8")
    return str(path)


def python_with(folder: Path, *lines: str) -> Path:
    """An interpreter whose worker begins with these lines."""
    patch = folder / "patch.py"
    begin = ["import runpy, sys", f"sys.path.insert(0, {str(ROOT)!r})", *lines]
    end = ["sys.argv = sys.argv[3:]", "sys.argv.insert(0, 'worker')"]
    run = "runpy.run_module('dualtrain.workers', run_name='__main__')"
    patch.write_text("\n".join([*begin, *end, run]), encoding="utf-8")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {patch} "$@"\n')
    python.chmod(0o755)
    return python


def test_every_k_th_update_is_judged_and_the_last(folder: Path) -> None:
    sides = (Side("one", "torch"), Side("two", "paddle"))
    comparison = run_parity(number_spec(folder), report=folder / "report", sides=sides, every=5)
    assert comparison.agrees, verdict(comparison)
    assert comparison.lockstep is not None
    assert [one.attempt for one in comparison.lockstep.updates] == [0, 5, 10, 11]
    assert comparison.lockstep.total == 12
    assert comparison.lockstep.scores is not None
    summary = json.loads((folder / "report" / "summary.json").read_text(encoding="utf-8"))
    assert [one["attempt"] for one in summary["lockstep"]["updates"]] == [0, 5, 10, 11]
    assert {one["stage"] for one in summary["illustration"]} >= {"loss", "update", "evaluation"}
    assert {path.name for path in (folder / "report").iterdir()} >= {"lockstep.png", "one", "two"}
    assert not list((folder / "report").glob("*shown*")) + list(folder.rglob("states.json"))


def test_another_eps_on_one_side_is_found_and_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said at once, above the bars, and decides at the end."""
    spec = number_spec(folder)
    other = spec.model_copy(
        update={"optimizer": spec.optimizer.model_copy(update={"eps": 1e-6})}
    ).located(spec.source)
    sides = (Side("one", "torch"), Side("two", "torch", spec=other))
    comparison = run_parity(spec, report=folder / "report", sides=sides, every=1)
    first = comparison.first
    assert first is not None
    assert (first.stage, first.first_update, first.knob) == ("rule", 1, "optimizer.eps")
    assert ", two: " in first.detail  # the rate of update 0 is 0
    assert "the specs differ: optimizer.eps 1e-08 against 1e-06" in first.detail
    assert first.largest > 10
    said = " ".join(capsys.readouterr().out.split())
    assert said.index(", two: ") < said.index("12/12 loss")


def test_what_both_sides_do_wrong_alike_is_found(folder: Path) -> None:
    """The rule is the spec's, not the other side's."""
    python = python_with(
        folder,
        "import dualtrain_torch.optim as optim",
        "real = optim.native_optimizer",
        "def off(*args):",
        "    made = real(*args)",
        "    for group in made.param_groups:",
        "        group['eps'] = 1e-6",
        "    return made",
        "optim.native_optimizer = off",
    )
    sides = (Side("one", "torch", python), Side("two", "torch", python))
    comparison = run_parity(number_spec(folder), report=folder / "report", sides=sides, every=1)
    first = comparison.first
    assert first is not None
    assert (first.stage, first.first_update) == ("rule", 1)
    assert "optimizer.eps" in first.knob
    assert all(finding.largest == 0 for finding in comparison.illustration)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["import os, signal; os.kill(os.getpid(), signal.SIGKILL)"], "exit status -9"),
        (
            [
                "from dualtrain.errors import PlanError",
                "raise PlanError('a plan is a plan')",
            ],
            "a plan is a plan",
        ),
        (
            ["raise OSError(28, 'No space left on device')"],
            "what it shows of an update must be where files can be written. "
            "Received: No space left on device",
        ),
    ],
    ids=["killed", "refused", "disk full"],
)
def test_a_side_that_fails_while_it_follows(
    folder: Path, lines: Sequence[str], message: str
) -> None:
    python = python_with(
        folder,
        "import dualtrain.workers._work as work",
        "def failing(*args, **options):",
        *(f"    {line}" for line in lines),
        "work.write_shown = failing",
    )
    sides = (Side("one", "torch"), Side("two", "torch", python))
    with pytest.raises(WorkerError) as error:
        run_parity(number_spec(folder), report=folder / "report", sides=sides)
    assert str(error.value).startswith(f"the two side failed: {message}")
    assert not (folder / "report").exists()


def ended(*arguments: str) -> Any:
    """The exit status of a command."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


def test_a_run_led_elsewhere_is_followed_and_judged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One command on either machine, and the folder between them."""
    spec, states = write_spec(number_spec(folder), folder / "spec.json"), folder / "states"
    led = ["--backend", "torch", "--states", str(states)]
    assert ended("train", spec, *led, "--every", "3") == 0
    assert ended("train", spec, *led, "--every", "4") == 0  # what is there is replaced
    assert len(list((states / "shown").glob("*.safetensors"))) == 4
    follow = ["--backend", "paddle", "--states", str(states), "--report", str(folder / "report")]
    capsys.readouterr()
    assert ended("lockstep", spec, *follow) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Judged in lockstep, each from one state: 0, 4, 8, 11 of 12 updates." in said
    assert "of 12 updates 4 were judged, each from one state." in said
    summary = json.loads((folder / "report" / "summary.json").read_text(encoding="utf-8"))
    assert [one["backend"] for one in summary["sides"]] == ["torch", "paddle"]
    assert {one["stage"] for one in summary["findings"]} >= {"plan", "gradients", "rule", "spec"}
    other = number_spec(folder, optimizer=EPS)
    assert ended("lockstep", write_spec(other, folder / "other.json"), *follow) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "The first difference is in the stage 'rule': update 4, " in said
    assert said.rstrip().endswith("Look at optimizer.eps.")


def test_a_folder_without_what_its_own_side_shows(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, states = write_spec(number_spec(folder), folder / "spec.json"), folder / "states"
    arguments = ["--backend", "torch", "--states", str(states)]
    assert ended("train", spec, *arguments, "--every", "11") == 0
    shown_file(states / "shown", 11).unlink()
    capsys.readouterr()
    assert ended("lockstep", spec, *arguments) == 2
    assert capsys.readouterr().err == (
        f"{states}: must hold what the leading side itself makes of its updates, as "
        "`dualtrain train --states FOLDER` leaves it. Received: a folder without "
        "shown/shown-0000011.safetensors\n"
    )
    assert ended("lockstep", spec, "--backend", "torch", "--states", str(folder)) == 2
    assert "states.json" in capsys.readouterr().err


def test_both_sides_stop_early_at_the_same_update(folder: Path) -> None:
    """After 6 of 12, by a threshold that nothing reaches; the update before it is judged."""
    spec = number_spec(
        folder,
        evaluation={"every": {"updates": 3}},
        early_stopping={"patience": 1, "threshold": 1e9},
    )
    sides = (Side("one", "torch"), Side("two", "paddle"))
    comparison = run_parity(spec, report=folder / "report", sides=sides, every=5)
    assert comparison.agrees, verdict(comparison)
    assert comparison.lockstep is not None
    assert [one.attempt for one in comparison.lockstep.updates] == [0, 2, 5]
    assert comparison.lockstep.total == 6
    for trace in (comparison.a, comparison.b):
        assert trace.outcome == (
            "early stopping: loss no better for 1 evaluation; the best after 3 updates"
        )
        assert [evaluation.t for evaluation in trace.evaluations] == [3, 6]
