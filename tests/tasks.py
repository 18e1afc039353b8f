"""The data of a spec's task, as training has it; and a regression small enough for a test."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dualtrain.data import EpochBatches, PreparedData, batches_of_epoch
from dualtrain.spec import Spec
from dualtrain.tasks.text_classification import TextClassification
from dualtrain.training import task_of

__all__ = ["epochs", "number_spec", "prepare", "text_task", "write_numbers"]


def prepare(spec: Spec) -> Any:
    """The task's own kind of prepared data."""
    return task_of(spec).prepare(spec.folder)


def epochs(spec: Spec, data: PreparedData[Any]) -> Callable[[int], EpochBatches]:
    """The micro-batches of each epoch."""
    assert spec.batch.size is not None
    return batches_of_epoch(data, seed=spec.seed, size=spec.batch.size)


def text_task(spec: Spec) -> TextClassification:
    """The text classification of a spec."""
    task = spec.task
    assert isinstance(task, TextClassification)
    return task


def write_numbers(folder: Path, *, train: int = 76, held_out: int = 24) -> None:
    """train.csv and eval.csv: y = a b + 3 c, on scales of their own."""
    draw = random.Random(7)
    for name, count in (("train", train), ("eval", held_out)):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["a", "b", "c", "y"])
            for _ in range(count):
                a, b, c = draw.gauss(0, 1), draw.gauss(5, 2), draw.gauss(0, 100)
                rows.writerow([a, b, c, a * b + 3 * c])


def number_spec(folder: Path, **changes: Any) -> Spec:
    """76 samples: 10 micro-batches (the last of 4), 4 updates an epoch (the last of 1)."""
    parts: dict[str, Any] = {
        "task": {
            "name": "regression",
            "train": "train.csv",
            "eval": "eval.csv",
            "features": ["a", "b", "c"],
            "target": "y",
            "model": {"hidden": [8, 4], "activation": "tanh"},
        },
        "optimizer": {"name": "adamw", "lr": 5e-3},
        "schedule": {"name": "linear"},
        "warmup": {"proportion": 0.1},
        "weight_decay": {"value": 0.1, "exclude": ["bias"]},
        "clip": {"global_norm": 0.05},  # every update is over it
        "batch": {"size": 8, "accumulate": 3},
        "duration": {"epochs": 3},
    }
    return Spec(**(parts | changes)).located(folder)
