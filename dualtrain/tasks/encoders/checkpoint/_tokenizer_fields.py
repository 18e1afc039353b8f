"""What each field of a tokenizer's files means here: `docs/checkpoints.md` is their tables.

As in `_fields.py`: *honoured*, *refused* unless it says nothing that would change a
text's tokens, or *ignored*, with the reason. One of tokenizer_config.json in no table is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from dualtrain.fields import by_name
from dualtrain.tasks.encoders.checkpoint._fields import SWITCH, Requirement, only

__all__ = [
    "CLASSES",
    "FLAGS",
    "IGNORED_SETTINGS",
    "NAMED",
    "NORMALIZER",
    "PADDLENLP",
    "PIPELINE",
    "REFUSED",
    "SETTINGS",
    "SWITCHES",
    "TokenizerKind",
]

TokenizerKind = Literal["bert", "roberta", "file"]
"""BERT's WordPiece, RoBERTa's byte-level BPE, or tokenizer.json just as it is."""

PADDLENLP = {
    "ErnieTokenizer": "BertTokenizer",
    "RobertaChineseTokenizer": "BertTokenizer",
    "RobertaBPETokenizer": "RobertaTokenizer",
}
"""Class of paddlenlp alone -> that of transformers which it is read as."""

_OF_TRANSFORMERS: dict[str, TokenizerKind] = {
    "BertTokenizer": "bert",
    "RobertaTokenizer": "roberta",
    "PreTrainedTokenizer": "file",
}

CLASSES: dict[str, TokenizerKind] = {
    **_OF_TRANSFORMERS,
    **{name: _OF_TRANSFORMERS[ours] for name, ours in PADDLENLP.items()},
}
"""`tokenizer_class`, without "Fast"."""

NAMED = (
    *("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"),
)
"""The special tokens in transformers' order, which is the order they are added in."""

FLAGS = ("lstrip", "rstrip", "normalized", "single_word", "special")
"""What an added token says beside its content."""

NORMALIZER = {
    "lowercase": ("do_lower_case", True),
    "strip_accents": ("strip_accents", None),
    "handle_chinese_chars": ("tokenize_chinese_chars", True),
}
"""Switch of a BertNormalizer -> its name and its default in tokenizer_config.json."""

SWITCHES = {
    "do_lower_case": SWITCH,
    "tokenize_chinese_chars": SWITCH,
    "strip_accents": Requirement(
        "must be true, false or null", lambda v: v is None or isinstance(v, bool)
    ),
    "add_prefix_space": SWITCH,
}


def _no(because: str) -> Requirement:
    return Requirement(f"must be absent or empty: {because}", lambda value: not value)


def _has_mask(value: Any) -> bool:
    return isinstance(value, list) and "input_ids" in value and "attention_mask" in value


REFUSED: Mapping[str, Requirement] = {
    "padding_side": only("right", because="positions are counted from the left"),
    "truncation_side": only("right", because="long texts are cut at their end"),
    "do_basic_tokenize": only(True, because="transformers' fast tokenizers always do it"),
    "never_split": _no("transformers' fast tokenizers split them; add them as tokens"),
    "split_special_tokens": _no("special tokens in a text are special"),
    "extra_special_tokens": _no("name them in additional_special_tokens"),
    "init_inputs": _no("settings must have names"),
    "init_args": _no("settings must have names"),
    "add_bos_token": _no("no other token is put before a text than cls_token"),
    "auto_map": _no("a folder's own code is not run"),
    "fast_tokenizer_files": _no("tokenizer.json is read, whatever the version"),
    "from_slow": _no("tokenizer.json is read where there is one"),
    "gguf_file": _no("a folder's own files are read"),
    "model_input_names": Requirement(
        "must have input_ids and attention_mask: without a mask transformers attends to padding",
        _has_mask,
    ),
    **dict.fromkeys(
        ("tokenizer_object", "tokenizer_file", "vocab_file", "merges_file"),
        Requirement("must be absent: a folder's own files are read", lambda value: False),
    ),
}

IGNORED_SETTINGS = by_name(
    {
        "`max_length` of the spec is what texts are cut at": """
            max_len max_length model_max_length stride truncation_strategy
        """,
        "padding is masked": "pad_to_multiple_of pad_token_type_id",
        "texts stand alone, and are not cut into words beforehand": """
            is_split_into_words return_token_type_ids
        """,
        "for the way back, from numbers to text": """
            clean_up_tokenization_spaces eol_token errors spaces_between_special_tokens
            wordpieces_prefix
        """,
        "where in the text a token stood": "trim_offsets",
        "for other calls, or for messages": """
            chat_template deprecation_warnings processor_class response_schema verbose
        """,
        "says where the folder comes from": """
            _commit_hash _from_auto init_class name_or_path special_tokens_map_file
            tokenizer_config_file
        """,
    }
)
"""Field of tokenizer_config.json -> why no token's number depends on it."""

_HONOURED = ("tokenizer_class", "added_tokens_decoder", "additional_special_tokens", *NAMED)

SETTINGS: Mapping[str, str] = {
    **dict.fromkeys((*SWITCHES, *_HONOURED), "honoured"),
    **dict.fromkeys(REFUSED, "refused"),
    **dict.fromkeys(IGNORED_SETTINGS, "ignored"),
}
"""Field of tokenizer_config.json -> what becomes of it; one that is not here is told by name."""

PIPELINE: Mapping[str, str] = by_name(
    {
        "honoured": """
            version added_tokens normalizer pre_tokenizer post_processor
            model.type model.vocab model.merges model.unk_token model.unk_id model.fuse_unk
            model.byte_fallback model.ignore_merges model.end_of_word_suffix
            model.max_input_chars_per_word
            padding.pad_token padding.direction truncation.direction
        """,
        "refused": "model.dropout model.continuing_subword_prefix",
        "ignored": """
            decoder padding.strategy padding.pad_to_multiple_of padding.pad_id padding.pad_type_id
            truncation.max_length truncation.strategy truncation.stride
        """,
    }
)
"""Field of tokenizer.json -> what becomes of it; one inside a part has the part's verdict."""
