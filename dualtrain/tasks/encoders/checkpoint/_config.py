"""A checkpoint's config.json, read into a `EncoderConfig`.

Hugging Face's own classes fill in what is absent; here only a default that transformers and
paddlenlp share is filled in, and a feature that one of them lacks is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dualtrain.errors import CheckpointError, Problem
from dualtrain.printable import printable
from dualtrain.tasks.encoders._config import KEYWORDS, EncoderConfig
from dualtrain.tasks.encoders.checkpoint._fields import (
    BOTH_HAVE,
    ERNIE_REQUIREMENTS,
    MODEL_TYPE,
    REQUIREMENTS,
)
from dualtrain.tasks.encoders.checkpoint._files import (
    CONFIG,
    read_object,
    refusal,
    shown,
)

__all__ = ["read_checkpoint_config", "read_fields"]


def read_checkpoint_config(folder: Path, *, classes: int, dropout: float | None) -> EncoderConfig:
    """The model that a checkpoint folder's config.json describes, with a head for `classes`.

    dropout: replaces the checkpoint's three dropout rates; None keeps them.

    Raises `CheckpointError` with everything that is missing, wrong, or not the same thing in
    transformers and paddlenlp.
    """
    path = folder / CONFIG
    values = _SHARED_DEFAULTS | read_fields(folder)
    problems = list(_problems(values))
    if problems:
        lines = (f"{path}: {printable(str(problem))}" for problem in problems)
        raise CheckpointError("\n".join(lines))
    if values["classifier_dropout"] is None:
        values["classifier_dropout"] = values["hidden_dropout_prob"]
    fields = {field: values[key] for field, key in KEYWORDS.items() if field != "classes"}
    if dropout is not None:
        fields |= dict.fromkeys(("dropout", "attention_dropout", "classifier_dropout"), dropout)
    if values["model_type"] == "ernie" and values["use_task_id"]:
        fields["task_type_vocab_size"] = values["task_type_vocab_size"]
    return EncoderConfig(family=values["model_type"], classes=classes, **fields)


_SHARED_DEFAULTS: dict[str, Any] = {
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "classifier_dropout": None,
    "initializer_range": 0.02,
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "is_encoder_decoder": False,
    "pruned_heads": None,
    "quantization_config": None,
    "pool_act": "tanh",
    "task_id": 0,
    "dropout": None,
    "prefix": None,
    "auto_map": None,
    "use_task_id": False,
    "task_type_vocab_size": 3,
}
"""What a missing field means in transformers and in paddlenlp; no other may be missing."""


def read_fields(folder: Path) -> dict[str, Any]:
    """The fields of a folder's config.json as they stand there.

    Raises `CheckpointError` when there is no such file, or it is no JSON object.
    """
    try:
        return read_object(folder / CONFIG)
    except FileNotFoundError:
        raise _no_config(folder) from None


OLD = "model_config.json"


def _no_config(folder: Path) -> CheckpointError:
    if (folder / OLD).exists():
        return refusal(
            folder,
            "must have config.json, which newer paddlenlp writes; with the family's configuration "
            "class, as BertConfig: paddlenlp.transformers.BertConfig"
            ".from_pretrained(folder).save_pretrained(folder)",
            OLD,
        )
    return CheckpointError(
        f"a checkpoint is a local folder with config.json, model.safetensors and the "
        f"tokenizer's files. Received: {folder}, without config.json"
    )


def _problems(values: dict[str, Any]) -> Iterator[Problem]:
    family = values.get("model_type")
    if not MODEL_TYPE.holds(family):
        yield Problem(
            where="model_type",
            rule=f"{MODEL_TYPE.text}: {_way_out(family)}",
            received=_shown(values, "model_type"),
        )
        return
    rules = REQUIREMENTS | ERNIE_REQUIREMENTS if family == "ernie" else REQUIREMENTS
    broken = [key for key, rule in rules.items() if not (key in values and rule.holds(values[key]))]
    for key in broken:
        yield Problem(where=key, rule=rules[key].text, received=_shown(values, key))
    if not broken:
        yield from _misfits(values)


def _way_out(family: Any) -> str:
    """What can be done with a model of a family that the task does not build."""
    if family in BOTH_HAVE:
        return (
            f"both libraries have {family}, which this task cannot build yet; build it in each "
            f"and train it with dualtrain.fit"
        )
    if family is None:
        return 'the families that this task builds; write the model\'s, "model_type": "bert"'
    return "the families that this task builds; train another with dualtrain.fit"


def _misfits(values: dict[str, Any]) -> Iterator[Problem]:
    """Values that are right one by one but not together."""
    width, heads = values["hidden_size"], values["num_attention_heads"]
    if width % heads:
        yield Problem(
            where="hidden_size",
            rule="must be a multiple of num_attention_heads",
            received=f"hidden_size {width}, num_attention_heads {heads}",
        )
    pad, vocabulary = values["pad_token_id"], values["vocab_size"]
    if pad >= vocabulary:
        yield Problem(
            where="pad_token_id",
            rule="must be below vocab_size",
            received=f"pad_token_id {pad}, vocab_size {vocabulary}",
        )


def _shown(values: dict[str, Any], key: str) -> str:
    return shown(values[key]) if key in values else "nothing"
