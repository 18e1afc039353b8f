"""What each field of a checkpoint's config.json means here: `docs/checkpoints.md` is its table.

A field is *honoured* (the model is built by it), *refused* unless it says nothing that a run would
have to heed, *told* (a note says what became of it) or *ignored*, because no logit of a classifier
depends on it. A field that is in no table is told by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, get_args

from dualtrain.fields import by_name
from dualtrain.tasks.encoders._config import ACTIVATIONS
from dualtrain.tasks.encoders._words import MOST_LAYERS, Family

__all__ = [
    "BOTH_HAVE",
    "ERNIE_REQUIREMENTS",
    "HEAD_FIELDS",
    "IGNORED",
    "MODEL_TYPE",
    "REQUIREMENTS",
    "SWITCH",
    "TYPE_FIELDS",
    "VERDICTS",
    "Requirement",
    "only",
]


class Requirement(NamedTuple):
    """What a value must be, in words and as a test."""

    text: str
    holds: Callable[[Any], bool]


def _one_of(*allowed: str, because: str = "") -> Requirement:
    reason = f": {because}" if because else ""
    return Requirement(
        f"must be one of {', '.join(allowed)}{reason}", lambda value: value in allowed
    )


def only(wanted: Any, *, because: str) -> Requirement:
    """Of a field that has one value; 0 is not false, and 1 not true."""
    return Requirement(
        f"must be {json.dumps(wanted)}: {because}",
        lambda value: value == wanted and isinstance(value, bool) == isinstance(wanted, bool),
    )


def _nothing(because: str) -> Requirement:
    """null, and what an empty object, list, text or `false` says."""
    return Requirement(f"must be null or empty: {because}", lambda value: not value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


SWITCH = Requirement("must be true or false", lambda v: isinstance(v, bool))


def _whole(least: int, most: int) -> Requirement:
    return Requirement(
        f"must be a whole number from {least} to {most}",
        lambda value: _is_whole(value) and least <= value <= most,
    )


LARGEST = 2**31 - 1
"""What both frameworks count rows, columns and token ids with."""

_COUNT = _whole(1, LARGEST)
_INDEX = _whole(0, LARGEST)
_RATE = Requirement("must be a number from 0 to below 1", lambda v: _is_number(v) and 0 <= v < 1)

MODEL_TYPE = _one_of(*get_args(Family))

BOTH_HAVE = (
    *("albert", "bart", "big_bird", "bloom", "convbert", "ctrl", "deberta", "deberta-v2"),
    *("distilbert", "electra", "ernie_m", "fnet", "funnel", "gptj", "layoutlm", "mbart"),
    *("mobilebert", "mpnet", "nezha", "nystromformer", "reformer", "rembert", "roformer"),
    *("squeezebert", "xlm", "xlnet"),
)
"""Families that classify texts in both libraries, and that the task cannot build yet."""

_HONOURED = {
    "vocab_size": _COUNT,
    "hidden_size": _COUNT,
    "num_hidden_layers": _whole(1, MOST_LAYERS),
    "num_attention_heads": _COUNT,
    "intermediate_size": _COUNT,
    "max_position_embeddings": _COUNT,
    "type_vocab_size": _COUNT,
    "pad_token_id": _INDEX,
    "hidden_act": _one_of(
        *ACTIVATIONS, because="the activations that both frameworks have under one name"
    ),
    "layer_norm_eps": Requirement(
        "must be a number above 0, to 0.001, which is the largest that Paddle takes",
        lambda v: _is_number(v) and 0 < v <= 1e-3,
    ),
    "hidden_dropout_prob": _RATE,
    "attention_probs_dropout_prob": _RATE,
    "classifier_dropout": Requirement(
        f"{_RATE.text}, or null", lambda v: v is None or _RATE.holds(v)
    ),
    "initializer_range": Requirement(
        "must be a number above 0, to 1000", lambda v: _is_number(v) and 0 < v <= 1e3
    ),
}

_REFUSED = {
    "position_embedding_type": only("absolute", because="paddlenlp has no relative positions"),
    "is_decoder": only(False, because="paddlenlp's models see both sides of a token"),
    "add_cross_attention": only(False, because="paddlenlp's models have no second input"),
    "is_encoder_decoder": only(False, because="a classifier is an encoder"),
    "pruned_heads": _nothing("paddlenlp prunes no heads"),
    "quantization_config": _nothing("quantized weights do not train; save them in float32"),
    "pool_act": only("tanh", because="transformers has no other pooler"),
    "task_id": only(0, because="transformers takes 0 for every token"),
    "dropout": Requirement(
        "must be null: paddlenlp takes it for classifier_dropout, transformers does not read it; "
        "write classifier_dropout",
        lambda value: value is None,
    ),
    "prefix": _nothing("nothing is put before a text; write it into the data"),
    "auto_map": _nothing("a folder's own code is not run"),
}

REQUIREMENTS = {**_HONOURED, **_REFUSED}

_ERNIE_HONOURED = {"use_task_id": SWITCH, "task_type_vocab_size": _COUNT}

ERNIE_REQUIREMENTS = {
    **_ERNIE_HONOURED,
    "layer_norm_eps": only(
        1e-12, because="paddlenlp's ERNIE takes no other; train both with it by writing it there"
    ),
}

HEAD_FIELDS = by_name(
    {
        "honoured": "id2label label2id num_labels num_classes",
        "refused": "architectures problem_type",
    }
)
"""What a folder with a classification head says of it: `_head.py`."""

TYPE_FIELDS = ("dtype", "torch_dtype")
"""What the weights were stored in, or meant to be loaded as; they are trained in float32."""


IGNORED = by_name(
    {
        "changes what else a call returns, not the logits": """
            output_attentions output_hidden_states return_dict torchscript use_cache
        """,
        "the same sums with less memory or time": """
            chunk_size_feed_forward gradient_checkpointing recompute_use_reentrant
            attn_implementation _attn_implementation use_flash_attention fuse
        """,
        "the tokenizer's files decide": """
            bos_token_id cls_token_id decoder_start_token_id eos_token_id sep_token_id
        """,
        "for encoders with a decoder, or with tied output embeddings": """
            cross_attention_hidden_size tie_encoder_decoder tie_word_embeddings
        """,
        "says where the folder comes from": """
            _commit_hash _name_or_path finetuning_task name_or_path paddlenlp_version
            task_specific_params transformers_version
        """,
        "one process trains": """
            sep_parallel_degree tensor_parallel_degree tensor_parallel_output tensor_parallel_rank
        """,
        "for the libraries' TensorFlow models": "tf_legacy_loss use_bfloat16",
        "for multiple choice": "num_choices",
        "for generating text": """
            bad_words_ids begin_suppress_tokens diversity_penalty do_sample early_stopping
            encoder_no_repeat_ngram_size exponential_decay_length_penalty forced_bos_token_id
            forced_eos_token_id length_penalty max_length min_length no_repeat_ngram_size
            num_beam_groups num_beams num_return_sequences output_scores remove_invalid_values
            repetition_penalty return_dict_in_generate suppress_tokens temperature top_k top_p
            typical_p
        """,
    }
)
"""Field -> why no logit of a classifier depends on it."""

VERDICTS: dict[str, str] = {
    "model_type": "honoured",
    "tokenizer_class": "honoured",
    **dict.fromkeys((*_HONOURED, *_ERNIE_HONOURED), "honoured"),
    **dict.fromkeys(_REFUSED, "refused"),
    **HEAD_FIELDS,
    **dict.fromkeys(TYPE_FIELDS, "told"),
    **dict.fromkeys(IGNORED, "ignored"),
}
"""Field of config.json -> what becomes of it; one that is not here is told by name."""
