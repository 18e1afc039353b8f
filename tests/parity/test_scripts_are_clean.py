"""Written scripts pass ruff, of which most rules are asked, at its own line length."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dualtrain import Spec, write_script
from tests.builders import spec_of
from tests.oracle.specs import draw
from tests.scripts import writable

RULES = "E,F,I,UP,B,SIM,W"
HALF = {"amp": {"dtype": "float16", "loss_scale": {"floor": 2.0, "init": 8.0}}}
MORE: list[dict[str, Any]] = [
    {},
    {"device": "cuda", **HALF},
    {"device": "cuda", "amp": {"dtype": "bfloat16"}, "batch": {"normalise": "token_mean"}},
    {"amp": {"dtype": "bfloat16", "level": "O2"}, "clip": {"global_norm": 1.0}},
    {"amp": {"dtype": "bfloat16", "float32_operators": ["matmul", "softmax", "exp"]}},
    {
        "weight_decay": {
            "value": 0.5,
            "exclude": ["bias"],
            "values": [
                *({"role": role, "value": 1.0} for role in ("norm", "embedding")),
                {"role": "one_dimensional", "value": 0.0},
                {"pattern": "classifier.*", "value": 2.0},
            ],
        },
        "optimizer": {"name": "adamw", "lr": 0.5},
    },
    {"layer_decay": {"rate": 0.5, "below": ["a.*", "b.*"], "above": ["head.*"]}},
]


WITH_AMP = {"torch": {}, "paddle": {"device": "cuda"}}
"""Paddle's autocast does nothing on the CPU, which `write` refuses."""


def test_scripts_are_clean(tmp_path: Path) -> None:
    for backend in ("torch", "paddle"):
        drawn = [Spec(**writable(draw(11, index).spec, backend)) for index in range(88)]
        for number, spec in enumerate([*drawn, *(spec_of(**changes) for changes in MORE)]):
            if spec.amp:
                spec = spec.model_copy(update=WITH_AMP[backend])
            file = tmp_path / f"{backend}_{number}.py"
            file.write_text(write_script(spec, backend), encoding="utf-8")

    assert _complaints(tmp_path) == ""


@pytest.mark.parametrize("text", ["import os\n", "x = 1\n" + "y = '" + "z" * 90 + "'\n"])
def test_the_check_can_fail(text: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(text)

    assert "script.py" in _complaints(tmp_path)


def _complaints(folder: Path) -> str:
    """What ruff says of the files of a folder; empty if nothing."""
    pytest.importorskip("ruff", reason="ruff is a tool of development: the extra `lint`")
    options = ["--isolated", "--no-cache", "--target-version", "py310", "--line-length", "88"]
    command = [sys.executable, "-m", "ruff", "check", *options, "--select", RULES]
    done = subprocess.run(
        [*command, "--output-format", "concise", "."], cwd=folder, capture_output=True, text=True
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
