"""A trained model as a Hugging Face checkpoint folder: what `{path: ...}` of a spec reads."""

from __future__ import annotations

import json
from pathlib import Path

from dualtrain.aside import write_aside
from dualtrain.tasks.encoders._config import EncoderConfig
from dualtrain.tasks.encoders.saved._tokenizer_files import tokenizer_files

__all__ = ["save_config"]


def save_config(
    folder: Path,
    config: EncoderConfig,
    *,
    classes: tuple[str, ...],
    tokenizer: str,
    tokenizer_config: str,
) -> None:
    """Write config.json and the tokenizer's files: all but the weights.

    classes: label of each class number. tokenizer, tokenizer_config: what the two files hold.
    The folder is made if needed.
    """
    described = {
        "architectures": [config.architecture],
        "model_type": config.family,
        **config.keywords(),
        "id2label": dict(enumerate(classes)),
        "label2id": {label: number for number, label in enumerate(classes)},
    }
    if not config.per_token:
        described["problem_type"] = "single_label_classification"
    del described["num_labels"]  # transformers derives it from id2label
    files = tokenizer_files(tokenizer, tokenizer_config)
    files["config.json"] = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    for name, text in files.items():
        with write_aside(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
