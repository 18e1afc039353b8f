"""Folders of tokenizer files, as many libraries leave them, and texts to read with them."""

from __future__ import annotations

import copy
import json
import pydoc_data.topics
import random
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

LINES = [line for text in list(pydoc_data.topics.topics.values())[:3] for line in text.split("\n")]
TEXTS = [
    *(line for line in LINES if line.strip()),
    "Good Film café CAFÉ naïve Ångström ÉCOLE straße İstanbul ﬁ ½ ²",
    "the 电影 很好看 我爱猫 日本語のテキスト、テスト。 한국어 문장",
    "русский Текст Ёлка עברית العربية हिन्दी ไทย",
    "emoji 😀👍🏽 family 👨\u200d👩\u200d👧",
    "control\x01\x02 tab\tno-break\u00a0zero\u200bwidth \u202eabc \u2028line",
    "combining e\u0301 o\u0308",
    "[PAD] bad [PAD] [CLS] x [SEP] [MASK]y [UNK]",
    "<s> a </s> <pad> <mask> b <unk>",
    "a[X]b [x] [X] book Book bookish mybook NEW_TOK new_tok",
    "  leading and trailing  ",
    "start <start> <end> end",
    "a" * 150,
]

CHARACTERS = sorted({c for text in TEXTS for c in text + text.lower() if not c.isspace()})
WORDS = sorted(
    {w for text in TEXTS for w in text.split() if w.isalpha() and len(w) < 12} - {"book"}
)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[X]", "<start>", "<end>")
WORDPIECES = [
    *dict.fromkeys((*SPECIAL, *WORDS, *CHARACTERS, *(f"##{c}" for c in CHARACTERS))),
]
FIRST = len(WORDPIECES)
"""The number of the first token that is added."""


def write(folder: Path, name: str, values: object) -> None:
    (folder / name).write_text(json.dumps(values), encoding="utf-8")


def wordpieces(folder: Path, files: dict[str, Any]) -> Path:
    write(folder, "config.json", {"model_type": "bert", "vocab_size": len(WORDPIECES)})
    (folder / "vocab.txt").write_text("\n".join(WORDPIECES) + "\n", encoding="utf-8")
    for name, values in files.items():
        write(folder, name, values)
    return folder


