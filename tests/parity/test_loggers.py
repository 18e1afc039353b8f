"""The loggers, by what their own packages read back, and of which package and place is refused."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from dualtrain import fit
from dualtrain.cli import main
from dualtrain.errors import ExtraError, OutputError
from dualtrain.loggers import (
    LOGGERS,
    JsonLines,
    Logger,
    SwanLab,
    TensorBoard,
    VisualDL,
    WandB,
    logger_of,
)
from dualtrain.trace import Update
from tests.builders import spec_of
from tests.tasks import small_spec, write_task


def logged(logger: Logger) -> tuple[Update, ...]:
    """The updates of a run with momentum that cycles, scored at its end."""
    spec = spec_of(
        optimizer={"name": "momentum", "lr": 0.1, "momentum": 0.9},
        schedule={
            "name": "one_cycle",
            "start_lr": 0.01,
            "end_lr": 0.0,
            "rise": 0.5,
            "shape": "linear",
            "momentum": {"low": 0.85, "high": 0.9},
        },
        duration={"updates": 4},
    )
    x = np.ones((2, 3), np.float32)
    rows = [{"input": x, "labels": np.array([0, 1])}] * 2
    model = torch.nn.Linear(3, 2)
    return fit(spec, model, rows, evaluate=lambda model: {"f1": 0.25}, callbacks=[logger])


def expected(updates: tuple[Update, ...], name: str) -> list[tuple[int, Any]]:
    """As float32, which event files hold."""
    return [(u.attempt + 1, np.float32(getattr(u, name))) for u in updates]


def test_tensorboard(tmp_path: Path) -> None:
    updates = logged(TensorBoard(tmp_path / "events"))
    (file,) = (tmp_path / "events").iterdir()
    found: dict[str, list[tuple[int, Any]]] = {}
    for event in events(file.read_bytes()):
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, np.float32(value.simple_value)))
    for name in ("lr", "loss", "momentum"):
        assert found[f"train/{name}"] == expected(updates, name)
    assert found["eval/f1"] == [(4, np.float32(0.25))]


def events(data: bytes) -> Iterator[Any]:
    """The events of a file: each with its length and two checksums around it."""
    Event = import_module("tensorboardX.proto.event_pb2").Event

    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        yield Event.FromString(data[at + 12 : at + 12 + size])
        at += 16 + size


def test_visualdl(tmp_path: Path) -> None:
    updates = logged(VisualDL(tmp_path / "records"))
    (file,) = (tmp_path / "records").iterdir()
    reader = import_module("visualdl").LogReader(file_path=str(file))
    for name in ("lr", "loss", "momentum"):
        found = [(v.id, np.float32(v.value)) for v in reader.get_data("scalar", f"train/{name}")]
        assert found == expected(updates, name)
    assert [(v.id, v.value) for v in reader.get_data("scalar", "eval/f1")] == [(4, 0.25)]


@pytest.mark.parametrize(("kind", "make"), [("wandb", WandB), ("swanlab", SwanLab)])
def test_those_that_log_elsewhere(monkeypatch: pytest.MonkeyPatch, kind: str, make: Any) -> None:
    """What their packages are called with: `init`, and `log` and `finish` of the run it gives."""
    calls: list[tuple[str, Any, Any]] = []

    class Theirs:
        def log(self, *values: Any, **more: Any) -> None:
            calls.append(("log", values, more))

        def finish(self) -> None:
            calls.append(("finish", (), {}))

    def init(**given: Any) -> Theirs:
        calls.append(("init", (), given))
        return Theirs()

    package: Any = ModuleType(kind)
    package.init = init
    monkeypatch.setitem(sys.modules, kind, package)
    updates = logged(make("my project"))
    (_, _, given), *rows, score, end = calls
    assert given["project"] == "my project"
    assert given["config"]["optimizer"]["lr"] == 0.1
    json.dumps(given["config"])  # a document
    assert [(values[0]["train/lr"], more) for _, values, more in rows] == [
        (u.lr, {"step": u.attempt + 1}) for u in updates
    ]
    assert score == ("log", ({"eval/f1": 0.25},), {"step": 4})
    assert end[0] == "finish"


@pytest.mark.parametrize(
    ("kind", "package"),
    [
        ("tensorboard", "tensorboardX"),
        ("visualdl", "visualdl"),
        ("wandb", "wandb"),
        ("swanlab", "swanlab"),
    ],
)
def test_a_package_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, kind: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    rule = f"the logger '{kind}' needs the package '{package}': pip install {package}. Received"
    with pytest.raises(ExtraError, match=rule):
        logger_of(f"{kind}:place")


@pytest.mark.parametrize("text", ["jsonl", "jsonl:", "json:log", ""])
def test_a_kind_or_a_place_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be one of jsonl:FILE, .*Received: '" + text + "'$"):
        logger_of(text)
    assert list(LOGGERS) == ["jsonl", "swanlab", "tensorboard", "visualdl", "wandb"]


def test_a_log_is_not_written_into_another_file(tmp_path: Path) -> None:
    data = tmp_path / "train.csv"
    data.write_text("text,label\n")
    with pytest.raises(OutputError, match=r"train.csv: a log goes on behind .* 'text,label"):
        JsonLines(data)
    assert data.read_text() == "text,label\n"
    with pytest.raises(OutputError, match=r"a log is a regular file\. Received: a folder"):
        JsonLines(tmp_path)


def test_a_line_that_was_cut_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "time": 1.0, "trai')
    logged(JsonLines(path))
    cut, *rest = path.read_text().splitlines()
    assert cut == '{"step": 1, "time": 1.0, "trai'
    assert [json.loads(line)["step"] for line in rest] == [1, 2, 3, 4, 4]


def test_every_must_be_one_or_more(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"every must be 1 or more updates\. Received: 0"):
        JsonLines(tmp_path / "log.jsonl", every=0)


def test_the_command_logs_to_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_task(tmp_path)
    spec = tmp_path / "spec.json"
    spec.write_text(small_spec(tmp_path, duration={"updates": 2}).model_dump_json())
    logs = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    arguments = ["train", str(spec), "--backend", "torch"]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--log", f"jsonl:{logs[0]}", "--log", f"jsonl:{logs[1]}"])
    assert not end.value.code
    for log in logs:
        assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [1, 2, 2]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--log", "json:log"])
    assert end.value.code == 2
    assert "must be one of jsonl:FILE" in capsys.readouterr().err
