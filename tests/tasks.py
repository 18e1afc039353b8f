"""The data of a spec's task, as training has it; and tasks small enough to train in a second."""

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
from tests.builders import spec_of

__all__ = [
    "bare_spec",
    "epochs",
    "number_spec",
    "prepare",
    "short_spec",
    "small_spec",
    "text_task",
    "write_few",
    "write_numbers",
    "write_task",
]


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


WORDS = {
    "fruit": ["apple", "pear", "plum", "cherry", "grape", "melon"],
    "metal": ["iron", "copper", "tin", "zinc", "silver", "lead"],
    "river": ["rhine", "danube", "nile", "volga", "amur", "lena"],
}
FILLER = ["the", "a", "of", "in", "and", "or", "is", "was", "near", "with", "old", "new"]


def write_task(folder: Path, *, train: int = 76, held_out: int = 24) -> None:
    """train.csv and eval.csv: texts whose label is the kind of some of their words."""
    random_words = random.Random(7)
    for name, count in (("train", train), ("eval", held_out)):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["text", "label"])
            for _ in range(count):
                label = random_words.choice(sorted(WORDS))
                words = random_words.choices(WORDS[label], k=2) + random_words.choices(FILLER, k=5)
                random_words.shuffle(words)
                rows.writerow([" ".join(words), label])


def write_few(folder: Path) -> None:
    """28 samples: of `SMALL`'s 4 micro-batches (the last of 4), 2 updates an epoch (of 3 and 1)."""
    write_task(folder, train=28)


SMALL: dict[str, Any] = {
    "optimizer": {"name": "adamw", "lr": 5e-3},
    "schedule": {"name": "linear"},
    "warmup": {"proportion": 0.1},  # 0.1 x 12 = 1.2: floor 1, ceil 2
    "weight_decay": {"value": 0.1, "exclude": ["bias", "norm"]},
    "clip": {"global_norm": 0.05},  # every update is over it
    "batch": {"size": 8, "accumulate": 3},
    "duration": {"epochs": 3},
}
"""76 samples: 10 micro-batches (the last of 4), 4 updates an epoch (the last of 1)."""


def small_spec(folder: Path, **changes: Any) -> Spec:
    """`SMALL`, of the texts that `write_task` writes; every stage of a comparison is active."""
    model = {"family": "bert", "hidden_size": 16, "layers": 1, "heads": 2, "max_length": 16}
    task = {
        "name": "text_classification",
        "train": "train.csv",
        "eval": "eval.csv",
        "text": "text",
        "label": "label",
        "model": {**model, "dropout": 0.0},
    }
    return spec_of(**{"task": task} | SMALL | changes).located(folder)


def short_spec(folder: Path, **changes: Any) -> Spec:
    """`small_spec` for what `write_few` writes: half the updates, and as long a warm-up."""
    return small_spec(folder, **{"warmup": {"proportion": 0.2}} | changes)


def number_spec(folder: Path, **changes: Any) -> Spec:
    """`SMALL`, of the numbers that `write_numbers` writes."""
    task = {
        "name": "regression",
        "train": "train.csv",
        "eval": "eval.csv",
        "features": ["a", "b", "c"],
        "target": "y",
        "model": {"hidden": [8, 4], "activation": "tanh"},
    }
    decay = {"value": 0.1, "exclude": ["bias"]}
    return spec_of(**SMALL | {"task": task, "weight_decay": decay} | changes).located(folder)


def bare_spec(folder: Path, **changes: Any) -> Spec:
    """The same by a schedule that each framework has itself: nothing beside it is imported."""
    schedule = {"name": "multistep", "milestones": [2], "gamma": 0.1, "per": "epoch"}
    return number_spec(folder, **{"schedule": schedule, "warmup": None} | changes)
