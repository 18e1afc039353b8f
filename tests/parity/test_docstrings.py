"""Every example that needs a framework holds: the backends' own, and some of the core."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dualtrain
import dualtrain_paddle
import dualtrain_torch
from tests.builders import spec_of
from tests.docstrings import IN_A_FRAMEWORK, examples, run, short

EXAMPLES = [
    *examples(dualtrain_torch, dualtrain_paddle),
    *(test for test in examples(dualtrain) if short(test) in IN_A_FRAMEWORK),
]

SPEC = spec_of(schedule={"name": "linear"}, warmup={"steps": 2})


def _fit() -> dict[str, Any]:
    x, y = np.ones((2, 3), np.float32), np.array([0, 1])
    return {
        "dualtrain": dualtrain,
        "spec": SPEC,
        "model": Named(torch.nn.Linear(3, 2)),
        "x": x,
        "y": y,
    }


class Named(torch.nn.Module):
    """Takes the batch by its names, and gives what Hugging Face's models give."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return self.layer(x)


class WithLoss(Named):
    """Its output has a loss."""

    def forward(self, x: Any) -> Any:
        class Output:
            loss = self.layer(x).square().mean()

        return Output


def _run() -> dict[str, Any]:
    model = WithLoss(torch.nn.Linear(3, 2))
    run = dualtrain.start(SPEC, model, micro_batches_per_epoch=4)
    return {"model": model, "run": run, "batches": 4 * [{"x": torch.ones(2, 3)}]}


def _start() -> dict[str, Any]:
    made = _run()
    made["run"].close()
    return {**made, "dualtrain": dualtrain, "spec": SPEC}


def _resume() -> dict[str, Any]:
    """A run that was left after two updates of an epoch's four."""
    made = _start()
    spec = spec_of(duration={"epochs": 3})
    with dualtrain.start(spec, made["model"], micro_batches_per_epoch=4) as run:
        for batch in made["batches"][:2]:
            run.step(loss_of(run.model, batch))
        run.save("checkpoints")
    return {**made, "loss_of": loss_of}


def loss_of(model: Any, batch: dict[str, Any]) -> Any:
    return model(**batch).loss


MADE: dict[str, Callable[[], dict[str, Any]]] = {
    "Run": _run,
    "fit": _fit,
    "resume": _resume,
    "start": _start,
}


@pytest.mark.parametrize("test", EXAMPLES, ids=lambda test: test.name)
def test_it_holds(test: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = MADE[short(test)]() if short(test) in MADE else {}
    assert run(test, made) == ""


def test_those_of_the_core_are_these() -> None:
    assert MADE.keys() == {*IN_A_FRAMEWORK}
