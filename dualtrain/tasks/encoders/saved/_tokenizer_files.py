"""The tokenizer's files of a saved model: tokenizer.json, and what classes that have it not read.

Those are the slow ones, whose pipeline is code: `BertTokenizer` of transformers and of paddlenlp,
transformers' `RobertaTokenizer`, paddlenlp's `RobertaBPETokenizer`. A tokenizer of another pipeline
gets none of their files, so that they refuse the folder and cut no text in another way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

__all__ = ["FAST_ALONE", "INIT_CLASS", "has_slow_class", "slow_class", "tokenizer_files"]

INIT_CLASS = "init_class"
"""Where tokenizer_config.json names the slow class; paddlenlp's AutoTokenizer looks there first."""

FAST_ALONE = (
    "no slow tokenizer, and none of paddlenlp's, cuts texts as this checkpoint's does: of a saved "
    "folder tokenizer.json is to be read, as transformers' AutoTokenizer does"
)
"""What is told where there is no slow class."""

_PIPELINES: dict[str, dict[str, Any]] = {
    "BertTokenizer": {
        "model.type": "WordPiece",
        "model.continuing_subword_prefix": "##",
        "model.max_input_chars_per_word": 100,
        "normalizer.type": "BertNormalizer",
        "normalizer.clean_text": True,
        "pre_tokenizer.type": "BertPreTokenizer",
    },
    "RobertaBPETokenizer": {
        "model.type": "BPE",
        "model.dropout": None,
        "model.continuing_subword_prefix": None,
        "model.end_of_word_suffix": None,
        "model.fuse_unk": None,
        "model.byte_fallback": None,
        "model.ignore_merges": None,
        "normalizer": None,
        "pre_tokenizer.type": "ByteLevel",
        "pre_tokenizer.use_regex": True,
    },
}
"""paddlenlp's class -> what tokenizer.json says of the pipeline that its code is."""

_TRUNCATION = {"direction": "Right", "strategy": "LongestFirst", "stride": 0}


def slow_class(pipeline: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """The name of paddlenlp's class that cuts texts as this tokenizer does; None if none does.

    pipeline: the content of tokenizer.json. settings: that of tokenizer_config.json.
    """
    for name, said in _PIPELINES.items():
        if all(_at(pipeline, path) == value for path, value in said.items()):
            return name if _is_said(pipeline, settings) else None
    return None


def _is_said(pipeline: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether the files of a slow class can say the rest: vocabulary, frame and added tokens."""
    model, named = pipeline["model"], set(_named(settings).values())
    special = settings.get("additional_special_tokens", ())
    frame = [settings.get("cls_token"), settings.get("sep_token")]
    return (
        _lines(model["vocab"]) is not None
        and model["unk_token"] in (None, settings.get("unk_token"))
        and _frame(pipeline["post_processor"]) == frame
        and all(
            _is_plain(token, pipeline, is_special=token["content"] in special)
            for token in pipeline["added_tokens"]
            if token["content"] not in named
        )
    )


def has_slow_class(tokenizer_config: str) -> bool:
    """Whether the content of a tokenizer_config.json names one."""
    return INIT_CLASS in json.loads(tokenizer_config)


def tokenizer_files(tokenizer: str, tokenizer_config: str) -> dict[str, str]:
    """Name of each file -> its content.

    tokenizer: that of tokenizer.json, to which the length is added that texts are cut at.
    tokenizer_config: that of tokenizer_config.json.
    """
    pipeline, settings = json.loads(tokenizer), json.loads(tokenizer_config)
    pipeline["truncation"] = _TRUNCATION | {"max_length": settings["model_max_length"]}
    files = {
        "tokenizer.json": json.dumps(pipeline, ensure_ascii=False),
        "tokenizer_config.json": tokenizer_config,
    }
    if not has_slow_class(tokenizer_config):
        return files
    model, tokens = pipeline["model"], pipeline["added_tokens"]
    if model["type"] == "WordPiece":
        files["vocab.txt"] = "".join(f"{token}\n" for token in _lines(model["vocab"]) or ())
    else:
        files["vocab.json"] = _written(model["vocab"])
        pairs = (merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"])
        files["merges.txt"] = "".join(f"{line}\n" for line in chain(["#version: 0.2"], pairs))
    files["special_tokens_map.json"] = _written(_special(settings, tokens))
    added = {t["content"]: t["id"] for t in tokens if t["content"] not in model["vocab"]}
    if added:
        files["added_tokens.json"] = _written(added)
    return files


def _at(pipeline: Mapping[str, Any], path: str) -> Any:
    value: Any = pipeline
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value or None


def _frame(post_processor: Mapping[str, Any] | None) -> list[str | None]:
    """The tokens around a text; empty where it is not one before and one after."""
    match post_processor:
        case {"single": [{"SpecialToken": first}, {"Sequence": _}, {"SpecialToken": last}]}:
            return [first["id"], last["id"]]
        case {"cls": [first, _], "sep": [last, _]}:
            return [first, last]
        case _:
            return []


def _lines(vocabulary: Mapping[str, int]) -> list[str] | None:
    """The tokens by their numbers, if those are 0, 1, 2 ... and each token fits a line."""
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    fits = all(vocabulary[token] == i for i, token in enumerate(tokens))
    return tokens if fits and not any("\n" in t or "\r" in t for t in tokens) else None


def _is_plain(token: Mapping[str, Any], pipeline: Mapping[str, Any], *, is_special: bool) -> bool:
    """Whether the slow classes find an added token where the fast one does.

    They ask for no whole words. They look in the text once it is in lower case, special tokens
    aside, and not otherwise normalised. paddlenlp's take the white space around a token, which
    counts among bytes, and take a token of the vocabulary for a word.
    """
    text, normalizer = token["content"], pipeline["normalizer"]
    if token["single_word"] or normalizer is None:
        return False
    if not is_special and (token["special"] or text in pipeline["model"]["vocab"]):
        return False
    if token["normalized"] and not text.isascii():
        return False
    if normalizer["lowercase"] and text.lower() != text.upper():
        return text.islower() if token["normalized"] else is_special and not text.islower()
    return True


def _named(settings: Mapping[str, Any]) -> dict[str, str]:
    """Attribute (`cls_token`) -> token."""
    return {name: token for name, token in settings.items() if name.endswith("_token")}


def _special(
    settings: Mapping[str, Any], tokens: Iterable[Mapping[str, Any]]
) -> dict[str, str | list[str] | dict[str, Any]]:
    """Each special token as an object: around a mere text paddlenlp takes the white space too."""
    objects = {
        token["content"]: {k: v for k, v in token.items() if k not in ("id", "special")}
        for token in tokens
    }
    special: dict[str, Any] = {n: objects.get(t, t) for n, t in _named(settings).items()}
    additional = settings.get("additional_special_tokens")
    return {**special, **({"additional_special_tokens": additional} if additional else {})}


def _written(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
