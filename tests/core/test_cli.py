"""The command line: its options, its output, its exit statuses, and what it does not import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import dualtrain
from dualtrain.cli import app
from dualtrain.ledger import Ledger, LedgerRow, Parameter
from dualtrain.parity import compare
from dualtrain.spec import Spec
from dualtrain.workers import Side
from tests.command import EPOCHS, TASK, UPDATES, Run, Write
from tests.command import run as run
from tests.command import spec as spec
from tests.modules import FRAMEWORKS, modules_after
from tests.traces import make_trace, make_weights, with_update, write_run, write_trace


def test_commands_and_options_are_these() -> None:
    commands: Any = get_command(app)
    found = {
        name: sorted(o for p in command.params for o in (*p.opts, *p.secondary_opts))
        for name, command in commands.commands.items()
    }
    assert found == {
        "check": ["--micro-batches", "specs"],
        "schema": [],
        "plan": ["--json", "--micro-batches", "--world-size", "spec"],
        "plot": ["--micro-batches", "--output", "-o", "specs"],
        "explain": ["--json", "--micro-batches", "spec"],
        "compare": ["--dialects", "--json", "--micro-batches", "spec"],
        "write": ["--backend", "--model", "--output", "-o", "spec"],
        "ledger": ["--backend", "--json", "--model", "spec"],
        "train": [
            "--allow-spec-change",
            "--backend",
            "--checkpoints",
            "--device",
            "--every",
            "--log",
            "--output",
            "--resume",
            "--shard",
            "--states",
            "--trace",
            "spec",
        ],
        "lockstep": ["--backend", "--device", "--report", "--states", "spec"],
        "parity": [
            "--device",
            "--every",
            "--floor",
            "--no-floor",
            "--nudges",
            "--paddle-python",
            "--report",
            "--side",
            "--torch-python",
            "spec",
        ],
        "predict": ["--backend", "--device", "--output", "--weights", "-o", "data", "run"],
        "diff": ["--floor", "--micro-batches", "--plan", "--report", "a", "b"],
        "twins": ["--output", "a", "b"],
        "read": ["--config", "--format", "--output", "--root", "--run", "-o", "paths"],
        "port": [
            "--config",
            "--micro-batches",
            "--output",
            "--root",
            "--run",
            "--set",
            "--to",
            "-o",
            "paths",
        ],
    }
    assert [option for p in commands.params for option in p.opts] == ["--version"]


def test_version(run: Run) -> None:
    assert (0, f"{dualtrain.__version__}\n", "") == run("--version")


def test_check_says_ok(run: Run, spec: Write) -> None:
    path = spec(UPDATES)
    assert run("check", path, path) == (0, f"{path}: ok\n{path}: ok\n", "")


def test_check_says_what_it_could_not_plan(run: Run, spec: Write, tmp_path: Path) -> None:
    path = spec(EPOCHS)
    said = "ok, but not planned: the duration is in epochs; give --micro-batches"
    assert run("check", path) == (0, f"{path}: {said}\n", "")
    assert run("check", path, "--micro-batches", 5) == (0, f"{path}: ok\n", "")
    task = spec(TASK)
    said = f"ok, but not planned: {tmp_path}/train.csv is not there; give --micro-batches"
    assert run("check", task) == (0, f"{task}: {said}\n", "")


def test_check_plans(run: Run, spec: Write, tmp_path: Path) -> None:
    """101 updates of warmup in 100: a spec may say so, and no run can do it."""
    path = spec(UPDATES.replace("{proportion: 0.5}", "{steps: 7}"))
    told = (
        f"{path}:3: warmup.steps: must be shorter than the schedule; write at most 5, or a longer "
        "duration. Received: 7 warmup updates, horizon 6\n"
    )
    assert run("check", path) == (2, "", told)
    assert run("plan", path) == (2, "", told)


def test_check_counts_the_data_of_a_task(run: Run, spec: Write, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\n" + "a,b\n" * 16 + "a,c\n")  # 3 an epoch
    path = spec(TASK.replace("{proportion: 0.5}", "{steps: 6}"))
    status, out, err = run("check", path)
    assert (status, out) == (2, "")
    assert "Received: 6 warmup updates, horizon 6" in err
    (tmp_path / "train.csv").write_text("text;label\n")
    assert run("check", path)[0] == 2


def test_check_refuses_what_no_number_of_micro_batches_mends(run: Run, spec: Write) -> None:
    """Epochs of warmup beside epochs of schedule: the sizes of the run do not matter."""
    path = spec(
        EPOCHS.replace("linear", "linear, per: epoch").replace("{proportion: 0.5}", "{steps: 2}")
    )
    status, out, err = run("check", path)
    assert (status, out) == (2, "")
    assert err.startswith(f"{path}:3: warmup.steps: counts epochs, as the schedule does")


def test_check_goes_on_after_a_bad_spec_and_exits_with_2(
    run: Run, spec: Write, tmp_path: Path
) -> None:
    good, bad = spec(UPDATES), tmp_path / "bad.yaml"
    bad.write_text(EPOCHS.replace("lr: 0.1", "lr: -1"))
    status, out, err = run("check", bad, good)
    assert (status, out) == (2, f"{good}: ok\n")
    assert err == f"{bad}:1: optimizer.lr: must be > 0. Received: -1\n"


def test_schema_is_json(run: Run) -> None:
    status, out, _ = run("schema")
    assert (status, json.loads(out)["title"]) == (0, "dualtrain spec")


def test_diff_writes_a_report(run: Run, tmp_path: Path) -> None:
    a = write_run(tmp_path / "a.jsonl", make_trace("torch"), make_weights())
    b = write_run(tmp_path / "b.jsonl", make_trace("paddle"), make_weights(1e-6))
    status, out, _ = run("diff", a, b, "--report", tmp_path / "report")
    assert status == 0
    assert "Final weights differ by at most" in out
    assert json.loads((tmp_path / "report" / "summary.json").read_text())["agrees"] is True


def test_diff_writes_where_no_report_of_another_stands(run: Run, tmp_path: Path) -> None:
    """Known before the traces are read, and nothing is replaced."""
    (tmp_path / "file").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "summary.md").write_text("mine")
    for place, received in (
        ("file", "a report is a folder. Received: a file"),
        ("file/x", "a report must be where files can be written. Received: Not a directory"),
        ("mine", "and nothing else: choose another folder. Received: 'summary.md', without"),
    ):
        status, _, err = run("diff", "no.jsonl", "no.jsonl", "--report", tmp_path / place)
        assert (status, err.count("\n")) == (2, 1)
        assert err.startswith(f"{tmp_path / place}: a report ")
        assert received in err
    assert (tmp_path / "mine" / "summary.md").read_text() == "mine"


def test_a_file_that_cannot_be_written_is_named(run: Run, spec: Write, tmp_path: Path) -> None:
    """In one line, and what stands there stays."""
    (tmp_path / "curve.png").mkdir()
    path = spec(UPDATES)
    for place, received in (
        ("curve.png", "what stands there is not a regular file"),
        ("spec.yaml/curve.png", "Not a directory"),
        ("x" * 300 + ".png", "File name too long"),
    ):
        status, _, err = run("plot", path, "--micro-batches", 5, "-o", tmp_path / place)
        assert (status, err.count("\n")) == (2, 1)
        assert err.endswith(f": cannot be read or written. Received: {received}\n")
    assert (tmp_path / "curve.png").is_dir()


def test_diff_of_a_bad_file_is_text_and_status_2(run: Run, tmp_path: Path) -> None:
    a = write_trace(tmp_path / "a.jsonl", make_trace())
    b = tmp_path / "b.jsonl"
    b.write_text("{}\n")
    status, out, err = run("diff", a, b)
    assert (status, out) == (2, "")
    assert err == (
        f"{b}:1: a trace's first line has 'format': 'dualtrain-trace'. Received: no 'format'\n"
    )


def test_a_refusal_is_not_as_long_as_what_it_names(run: Run, spec: Write, tmp_path: Path) -> None:
    """A name that no file can have; one that a file could have is told whole."""
    path = spec(TASK.replace("train.csv", f"{'x' * 100_000}.csv"))
    status, _, err = run("check", path)
    assert (status, len(err) < 1000) == (2, True)
    assert err.endswith("File name too long\n")
    _, _, err = run("diff", tmp_path / ("x" * 100_000))
    assert err.startswith(f"{tmp_path}/xxx")
    assert err.endswith(": a trace is a readable file. Received: File name too long\n")
    assert len(err) < 300
    path = tmp_path / "/".join(["x" * 200] * 15)
    assert run("diff", path)[2].startswith(f"{path}: ")


def parameter(name: str, *, trainable: bool = True) -> Parameter:
    return Parameter(
        name=name,
        structured=name,
        native=f"{name}.w_0",
        shape=(2, 3),
        kind="other",
        trainable=trainable,
    )


def test_ledger_shows_a_row_per_parameter(
    run: Run, spec: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (
        LedgerRow(
            parameter=parameter("a"),
            roles=(),
            rule="default",
            decay=0.01,
            lr_rule="pattern a",
            lr_multiplier=0.5,
        ),
        LedgerRow(parameter=parameter("b"), roles=("bias",), rule="role bias", decay=0.0),
        LedgerRow(
            parameter=parameter("c", trainable=False),
            roles=(),
            rule="default",
            decay=0.01,
            freeze_rule="the model",
        ),
    )
    asked: list[object] = []

    def ledger(spec: Spec, backend: str) -> Ledger:
        asked.append(backend)
        return Ledger(rows)

    monkeypatch.setattr("dualtrain.training.task_ledger", ledger)
    monkeypatch.setenv("DUALTRAIN_BACKEND", "paddle")
    status, out, _ = run("ledger", spec(EPOCHS))
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert (status, asked) == (0, ["paddle"])
    for line in (
        "parameter native name shape roles rule decay lr rule lr",
        "a a.w_0 2 x 3 default 0.01 pattern a x 0.5",
        "b b.w_0 2 x 3 bias role bias 0 default x 1",
        "c c.w_0 2 x 3 the model frozen",
        "1 of 3 parameters decay; frozen: 1",
    ):
        assert line in lines


def test_ledger_needs_a_backend_or_a_model(
    run: Run, spec: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DUALTRAIN_BACKEND", raising=False)
    status, out, err = run("ledger", spec(EPOCHS))
    assert (status, out) == (2, "")
    assert "--backend" in err
    assert "is needed where no --model tells it. Received: nothing" in " ".join(
        err.replace("│", " ").split()
    )


MODELS = """\
VALUE = 3

