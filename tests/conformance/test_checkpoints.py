"""A run that is left and gone on with is to the bit the run that never was left, on every backend."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain import fit, resume, start
from dualtrain.backend import Backend
from dualtrain.checkpoints import newest
from dualtrain.spec import Spec
from dualtrain.state import RunState
from dualtrain.trace import read_trace
from dualtrain.training import train
from tests.builders import PLATEAU, spec_of
from tests.tasks import small_spec, write_task

LEFT = SystemExit(75)
FLOAT16 = {"dtype": "float16", "level": "O1", "loss_scale": {"init": 4.0, "growth_interval": 2}}


def left_after(made: int) -> Callable[[], BaseException | None]:
    """A `stop` that leaves the run after so many updates."""
    asked = iter(range(1, made + 1))
    return lambda: LEFT if next(asked, made) == made else None


def state_of(folder: Path) -> dict[str, Any]:
    """The state of the newest checkpoint, flat, and random numbers; but for the clock."""
    checkpoint = newest(folder)[1]
    arrays = {**checkpoint.arrays()}
    state: RunState = checkpoint.state
    return {**state.scalars(), **{n: (a.shape, a.tobytes()) for n, a in arrays.items()}}


class Job:
    """`fit` on a small network with dropout, of the backend."""

    def __init__(self, backend: Backend, spec: Spec, batches: Callable[[], Any], folder: Path):
        self._backend, self._spec, self._batches = backend, spec, batches
        self._folder = folder

    def __call__(self, name: str, **more: Any) -> None:
        np.random.seed(5)
        random.seed(5)
        backend = self._backend
        model = backend.build_linear(3, 2)
        draw = np.random.default_rng(0)
        shapes = {"weight": (2, 3), "bias": (2,)}
        backend.load_weights(
            model, {n: draw.normal(size=s).astype(np.float32) for n, s in shapes.items()}
        )
        count = iter(range(10**6))

        def loss(model: Any, tensors: dict[str, Any]) -> Any:
            noise = float(np.random.rand()) + random.random()
            return backend.cross_entropy_sum(model(tensors["x"]), tensors["labels"]) * noise

        def metric(model: Any) -> float:
            return float(np.abs(backend.dump_weights(model)["weight"]).sum())

        def evaluate(model: Any) -> Mapping[str, float]:
            next(count)
            return {"loss": metric(model), "noise": float(np.random.rand())}

        words: dict[str, Any] = {}
        if self._spec.schedule.needs_metric:
            words["metric"] = metric
        if self._spec.early_stopping or self._spec.best:
            words["evaluate"] = evaluate
        place = self._folder / name
        files = {"trace": place / "trace.jsonl", "checkpoints": place / "kept"}
        fit(
            self._spec,
            model,
            self._batches(),
            loss=loss,
            output=place / "out",
            **files,
            **words,
            **more,
        )

    def held(self, name: str) -> dict[str, Any]:
        place = self._folder / name
        files = {file.name: file.read_bytes() for file in (place / "out").iterdir()}
        header, *rows = (place / "trace.jsonl").read_text(encoding="utf-8").splitlines()
        # Paddle numbers the parameters of a process through.
        named = re.sub(r'"native":"[^"]*"', "", header)
        return {**files, **state_of(place / "kept"), "header": named, "rows": rows}


def micro_batches(count: int = 7) -> list[dict[str, Any]]:
    draw = np.random.RandomState(0)
    return [
        {"x": draw.randn(4, 3).astype("float32"), "labels": draw.randint(0, 2, 4)}
        for _ in range(count)
    ]


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "clip": {"clip": {"global_norm": 0.05}, "warmup": {"steps": 3}},
    "ema": {"ema": {"decay": 0.8, "warmup": True}},
    "plateau": {"schedule": PLATEAU},
    "loss scale": {"amp": FLOAT16},
    "masters": {"amp": {"dtype": "bfloat16", "level": "O2"}, "ema": {"decay": 0.8}},
    "momentum cycle": {
        "optimizer": {"name": "momentum", "lr": 0.1, "momentum": 0.95, "nesterov": False},
        "schedule": {
            "name": "one_cycle",
            "start_factor": 0.04,
            "end_factor": 1e-4,
            "peak": 0.3,
            "curve": "cosine",
            "momentum": {"low": 0.85, "high": 0.95},
        },
    },
    "early stopping": {"early_stopping": {"patience": 2}, "best": {}},
    "flush": {"batch": {"accumulate": 3, "tail": "flush"}},
    "drop": {"batch": {"accumulate": 3, "tail": "drop"}},
    "leak": {"batch": {"accumulate": 3, "tail": "leak"}},
}


@pytest.mark.usefixtures("without_autocast")
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("made", [1, 4, 7])
def test_a_run_that_was_left_goes_on_to_the_bit(
    backend: Backend, tmp_path: Path, variant: str, made: int
) -> None:
    words = {"duration": {"epochs": 4}, "batch": {"accumulate": 2}} | VARIANTS[variant]
    job = Job(backend, spec_of(**words), micro_batches, tmp_path)
    job("whole")
    with pytest.raises(SystemExit):
        job("left", stop=left_after(made))
    assert read_trace(tmp_path / "left" / "trace.jsonl").outcome == "interrupted"
    assert newest(tmp_path / "left" / "kept")[1].made == made
    job("left", resume=True)
    expected = job.held("whole")
    assert len(read_trace(tmp_path / "whole" / "trace.jsonl").updates) > made or "early" in variant
    assert job.held("left") == expected
