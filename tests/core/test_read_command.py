"""dualtrain read: a spec with where each number comes from, or JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dualtrain.spec import load_spec
from tests.command import Run
from tests.command import run as run

SCRIPT = """\
import argparse
import paddle
from paddlenlp.transformers import LinearDecayWithWarmup

parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float, default=5e-5)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--max_grad_norm", type=float, default=1.0)
args = parser.parse_args()
model = paddle.nn.Linear(2, 2)
loader = paddle.io.DataLoader(data(), batch_size=32)
names = [p.name for n, p in model.named_parameters()
         if not any(nd in n for nd in ["bias", "norm"])]
schedule = LinearDecayWithWarmup(args.learning_rate, len(loader) * args.epochs, 0.1)
optimizer = paddle.optimizer.AdamW(
    learning_rate=schedule, parameters=model.parameters(), weight_decay=0.01,
    apply_decay_param_fun=lambda x: x in names, grad_clip=paddle.nn.ClipGradByGlobalNorm(1.0))
for epoch in range(args.epochs):
    for batch in loader:
        loss = model(batch)
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.clear_grad()
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    return path


def test_a_spec_is_written_with_its_sources(run: Run, script: Path, tmp_path: Path) -> None:
    out = tmp_path / "spec.yaml"
    status, printed, errors = run("read", script, "-o", out)
    assert (status, printed) == (0, "")
    assert errors == "1 hazards, 0 unknown: none\n"
    text = out.read_text()
    assert "lr: 5e-05  # train.py:6, flag default, --learning_rate" in text
    assert "hazard dead_flag, train.py:8" in text
    spec = load_spec(out)
    assert (spec.optimizer.name, spec.optimizer.lr, spec.schedule.name) == ("adamw", 5e-5, "linear")
    assert spec.warmup is not None and spec.warmup.proportion == 0.1
    assert spec.weight_decay is not None
    assert spec.weight_decay.exclude_substrings == ("bias", "norm")
    assert spec.clip is not None and spec.clip.global_norm == 1.0
    assert (spec.duration.epochs, spec.batch.size) == (3, 32)


def test_a_command_beats_a_default(run: Run, script: Path) -> None:
    status, printed, _ = run("read", script, "--run", "python train.py --learning_rate 1e-4")
    assert status == 0
    assert "lr: 0.0001  # the command line, command line, --learning_rate" in printed


def test_json_has_each_fields_source(run: Run, script: Path) -> None:
    status, printed, _ = run("read", script, "--format", "json")
    told = json.loads(printed)
    assert status == 0
    assert told["fields"]["lr"] == {
        "value": 5e-5,
        "certainty": "stated",
        "file": "train.py",
        "line": 6,
        "how": "flag default",
        "flag": "--learning_rate",
        "why": None,
    }
    assert told["fields"]["betas"]["certainty"] == "implied"
    assert told["spec"]["duration"] == {"epochs": 3}
    assert [one["code"] for one in told["hazards"]] == ["dead_flag"]


def test_what_is_unknown_is_asked_for_by_name(run: Run, script: Path, tmp_path: Path) -> None:
    asked = SCRIPT.replace('"--epochs", type=int, default=3', '"--epochs", type=int, required=True')
    script.write_text(asked)
    out = tmp_path / "spec.yaml"
    status, _, errors = run("read", script, "-o", out)
    assert status == 0
    assert "1 unknown: duration" in errors
    assert "# duration: unknown." in out.read_text()
    status, _, errors = run("check", out)
    assert status == 2
    assert "duration" in errors


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("none.py", None, "none.py: cannot be read"),
        ("bad.py", "def f(:\n", "bad.py:1: not Python"),
        ("other.yaml", "a: 1\n", "a configuration of no repository that is known"),
        ("page.md", "hello\n", "a recipe is read from a script or a configuration"),
    ],
)
def test_what_is_no_recipe_is_refused(
    run: Run, tmp_path: Path, name: str, text: str | None, why: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    status, printed, errors = run("read", path)
    assert (status, printed) == (2, "")
    assert why in errors