class Thing:
    pass

def make():
    return Thing()

def broken():
    return 1 / 0
"""


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("models", "Received: 'models'"),
        ("models:", "Received: 'models:'"),
        ("nowhere:make", "Received: the module 'nowhere', which is neither in"),
        ("models.inner:make", "Received: the module 'models.inner', which is neither in"),
        ("models:mak", "'models' has no 'mak'; it has 'Thing', 'make', 'broken'"),
        ("models:Thing.make", "'models' has no 'Thing.make'"),
        ("models:VALUE", "Received: 'models:VALUE', which gives a int"),
        ("models:make", "Received: 'models:make', which gives a Thing"),
        ("models:broken", "'models:broken' failed: ZeroDivisionError: division by zero"),
        ("fails:make", "importing 'fails' failed: ModuleNotFoundError: No module named 'absent_'"),
        ("wrong:make", "importing 'wrong' failed: SyntaxError"),
    ],
)
def test_a_model_that_is_none_is_text_and_status_2(
    run: Run,
    spec: Write,
    named: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`--model` is looked for in the current folder too."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("models", MODELS), ("fails", "import absent_"), ("wrong", "def")):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    status, out, err = run("ledger", spec(UPDATES), "--model", named)
    assert (status, out, "Traceback" in err) == (2, "", False)
    assert "".join(told.split()) in "".join(err.replace("│", "").split())


def test_train_needs_a_backend(run: Run, spec: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DUALTRAIN_BACKEND", raising=False)
    status, _, err = run("train", spec(EPOCHS))
    assert (status, "--backend" in err) == (2, True)


def test_device_must_be_one(run: Run, spec: Write) -> None:
    status, _, err = run("train", spec(EPOCHS), "--backend", "torch", "--device", "gpu")
    assert (status, "'gpu'" in err, "Traceback" in err) == (2, True, False)


@pytest.mark.parametrize("agree", [True, False])
def test_parity_passes_its_options_on(
    run: Run, spec: Write, monkeypatch: pytest.MonkeyPatch, agree: bool
) -> None:
    asked: dict[str, Any] = {}
    a = make_trace()

    def run_parity(spec: Spec, **options: Any) -> object:
        asked.update(options, device=spec.device)
        return compare(a, a if agree else with_update(a, 2, lr=1.0))

    monkeypatch.setattr("dualtrain.workers.run_parity", run_parity)
    arguments = ["--report", "r", "--torch-python", "./p", "--device", "cuda:1", "--no-floor"]
    arguments += ["--every", "3"]
    status, out, _ = run("parity", spec(EPOCHS), *arguments)
    del asked["console"]
    assert asked == {
        "device": "cuda:1",
        "every": 3,
        "nudges": 0,
        "report": Path("r"),
        "sides": (Side("torch", "torch", "./p"), Side("paddle", "paddle")),
    }
    assert (status, ("agree in" in out)) == (0 if agree else 1, agree)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], 0),
        (["--floor"], 1),
        (["--no-floor"], 0),
        (["--nudges", "3"], 3),
        (["--floor", "--nudges", "2"], 2),
        (["--no-floor", "--nudges", "0"], 0),
    ],
)
def test_parity_takes_several_nudged_runs(
    options: list[str], expected: int, spec: Write, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def run_parity(spec: Spec, **options: Any) -> object:
        asked.update(options)
        return compare(make_trace(), make_trace())

    monkeypatch.setattr("dualtrain.workers.run_parity", run_parity)
    run("parity", spec(EPOCHS), *options)
    assert asked["nudges"] == expected


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--no-floor", "--nudges", "2"], "which --no-floor leaves out. Received: 2"),
        (["--nudges", "10"], "is at most 9: further runs sharpen nothing. Received: 10"),
    ],
)
def test_nudged_runs_that_parity_refuses(
    options: list[str], text: str, spec: Write, run: Run
) -> None:
    status, _, error = run("parity", spec(EPOCHS), *options)
    told = "".join(error.replace("│", "").split())
    assert (status, "".join(text.split()) in told) == (2, True)


@pytest.mark.parametrize(
    ("told", "sides"),
    [
        (
            ["a=torch", "b=torch@/old/python"],
            (Side("a", "torch", "./p"), Side("b", "torch", "/old/python")),
        ),
        (["x=third@py@3", "y=paddle"], (Side("x", "third", "py@3"), Side("y", "paddle"))),
    ],
)
def test_parity_takes_other_sides(
    run: Run,
    spec: Write,
    monkeypatch: pytest.MonkeyPatch,
    told: list[str],
    sides: tuple[Side, Side],
) -> None:
    """Those without an interpreter of their own have that of their backend."""
    asked: dict[str, Any] = {}

    def run_parity(spec: Spec, **options: Any) -> object:
        asked.update(options)
        return compare(make_trace(), make_trace())

    monkeypatch.setattr("dualtrain.workers.run_parity", run_parity)
    options = [word for side in told for word in ("--side", side)]
    status, _, _ = run("parity", spec(EPOCHS), *options, "--torch-python", "./p")
    assert (status, asked["sides"]) == (0, sides)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (["a=torch"], "must be given twice, or not at all. Received: 1"),
        (["a=torch", "b=torch", "c=torch"], "must be given twice, or not at all. Received: 3"),
        (["torch", "b=torch"], "a side is NAME=BACKEND or NAME=BACKEND@PYTHON. Received: 'torch'"),
        (["a=", "b=torch"], "a side is NAME=BACKEND or NAME=BACKEND@PYTHON. Received: 'a='"),
        (["a=torch@", "b=torch"], "or NAME=BACKEND@PYTHON. Received: 'a=torch@'"),
        (["../a=torch", "b=torch"], "the first a letter or a digit. Received: '../a'"),
        (["=torch", "b=torch"], "the first a letter or a digit. Received: ''"),
        (["a=torch", "a=paddle"], "no other file. Received: 'a' and 'a'"),
        (["a=torch", "A=torch"], "no other file. Received: 'a' and 'A'"),
        (["a=torch", "a-nudged=torch"], "Received: 'a-nudged' and 'a-nudged'"),
        (["a=torch", "a.trace.jsonl=torch"], "Received: 'a.trace.jsonl' and 'a.trace.jsonl'"),
        (["summary.json=torch", "b=torch"], "Received: 'summary.json' and 'summary.json'"),
    ],
)
def test_sides_that_are_none(run: Run, spec: Write, told: list[str], message: str) -> None:
    options = [word for side in told for word in ("--side", side)]
    status, out, err = run("parity", spec(EPOCHS), "--floor", *options)
    assert (status, out) == (2, "")
    assert "".join(message.split()) in "".join(err.replace("│", "").split())


def modules_of(*commands: list[object], before: str = "", path: Path | None = None) -> set[str]:
    """The modules that any of these commands has imported when all have exited."""
    code = (
        f"{before}\nfrom dualtrain.cli import main\n"
        f"for command in {[list(map(str, command)) for command in commands]!r}:\n"
        "    try: main(command)\n"
        "    except SystemExit as end: assert end.code == 0, (command, end.code)"
    )
    return modules_after(code, path=path)


def test_framework_free_commands_import_no_framework(spec: Write, tmp_path: Path) -> None:
    path = spec(UPDATES)
    trace = write_run(tmp_path / "a.jsonl", make_trace(), make_weights())
    commands: list[list[object]] = [
        ["check", path],
        ["schema"],
        ["plan", path],
        ["plot", path],
        ["plot", path, "-o", tmp_path / "lr.png"],
        ["explain", path],
        ["compare", path],
        ["diff", trace, trace, "--report", tmp_path / "report"],
        ["train", "--help"],
    ]
    assert modules_of(*commands) & FRAMEWORKS == set()


def test_the_check_for_frameworks_can_fail(tmp_path: Path) -> None:
    (tmp_path / "paddle.py").touch()  # an empty stand-in
    found = modules_of(["schema"], before="import paddle", path=tmp_path)
    assert {"paddle"} == found & FRAMEWORKS


def test_a_fault_of_our_own_is_not_taken_for_a_difference(
    run: Run, spec: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(plan: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr("dualtrain.plan.Plan.lr_curve", broken)
    status, _, err = run("plan", spec(EPOCHS), "--micro-batches", "4")
    assert (status, "ZeroDivisionError" in err) == (3, True)


def test_a_terminal_that_cannot_draw_is_told_of_files(spec: Write) -> None:
    file = str(spec(EPOCHS))
    command = [sys.executable, "-m", "dualtrain", "plot", file, "--micro-batches", "4"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "--output" in done.stderr
