"""The command line in a test: run it, write a spec for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dualtrain.cli import main

EPOCHS = """\
optimizer: {name: adamw, lr: 0.1}
schedule: {name: linear}
warmup: {proportion: 0.5}
batch: {accumulate: 2}
duration: {epochs: 2}
"""
UPDATES = EPOCHS.replace("{epochs: 2}", "{updates: 6}")
TASK = EPOCHS.replace("{accumulate: 2}", "{size: 4, accumulate: 2}") + (
    "task:\n"
    "  {name: text_classification, train: train.csv, text: text, label: label,\n"
    "   model: {family: bert, hidden_size: 8, layers: 1, heads: 2, max_length: 8}}\n"
)

PLATEAU = UPDATES.replace(
    "{name: linear}",
    "{name: reduce_on_plateau, mode: min, factor: 0.5, patience: 2, threshold: 0,"
    " threshold_mode: abs, cooldown: 0, min_lr: 0, eps: 0}",
)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command: (exit status, standard output, standard error)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, said.out, said.err

    return run


@pytest.fixture
def spec(tmp_path: Path) -> Callable[[str], Path]:
    """Write a spec file; returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "spec.yaml"
        path.write_text(text)
        return path

    return write


Write = Callable[[str], Path]
