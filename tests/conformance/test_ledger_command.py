"""`dualtrain ledger --model`: every decision for a model of the user's own, on every backend."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dualtrain.backend import Backend
from dualtrain.cli import main

SPEC = """\
optimizer: {name: adamw, lr: 0.1}
schedule: {name: constant}
weight_decay: {value: 0.5, exclude: [bias]}
freeze: {patterns: [bias]}
duration: {updates: 1}
"""

MODEL = """\
from dualtrain.backend import load_backend

def make():
    return load_backend({name!r}).build_linear(3, 2)

class Zoo:
    @staticmethod
    def small():
        return make()

made = make()
"""


@pytest.fixture
def spec(backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A spec without a task, beside a module that makes the backend's model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "users_own", raising=False)
    monkeypatch.delenv("DUALTRAIN_BACKEND", raising=False)
    Path("users_own.py").write_text(MODEL.format(name=backend.NAME))
    Path("spec.yaml").write_text(SPEC)
    return "spec.yaml"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize("maker", ["make", "Zoo.small", "made"])
def test_the_backend_is_told_by_the_model(
    spec: str, maker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("ledger", spec, "--model", f"users_own:{maker}") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]

    assert lines[0] == "parameter native name shape roles rule decay lr rule lr"
    assert lines[1].startswith("bias ") and lines[1].endswith("pattern bias frozen")
    assert lines[2].startswith("weight ") and lines[2].endswith("2 x 3 default 0.5 default x 1")
    assert lines[3] == "1 of 2 parameters decay; frozen: 1"


def test_as_json(spec: str, backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("ledger", spec, "--model", "users_own:make", "--backend", backend.NAME, "--json")
    assert run(*command) == 0
    found = json.loads(capsys.readouterr().out)

    assert [(r["name"], r["shape"], r["roles"], r["decay"], r["trains"]) for r in found] == [
        ("bias", [2], ["bias", "one_dimensional"], 0.0, False),
        ("weight", [2, 3], [], 0.5, True),
    ]
    assert found[1] | {"native": ""} == {
        "name": "weight",
        "aliases": [],
        "native": "",
        "shape": [2, 3],
        "kind": "other",
        "roles": [],
        "rule": "default",
        "decay": 0.5,
        "lr_rule": "default",
        "lr_multiplier": 1.0,
        "betas_rule": "default",
        "betas": None,
        "freeze_rule": "default",
        "trains": True,
    }


def test_a_backend_that_is_not_the_models_is_refused(
    spec: str, backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("ledger", spec, "--model", "users_own:make", "--backend", "other") == 2
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())

    assert f"must be {backend.NAME!r}, or left out" in said
    assert "Received: 'other'" in said


def test_a_rule_that_does_not_fit_the_model_is_text(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(spec).write_text(SPEC.replace("[bias]}\nduration", "['head.*']}\nduration"))

    assert run("ledger", spec, "--model", "users_own:make") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{spec}:4: freeze.patterns: pattern 'head.*' matches none")
