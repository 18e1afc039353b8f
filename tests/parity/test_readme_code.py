"""The READMEs' Python runs as it stands, on a model of the zoo, in both frameworks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import zoo
from dualtrain.backend import logits_of

ROOT = Path(__file__).parents[2]
SPEC = """\
optimizer: {name: adamw, lr: 1e-3}
schedule: {name: linear}
weight_decay: {value: 0.1, exclude: [bias, norm]}
duration: {epochs: 1}
"""


def blocks() -> tuple[str, str]:
    """The code of 'From Python' and that of 'In your CI'."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    script, tests = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    return script, tests


@pytest.mark.parametrize("side", [0, 1], ids=[backend.NAME for backend in zoo.BACKENDS])
def test_from_python(
    side: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pair, backend = zoo.pair("bert", batches=3), zoo.BACKENDS[side]
    device = backend.open_device("cpu")
    (tmp_path / "spec.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)

    def compute_loss(model: Any, batch: Any) -> Any:
        return logits_of(model, backend.to_device(batch, device)).mean()

    names: dict[str, Any] = {
        "model": pair.models[side],
        "batches": pair.batches,
        "compute_loss": compute_loss,
    }
    exec(blocks()[0], names)

    assert names["run"].t == 3
    assert "classifier.weight 0.1 default 1.0 True\n" in capsys.readouterr().out


def test_in_your_ci() -> None:
    pair = zoo.pair("bert", updates=5, batches=2)
    names: dict[str, Any] = {"spec": pair.spec, "batches": pair.batches}
    names["torch_model"], names["paddle_model"] = pair.models
    exec(blocks()[1], names)

    found = [name for name in names if name.startswith("test_")]
    assert found == [
        "test_schedules_agree",
        "test_the_same_parameters_decay",
        "test_training_agrees",
    ]
    for name in found:
        names[name]()
