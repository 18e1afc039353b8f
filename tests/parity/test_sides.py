"""When a side of a parity run fails: what is said, and that nothing half-written is left."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dualtrain import DualtrainError, Spec, __version__
from dualtrain.errors import DataError, LedgerError, OutputError, PlanError, WorkerError
from dualtrain.fields import Positions, Steps
from dualtrain.outputs import DRAFT
from dualtrain.spec import Source
from dualtrain.trace import read_trace
from dualtrain.workers import DEFAULT_SIDES, Side, run_parity
from dualtrain.workers._talk import TALK, Done, Failed, Go, Hello, encode
from tests.tasks import bare_spec, small_spec, write_numbers, write_task

PYTHON = sys.executable
"""The interpreter itself, also where `warm` has put another in its place."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_task(tmp_path)
    return tmp_path


def refused(spec: Spec, folder: Path, kind: type[DualtrainError], **options: Any) -> str:
    """The message; an earlier report is as it was, and nothing else is new."""
    report = folder / "report"
    report.mkdir()
    (report / "summary.md").write_text("earlier", encoding="utf-8")
    (report / "summary.json").write_text('{"sides": []}', encoding="utf-8")
    before = sorted(folder.rglob("*"))
    with pytest.raises(kind) as error:
        run_parity(spec, report=report, nudges=0, **options)
    assert sorted(folder.rglob("*")) == before
    assert (report / "summary.md").read_text(encoding="utf-8") == "earlier"
    return str(error.value)


def script(folder: Path, *lines: str) -> Path:
    """An interpreter that is a shell script."""
    python = folder / "python"
    python.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    python.chmod(0o755)
    return python


def on(**pythons: str | Path) -> tuple[Side, Side]:
    """The usual sides, with other interpreters."""
    torch, paddle = (replace(side, python=pythons.get(side.name)) for side in DEFAULT_SIDES)
    return torch, paddle


@pytest.mark.usefixtures("warm")
def test_an_interpreter_that_is_none(folder: Path) -> None:
    sides = on(paddle=folder / "no-python")
    message = refused(small_spec(folder), folder, WorkerError, sides=sides)
    assert message == (
        "the paddle side needs a Python interpreter that runs. "
        f"Received: '{folder}/no-python' (No such file or directory)"
    )


@pytest.mark.usefixtures("warm")
def test_an_interpreter_without_dualtrain(folder: Path) -> None:
    python = script(folder, "echo No module named dualtrain >&2", "exit 1")
    message = refused(small_spec(folder), folder, WorkerError, sides=on(paddle=python))
    assert message == ("the paddle side could not start: exit status 1\nNo module named dualtrain")


@pytest.mark.usefixtures("warm")
def test_a_script_around_the_interpreter_may_print(folder: Path) -> None:
    python = script(folder, "echo Loading module; echo 42", f'exec {PYTHON} "$@"')
    write_numbers(folder)
    spec = bare_spec(folder, duration={"updates": 1})
    run_parity(spec, report=folder / "report", sides=on(torch=python), nudges=0)
    assert (folder / "report" / "torch.trace.jsonl").exists()


@pytest.mark.usefixtures("warm")
def test_an_interpreter_in_the_current_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(folder, "exit 3")
    monkeypatch.chdir(folder)
    message = refused(small_spec(folder), folder, WorkerError, sides=on(torch="./python"))
    assert message.startswith("the torch side could not start: exit status 3")


HELLO = f"""echo '{encode(Hello())}'"""
FAILED = f"""echo '{encode(Failed("it is ill"))}'"""


@pytest.mark.usefixtures("warm")
def test_a_side_that_is_killed_in_the_middle_of_a_line(folder: Path) -> None:
    python = script(folder, HELLO, """printf '{"say": "ready", "head'""", "kill -9 $$")
    message = refused(small_spec(folder), folder, WorkerError, sides=on(paddle=python))
    assert message.startswith("the paddle side could not start: exit status -9")


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize(
    ("said", "received"),
    [
        ([Hello(TALK + 1, "9.0.0")], f"9.0.0, which speaks version {TALK + 1} of {TALK}"),
        ([Hello(TALK, "9.0.0")], f"9.0.0, which speaks version {TALK} of {TALK}"),
        ([Done()], "a worker that does not say its own"),
        ([Hello(), Go()], "a command"),
        (
            [Hello(), {"say": "ready", "header": "{}"}],
            "a message 'ready' whose 'header.backend' is not of this one",
        ),
        ([Hello(), {"say": "rest"}], "a message 'rest' whose 'say' is not of this one"),
    ],
)
def test_a_side_with_another_version_of_dualtrain(
    folder: Path, said: list[Any], received: str
) -> None:
    lines = [json.dumps(one) if isinstance(one, dict) else encode(one) for one in said]
    python = script(folder, *(f"echo '{line}'" for line in lines), "cat")
    message = refused(small_spec(folder), folder, WorkerError, sides=on(paddle=python))
    assert message == (
        "the paddle side could not start: both sides need the same version of dualtrain, "
        f"{__version__}. Received: {received}"
    )


