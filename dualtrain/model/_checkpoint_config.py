"""A checkpoint's config.json, read into a `ModelConfig`.

Hugging Face's own classes fill in what is absent; here only a default that transformers and
paddlenlp share is filled in, and a feature that one of them lacks is refused with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

from dualtrain.errors import CheckpointError, Problem
from dualtrain.model._config import KEYWORDS, Family, ModelConfig

__all__ = ["read_checkpoint_config"]


def read_checkpoint_config(folder: Path, *, classes: int, dropout: float | None) -> ModelConfig:
    """The model that a checkpoint folder's config.json describes, with a head for `classes`.

    dropout: replaces the checkpoint's three dropout rates; None keeps them.

    Raises `CheckpointError` with everything that is missing, wrong, or not the same thing in
    transformers and paddlenlp.
    """
    path = folder / "config.json"
    values = _read(path)
    problems = list(_problems(values))
    if problems:
        raise CheckpointError("\n".join(f"{path}: {problem}" for problem in problems))
    if values["classifier_dropout"] is None:
        values["classifier_dropout"] = values["hidden_dropout_prob"]
    fields = {field: values[key] for field, key in KEYWORDS.items() if field != "classes"}
    if dropout is not None:
        fields |= dict.fromkeys(("dropout", "attention_dropout", "classifier_dropout"), dropout)
    if values["model_type"] == "ernie" and values["use_task_id"]:
        fields["task_type_vocab_size"] = values["task_type_vocab_size"]
    return ModelConfig(family=values["model_type"], classes=classes, **fields)


class _Rule(NamedTuple):
    text: str
    holds: Callable[[Any], bool]


def _one_of(*allowed: str, because: str) -> _Rule:
    return _Rule(f"must be one of {', '.join(allowed)}: {because}", lambda value: value in allowed)


def _only(wanted: Any, *, because: str) -> _Rule:
    return _Rule(f"must be {json.dumps(wanted)}: {because}", lambda value: value == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_COUNT = _Rule("must be a whole number from 1", lambda v: _is_whole(v) and v >= 1)
_INDEX = _Rule("must be a whole number from 0", lambda v: _is_whole(v) and v >= 0)
_POSITIVE = _Rule("must be a number above 0", lambda v: _is_number(v) and 0 < v < float("inf"))
_RATE = _Rule("must be a number from 0 to below 1", lambda v: _is_number(v) and 0 <= v < 1)

_MODEL_TYPE = _one_of(*get_args(Family), because="the families that both frameworks have")

_RULES = {
    "vocab_size": _COUNT,
    "hidden_size": _COUNT,
    "num_hidden_layers": _COUNT,
    "num_attention_heads": _COUNT,
    "intermediate_size": _COUNT,
    "max_position_embeddings": _COUNT,
    "type_vocab_size": _COUNT,
    "pad_token_id": _INDEX,
    "hidden_act": _one_of(
        "gelu", "relu", "silu", "tanh", because="Paddle has no other under transformers' names"
    ),
    "layer_norm_eps": _POSITIVE,
    "hidden_dropout_prob": _RATE,
    "attention_probs_dropout_prob": _RATE,
    "classifier_dropout": _Rule(f"{_RATE.text}, or null", lambda v: v is None or _RATE.holds(v)),
    "initializer_range": _POSITIVE,
    "position_embedding_type": _only("absolute", because="paddlenlp has no relative positions"),
    "is_decoder": _only(False, because="paddlenlp's models see both sides of a token"),
    "add_cross_attention": _only(False, because="paddlenlp's models have no second input"),
}

_ERNIE_RULES = {
    "layer_norm_eps": _only(
        1e-12, because="paddlenlp's ERNIE takes no other; train both with it by writing it there"
    ),
    "use_task_id": _Rule("must be true or false", lambda v: isinstance(v, bool)),
    "task_type_vocab_size": _COUNT,
}

_SHARED_DEFAULTS = {
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "classifier_dropout": None,
    "initializer_range": 0.02,
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "use_task_id": False,
    "task_type_vocab_size": 3,
}
"""What a missing field means in transformers and in paddlenlp; no other may be missing."""


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(
            f"a checkpoint is a local folder with config.json, model.safetensors and the "
            f"tokenizer's files. Received: {path.parent}, without config.json"
        ) from None
    except ValueError as error:
        raise CheckpointError(f"{path}: must be JSON in UTF-8. Received: {error}") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: must be a JSON object. Received: {values!r}")
    return _SHARED_DEFAULTS | values


def _problems(values: dict[str, Any]) -> Iterator[Problem]:
    family = values.get("model_type")
    if not _MODEL_TYPE.holds(family):
        yield Problem(
            where="model_type", rule=_MODEL_TYPE.text, received=_shown(values, "model_type")
        )
        return
    rules = _RULES | _ERNIE_RULES if family == "ernie" else _RULES
    broken = [key for key, rule in rules.items() if not (key in values and rule.holds(values[key]))]
    for key in broken:
        yield Problem(where=key, rule=rules[key].text, received=_shown(values, key))
    if not broken:
        yield from _misfits(values)


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
    return json.dumps(values[key]) if key in values else "nothing"
