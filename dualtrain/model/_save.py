"""A trained model as a Hugging Face checkpoint folder: what `{path: ...}` of a spec reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualtrain.aside import write_aside
from dualtrain.model._config import ModelConfig

__all__ = ["save_config", "save_weights"]

ARCHITECTURES = {
    "bert": "BertForSequenceClassification",
    "ernie": "ErnieForSequenceClassification",
    "roberta": "RobertaForSequenceClassification",
}


def save_config(
    folder: Path, config: ModelConfig, *, classes: tuple[str, ...], tokenizer: str
) -> None:
    """Write config.json and tokenizer.json, what a checkpoint has beside its weights.

    classes: label of each class number. tokenizer: content of tokenizer.json.
    The folder is made if needed.
    """
    described = {
        "architectures": [ARCHITECTURES[config.family]],
        "model_type": config.family,
        **config.keywords(),
        "id2label": dict(enumerate(classes)),
        "label2id": {label: number for number, label in enumerate(classes)},
    }
    del described["num_labels"]  # transformers derives it from id2label
    for name, text in (
        ("tokenizer.json", tokenizer),
        ("config.json", json.dumps(described, indent=2, ensure_ascii=False) + "\n"),
    ):
        with write_aside(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def save_weights(path: Path, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Write arrays, canonical names and layout, as a safetensors file."""
    from safetensors.numpy import save_file

    with write_aside(path) as temporary:
        save_file(
            {name: np.ascontiguousarray(array) for name, array in weights.items()},
            temporary,
            metadata={"format": "pt"},  # transformers asks whose layout the tensors have
        )
