"""A trained model as a Hugging Face checkpoint folder: what `{path: ...}` of a spec reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualtrain.aside import write_aside
from dualtrain.model._config import ARCHITECTURES, ModelConfig

__all__ = ["save_config", "save_weights"]


def save_config(
    folder: Path,
    config: ModelConfig,
    *,
    classes: tuple[str, ...],
    tokenizer: str,
    tokenizer_config: str,
) -> None:
    """Write config.json, tokenizer.json and tokenizer_config.json: all but the weights.

    classes: label of each class number. tokenizer, tokenizer_config: what the two files hold.
    The folder is made if needed. The dropout rates are those that the model was trained with.
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
        ("tokenizer_config.json", tokenizer_config),
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