@pytest.mark.usefixtures("warm")
def test_a_side_that_does_not_heed_its_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended with all that it has started, and soon."""
    monkeypatch.setattr("dualtrain.workers._process.PATIENCE", 0.5)
    python = script(folder, "trap '' TERM", "sleep 600 &", HELLO, FAILED, "wait")
    before = time.monotonic()
    message = refused(small_spec(folder), folder, WorkerError, sides=on(paddle=python))
    assert message == "the paddle side could not start: it is ill"
    assert time.monotonic() - before < 60


def test_a_report_that_is_a_file(folder: Path) -> None:
    report = folder / "eval.csv"
    with pytest.raises(OutputError) as error:
        run_parity(small_spec(folder), report=report)
    assert str(error.value) == f"{report}: a report is a folder. Received: a file"


def test_a_report_among_folders_of_the_users(folder: Path) -> None:
    """A report has a folder `torch`; one that is not an earlier report's is not replaced."""
    (folder / "torch").mkdir()
    rule = (
        f"{folder}: a report replaces what an earlier run has left there, as summary.json says, "
        "and nothing else: choose another folder. Received: 'torch', "
    )
    with pytest.raises(OutputError) as error:
        run_parity(small_spec(folder), report=folder)
    assert str(error.value) == f"{rule}without summary.json"
    sides = [{"name": "paddle", "backend": "paddle"}, {"name": "..", "backend": "torch"}]
    (folder / "summary.json").write_text(json.dumps({"sides": sides}))
    with pytest.raises(OutputError) as error:
        run_parity(small_spec(folder), report=folder)
    assert str(error.value) == f"{rule}which it does not name"


@pytest.mark.usefixtures("warm")
def test_what_a_report_leaves_the_next_one_replaces(folder: Path) -> None:
    """By what the summary names, whatever the sides were called; what is not its own stays."""
    report = folder / "report"
    for name in ("old", "old-nudged", "old-nudged-3", "new", "mine"):
        (report / name).mkdir(parents=True)
        (report / f"{name}.trace.jsonl").touch()
    summary = {"sides": [{"name": "old", "backend": "torch"}, {"backend": "new"}]}
    (report / "summary.json").write_text(json.dumps(summary))
    spec = small_spec(folder, duration={"updates": 1})
    sides = (Side("a", "torch"), Side("b", "torch"))
    run_parity(spec, report=report, sides=sides, nudges=2)
    assert {path.name for path in report.iterdir()} == {
        *("a", "a.trace.jsonl", "b", "b.trace.jsonl"),
        *("a-nudged", "a-nudged.trace.jsonl", "a-nudged-2", "a-nudged-2.trace.jsonl"),
        *("lockstep.png", "loss.png", "lr.png", "summary.json", "summary.md"),
        *("mine", "mine.trace.jsonl"),
    }


def test_a_rule_that_matches_nothing(folder: Path) -> None:
    decay = {"value": 0.1, "exclude_patterns": ["*.no_such_layer.*"]}
    message = refused(small_spec(folder, weight_decay=decay), folder, LedgerError)
    assert message.startswith("weight_decay.exclude_patterns: pattern '*.no_such_layer.*' matches")
    assert "matches none of the model's 25 parameters" in message


@pytest.mark.usefixtures("warm")
def test_a_rule_by_the_names_of_the_other_side(folder: Path) -> None:
    """Only Paddle's worker can know: it says so in its own name, with the line of the spec."""
    spec = small_spec(folder, weight_decay={"value": 0.1, "exclude_substrings": ["LayerNorm"]})
    lines: dict[Steps, int] = {(): 1, ("weight_decay",): 7}
    found = spec.located(Source(folder, "spec.yaml", Positions(lines)))
    message = refused(found, folder, WorkerError)
    assert message.startswith(
        "the paddle side could not start: spec.yaml:7: weight_decay.exclude_substrings: substring "
        "'LayerNorm' matches none of the model's 25 parameters."
    )
    assert "Write exclude: [bias, norm] instead" in message


