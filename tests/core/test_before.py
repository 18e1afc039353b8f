"""What every side would refuse is refused by one process, at once, and no side is started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dualtrain import Spec
from dualtrain.cli import main
from dualtrain.errors import (
    CheckpointError,
    DataError,
    DualtrainError,
    LedgerError,
    PlanError,
    WorkerError,
)
from dualtrain.spec import Source, load_spec
from dualtrain.training import check_before, parameters_of, task_of, train
from dualtrain.workers import DEFAULT_SIDES, Side, Signals, Workers, _process, run_parity
from dualtrain.workers._talk import Failed, Job, Ready, Report
from tests.modules import FRAMEWORKS, modules_after
from tests.tasks import small_spec, write_task
from tests.traces import make_trace


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the data of a small task; a process of a side must not be started."""
    write_task(tmp_path)

    def started(*arguments: Any) -> None:
        raise AssertionError("a side was started")

    monkeypatch.setattr(_process, "_Worker", started)
    monkeypatch.setattr("dualtrain.training.sides._task.load_backend", started)
    return tmp_path


ERNIE = {"family": "ernie", "hidden_size": 16, "layers": 1, "heads": 2, "max_length": 16}


def decay(**fields: Any) -> dict[str, Any]:
    return {"weight_decay": {"value": 0.1, **fields}}


REFUSED: dict[str, tuple[dict[str, Any], type[DualtrainError], str]] = {
    "a pattern that fits nothing": (
        decay(exclude_patterns=["*.no_such_layer.*"]),
        LedgerError,
        "weight_decay.exclude_patterns: pattern '*.no_such_layer.*' matches none of the model's",
    ),
    "a multiplier's": (
        {"lr_multipliers": [{"pattern": "head.*", "multiplier": 2.0}]},
        LedgerError,
        "lr_multipliers[0].pattern: pattern 'head.*' matches none",
    ),
    "nothing trains": (
        {"freeze": {"patterns": ["*"]}},
        LedgerError,
        "the model must have a parameter that trains; leave a pattern out",
    ),
    "warmup as long as the run": (
        {"warmup": {"steps": 12}},
        PlanError,
        "warmup.steps: must be shorter than the schedule; write at most 11",
    ),
    "no whole group": (
        {"batch": {"size": 8, "accumulate": 11, "tail": "drop"}},
        PlanError,
        "batch.accumulate: there is no update to make",
    ),
}


@pytest.mark.parametrize(("changes", "kind", "start"), REFUSED.values(), ids=REFUSED)
def test_by_parity_and_train_alike(
    changes: dict[str, Any], kind: type[DualtrainError], start: str, folder: Path
) -> None:
    spec = small_spec(folder, **changes)
    with pytest.raises(kind) as parity:
        run_parity(spec, report=folder / "report", nudges=1)
    with pytest.raises(kind) as alone:
        train(spec, "torch")
    assert str(parity.value).startswith(start)
    assert str(parity.value) == str(alone.value)
    assert not (folder / "report").exists()


def test_a_substring_that_only_paddlenlps_names_have(folder: Path) -> None:
    """In parity the torch side would refuse it; Paddle alone may train with it."""
    task = small_spec(folder).model_dump()["task"] | {"model": ERNIE}
    spec = small_spec(folder, task=task, **decay(exclude_substrings=["norm"]))
    with pytest.raises(LedgerError) as error:
        run_parity(spec, report=folder / "report")
    message = str(error.value)
    assert message.startswith(
        "the torch side, on Hugging Face's names: weight_decay.exclude_substrings: substring "
        "'norm' matches none of the model's 25 parameters. Near: 'ernie.embeddings.LayerNorm.bias'"
    )
    assert "Write exclude: [bias, norm] instead" in message
    check_before(spec)


def test_data_that_is_not_there(folder: Path) -> None:
    (folder / "eval.csv").unlink()
    with pytest.raises(DataError, match=r"eval\.csv"):
        run_parity(small_spec(folder), report=folder / "report")


def test_a_checkpoint_that_is_not_there(folder: Path) -> None:
    task = small_spec(folder).model_dump()["task"] | {"model": {"path": "no", "max_length": 16}}
    with pytest.raises(CheckpointError, match="a checkpoint is a local folder"):
        run_parity(small_spec(folder, task=task), report=folder / "report")


