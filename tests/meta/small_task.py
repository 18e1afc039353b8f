"""A task small enough to train in a second, on which every stage of the comparison is active."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

from dualtrain import Spec

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


def small_spec(folder: Path, **changes: Any) -> Spec:
    """76 samples: 10 micro-batches (the last of 4), 4 updates an epoch (the last of 1)."""
    parts: dict[str, Any] = {
        "task": {
            "name": "text_classification",
            "train": "train.csv",
            "eval": "eval.csv",
            "text": "text",
            "label": "label",
            "model": {
                "family": "bert",
                "hidden_size": 16,
                "layers": 1,
                "heads": 2,
                "max_length": 16,
                "dropout": 0.0,
            },
        },
        "optimizer": {"name": "adamw", "lr": 5e-3},
        "schedule": {"name": "linear"},
        "warmup": {"proportion": 0.1},  # 0.1 x 12 = 1.2: floor 1, ceil 2
        "weight_decay": {"value": 0.1, "exclude": ["bias", "norm"]},
        "clip": {"global_norm": 0.05},  # every update is over it
        "batch": {"size": 8, "accumulate": 3},
        "duration": {"epochs": 3},
    }
    return Spec(**(parts | changes)).located(folder)