def test_a_data_file_that_is_missing(folder: Path) -> None:
    (folder / "train.csv").unlink()
    message = refused(small_spec(folder), folder, DataError)
    assert message.startswith(f"{folder}/train.csv")


def test_warmup_that_is_as_long_as_training(folder: Path) -> None:
    message = refused(small_spec(folder, warmup={"steps": 12}), folder, PlanError)
    assert message == (
        "warmup.steps: must be shorter than the schedule; write at most 11, or a longer duration. "
        "Received: 12 warmup updates, horizon 12"
    )


@pytest.mark.usefixtures("warm")
def test_amp_on_the_cpu_is_refused_by_paddle(folder: Path) -> None:
    message = refused(small_spec(folder, amp={"dtype": "bfloat16"}), folder, WorkerError)
    assert message.startswith("the paddle side could not start: amp: Paddle's auto_cast")


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_nothing_is_left_when_the_command_is_ended(
    folder: Path, number: signal.Signals, status: int
) -> None:
    (folder / "spec.json").write_text(small_spec(folder).model_dump_json())
    before = sorted(folder.iterdir())
    command = [sys.executable, "-m", "dualtrain", "parity", "spec.json"]
    with subprocess.Popen(
        command,
        cwd=folder,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # a background job ignores it
    ) as process:
        jobs = f"report/{DRAFT}*/paddle.job.json"
        while not list(folder.glob(jobs)) and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(number)
        assert process.stderr is not None
        said = process.stderr.read().decode()
    assert said == "interrupted; report is as it was before\n"
    assert process.returncode == status
    assert sorted(folder.iterdir()) == before
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert not [command for command in commands if bytes(folder) in command]


def test_a_run_that_was_told_to_outlive_its_terminal_does(folder: Path) -> None:
    """As `nohup` tells it: the signal is ignored when the command begins."""
    write_numbers(folder)
    (folder / "spec.json").write_text(bare_spec(folder).model_dump_json())
    command = [sys.executable, "-m", "dualtrain", "train", "spec.json", "--backend", "torch"]
    with subprocess.Popen(
        [*command, "--trace", "trace.jsonl"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    ) as process:
        while not list(folder.glob("*trace.jsonl*")) and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGHUP)
    assert process.returncode == 0


def trained(folder: Path, **loss_scale: float) -> subprocess.CompletedProcess[str]:
    """`dualtrain train` of 12 updates in float16, with torch."""
    spec = small_spec(folder, amp={"dtype": "float16", "loss_scale": loss_scale})
    (folder / "spec.json").write_text(spec.model_dump_json())
    command = [sys.executable, "-m", "dualtrain", "train", "spec.json", "--backend", "torch"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)


@pytest.mark.usefixtures("warm")
def test_train_says_how_many_updates_were_skipped(folder: Path) -> None:
    """A scale of 2^40 overflows, and 2^10 after it does not."""
    done = trained(folder, init=2.0**40, ceiling=2.0**40, backoff_factor=2.0**-30)
    assert "\n1 of 12 updates skipped: their gradients were not finite\n" in done.stdout
    assert "warning" not in done.stderr


@pytest.mark.usefixtures("warm")
def test_train_warns_if_it_made_no_update(folder: Path) -> None:
    done = trained(folder, init=2.0**100, floor=2.0**100, ceiling=2.0**100)
    assert "\n12 of 12 updates skipped: their gradients were not finite\n" in done.stdout
    told = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(told) == 1
    assert told[0].startswith("warning: no update was made: all 12 were skipped")


@pytest.mark.usefixtures("warm")
def test_parity_runs_have_no_dropout(folder: Path) -> None:
    """The models that they save have: that of the spec."""
    spec = small_spec(folder, duration={"updates": 1})
    assert spec.task is not None
    model = spec.task.model.model_dump() | {"dropout": 0.3}
    task = spec.task.model_dump() | {"model": model}
    run_parity(small_spec(folder, task=task, duration={"updates": 1}), report=folder / "report")

    for side in ("torch", "paddle"):
        header = read_trace(folder / "report" / f"{side}.trace.jsonl").header
        assert header.spec is not None
        assert header.spec.task is not None
        assert header.spec.task.model.dropout == 0.0
        assert "dropout is 0: masks cannot match across frameworks" in header.notes
        saved = json.loads((folder / "report" / side / "config.json").read_text("utf-8"))
        rates = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")
        assert [saved[rate] for rate in rates] == [0.3] * 3