def test_a_refusal_names_the_line_of_the_spec(folder: Path) -> None:
    fields = small_spec(folder, **decay(exclude_patterns=["*.bias", "*.no.*"])).model_dump(
        mode="json", exclude_none=True
    )
    path = folder / "spec.json"
    path.write_text(json.dumps(fields, indent=1))
    line = 1 + path.read_text().splitlines().index('   "*.no.*"')
    with pytest.raises(LedgerError) as error:
        run_parity(load_spec(path), report=folder / "report")
    assert str(error.value).startswith(f"{path}:{line}: weight_decay.exclude_patterns: pattern")


def test_no_framework_is_imported(tmp_path: Path) -> None:
    write_task(tmp_path)
    spec = small_spec(tmp_path, warmup={"steps": 12})
    (tmp_path / "spec.json").write_text(spec.model_dump_json())
    for command in (["parity"], ["train", "--backend", "torch"]):
        code = (
            "from dualtrain.cli import main\n"
            f"try: main({[*command, str(tmp_path / 'spec.json')]!r})\n"
            "except SystemExit as end: assert end.code == 2, end.code"
        )
        assert modules_after(code) & FRAMEWORKS == set()


@pytest.mark.parametrize("command", [["parity"], ["train", "--backend", "torch"]])
def test_a_refusal_is_all_that_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """Not even an empty line, of a progress bar that had nothing to show, stands on its output."""
    path = folder / "spec.json"
    path.write_text(small_spec(folder, warmup={"steps": 12}).model_dump_json())
    with pytest.raises(SystemExit) as end:
        main([*command, str(path)])
    out, err = capsys.readouterr()
    assert (end.value.code, out, err.count("\n")) == (2, "", 1)


def test_what_is_not_refused(folder: Path) -> None:
    """The spec of the other tests, as it is; the known parameters are BERT's 25."""
    spec = small_spec(folder)
    check_before(spec)
    assert len(parameters_of(task_of(spec).config(spec.folder))) == 25


NUDGED = "the torch side, run once more for the floor, could not start: a"


class Silent:
    """A worker whose reports the test gives itself."""

    def __init__(self, side: Side, *_: object) -> None:
        self.side = side


@pytest.mark.parametrize(
    ("reports", "message"),
    [
        (
            [("torch-nudged", Failed("a")), ("torch", Failed("b"))],
            "the torch side could not start: b",
        ),
        ([("torch-nudged", Failed("a")), ("torch", Ready(make_trace().header))], NUDGED),
        ([("torch", Ready(make_trace().header)), ("torch-nudged", Failed("a"))], NUDGED),
        (
            [("torch-nudged", Failed("a")), ("paddle", Failed("c"))],
            "the paddle side could not start: c",
        ),
    ],
)
def test_a_refusal_is_under_the_real_name(
    reports: list[tuple[str, Report]],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Never `torch-nudged` for what the torch side refuses itself."""
    monkeypatch.setattr(_process, "_Worker", Silent)
    workers = Workers(tmp_path, Signals())
    torch, paddle = DEFAULT_SIDES
    job = Job(backend="", spec="", source={}, data="", trace="", output="")
    for side in (torch, paddle, torch.nudged()):
        workers.start(side, job)
    for report in reports:
        workers._heard.put(report)
    with pytest.raises(WorkerError) as error:
        workers.until(Ready)
    assert str(error.value) == message


def test_where_a_spec_stands_goes_to_the_side(tmp_path: Path) -> None:
    """Through JSON and back: folder, file, lines."""
    path = tmp_path / "spec.yaml"
    path.write_text(
        "optimizer: {name: adamw, lr: 1}\nschedule: {name: linear}\nduration:\n  updates: 3\n"
    )
    spec = load_spec(path)
    again = Spec(**spec.model_dump()).located(
        Source.load(json.loads(json.dumps(spec.source.dump())))
    )
    assert again.source == spec.source
    assert again.problem("duration", "updates", rule="").line == 4
    assert Source.load(Source().dump()) == Source()