@cache
def bytes_learnt(texts: tuple[str, ...] = tuple(TEXTS), vocab_size: int = 600) -> dict[str, Any]:
    """A byte-level BPE's vocabulary and merges, learnt from texts."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    trainer = BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    model: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    return model


def byte_pairs(folder: Path, settings: dict[str, Any]) -> Path:
    learnt = bytes_learnt()
    write(folder, "config.json", {"model_type": "roberta", "vocab_size": len(learnt["vocab"])})
    write(folder, "vocab.json", learnt["vocab"])
    merges = "".join(f"{' '.join(merge)}\n" for merge in learnt["merges"])
    (folder / "merges.txt").write_text("#version: 0.2\n" + merges, encoding="utf-8")
    write(folder, "tokenizer_config.json", settings)
    return folder


def _token(draw: random.Random, *, typed: bool) -> Any:
    """Text, or an object as a file has one; typed: as tokenizer_config.json must have it."""
    text = draw.choice(["book", "new_tok", "[X]", "Book", "<end>", "é", "[CLS]", "<mask>", "a b"])
    if draw.random() < 0.5:
        return text
    flags = ("lstrip", "rstrip", "normalized", "single_word", "special")
    fields = {flag: draw.random() < 0.5 for flag in flags if draw.random() < 0.5}
    return {"content": text, **({"__type": "AddedToken"} if typed else {}), **fields}


TOKENS = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)
SETTINGS: dict[str, list[Any]] = {
    "do_lower_case": [True, False],
    "strip_accents": [True, False, None],
    "tokenize_chinese_chars": [True, False],
    "add_prefix_space": [True, False],
    "tokenizer_class": ["BertTokenizer", "RobertaTokenizerFast", "PreTrainedTokenizerFast", None],
    "model_input_names": [["input_ids"], ["input_ids", "attention_mask"]],
    "padding_side": ["left", "right"],
    "truncation_side": ["left", "right"],
    "model_max_length": [5, 10**30],
    "trim_offsets": [False],
    "wordpieces_prefix": ["@@"],
}


def _settings(draw: random.Random, values: dict[str, Any]) -> dict[str, Any]:
    """tokenizer_config.json with up to three fields changed, added or left out."""
    for _ in range(draw.randint(0, 3)):
        field = draw.choice([*SETTINGS, *TOKENS, "additional_special_tokens", "added", "drop"])
        if field in SETTINGS:
            values[field] = draw.choice(SETTINGS[field])
        elif field in TOKENS:
            values[field] = draw.choice([_token(draw, typed=True), None])
        elif field == "additional_special_tokens":
            values[field] = [_token(draw, typed=True) for _ in range(draw.randint(0, 2))]
        elif field == "added":
            token = _token(draw, typed=False)
            token = token if isinstance(token, dict) else {"content": token}
            number = draw.choice([FIRST, len(bytes_learnt()["vocab"]), 5])
            values.setdefault("added_tokens_decoder", {})[str(number)] = token
        elif values:
            del values[draw.choice(sorted(values))]
    return values


NORMALIZERS: list[Any] = [
    None,
    *({"type": name} for name in ("Lowercase", "NFC", "NFKC", "NFD", "StripAccents", "Nmt")),
    {"type": "Replace", "pattern": {"String": "a"}, "content": "b"},
    {
        "type": "BertNormalizer",
        "clean_text": False,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    },
    {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]},
]
PRE_TOKENIZERS: list[Any] = [
    None,
    *({"type": name} for name in ("Whitespace", "WhitespaceSplit", "BertPreTokenizer")),
    {"type": "Digits", "individual_digits": True},
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
]
MODEL: list[tuple[str, Any]] = [
    ("dropout", 0.3),
    ("fuse_unk", True),
    ("byte_fallback", True),
    ("ignore_merges", True),
    ("unk_token", "<unk>"),
    ("end_of_word_suffix", "</w>"),
    ("max_input_chars_per_word", 5),
    ("continuing_subword_prefix", ""),
]


def _change(draw: random.Random, pipeline: dict[str, Any], frame: list[list[Any]]) -> None:
    """One part of a tokenizer.json."""
    first, last = frame
    changes: dict[str, list[Any]] = {
        "normalizer": NORMALIZERS,
        "pre_tokenizer": PRE_TOKENIZERS,
        "post_processor": [
            None,
            {"type": "BertProcessing", "cls": first, "sep": last},
            {
                "type": "RobertaProcessing",
                **{"cls": first, "sep": last, "trim_offsets": True, "add_prefix_space": True},
            },
        ],
        "truncation": [
            {"direction": side, "max_length": 4, "strategy": "LongestFirst", "stride": 0}
            for side in ("Left", "Right")
        ],
        "padding": [
            {
                **{"strategy": {"Fixed": 20}, "direction": side, "pad_to_multiple_of": 8},
                **{"pad_id": 5, "pad_type_id": 1, "pad_token": token},
            }
            for side in ("Left", "Right")
            for token in ("[PAD]", "<pad>", "[X]")
        ],
        "model": MODEL,
        "added_tokens": pipeline["added_tokens"] or [None],
    }
    part = draw.choice(list(changes))
    value = draw.choice(changes[part])
    if part == "model":
        pipeline["model"][value[0]] = value[1]
    elif part == "added_tokens":
        flag = draw.choice(["lstrip", "rstrip", "normalized", "single_word", "special"])
        if value is not None:
            value[flag] = not value[flag]
    else:
        pipeline[part] = copy.deepcopy(value)


def random_folder(folder: Path, draw: random.Random, saved: Path) -> None:
    """Files of one of the families, some of them changed.

    saved: holds `bert` and `roberta`, as transformers saved them.
    """
    family = draw.choice(["bert", "roberta"])
    if draw.random() < 0.4:
        settings = _settings(draw, {})
        if family == "bert":
            wordpieces(folder, {"tokenizer_config.json": settings})
        else:
            byte_pairs(folder, settings)
    else:
        write(folder, "config.json", {"model_type": family})
        for name in ("tokenizer_config.json", "tokenizer.json", "special_tokens_map.json"):
            values = json.loads((saved / family / name).read_text(encoding="utf-8"))
            if name == "tokenizer_config.json":
                values = _settings(draw, values)
            elif name == "tokenizer.json":
                frame = {"bert": [["[CLS]", 2], ["[SEP]", 3]], "roberta": [["<s>", 0], ["</s>", 2]]}
                for _ in range(draw.randint(0, 2)):
                    _change(draw, values, frame[family])
            write(folder, name, values)
    if draw.random() < 0.3:
        fields = draw.sample(TOKENS, draw.randint(0, 2))
        values = {field: _token(draw, typed=False) for field in fields}
        values["additional_special_tokens"] = [_token(draw, typed=False)]
        write(folder, "special_tokens_map.json", values)
    if draw.random() < 0.2:
        number = draw.choice([FIRST, len(bytes_learnt()["vocab"])])
        write(folder, "added_tokens.json", {draw.choice(["book", "new_tok"]): number})
