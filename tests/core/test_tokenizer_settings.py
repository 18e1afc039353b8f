"""A checkpoint's tokenizer files: which of them wins, what they add, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer

from dualtrain.errors import CheckpointError
from dualtrain.tasks.encoders.saved import tokenizer_config
from dualtrain.tasks.encoders.tokenizer import load_tokenizer, read_settings
from dualtrain.tasks.encoders.tokenizer._wordpiece import NAMES, wordpiece

WORDS = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("the", "The", "cafe", "café", "电", "影", "电影", "<start>", "<end>"),
]
TEXT = "The café 电影"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """BERT's config.json and vocab.txt."""
    write(tmp_path, "config.json", {"model_type": "bert"})
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return tmp_path


def write(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def write_tokenizer_json(folder: Path, **switches: Any) -> None:
    tokenizer = wordpiece({token: i for i, token in enumerate(WORDS)}, **switches)
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")


def load(folder: Path) -> Tokenizer:
    return load_tokenizer(read_settings(folder), pad_id=0, vocab_size=1000)


def tokens(folder: Path, text: str = TEXT) -> list[str]:
    return list(load(folder).encode(text).tokens)


def error(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    return str(caught.value).replace(str(folder), "F")


# tokenizer_config.json and tokenizer.json


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"do_lower_case": False}, ["The", "café", "电", "影"]),
        ({"do_lower_case": True}, ["the", "cafe", "电", "影"]),
        ({"do_lower_case": True, "strip_accents": False}, ["the", "café", "电", "影"]),
        ({"do_lower_case": False, "strip_accents": True}, ["The", "cafe", "电", "影"]),
        ({"do_lower_case": False, "tokenize_chinese_chars": False}, ["The", "café", "电影"]),
    ],
)
@pytest.mark.parametrize("with_tokenizer_json", [False, True])
def test_the_settings_win_over_tokenizer_json(
    folder: Path, settings: dict[str, Any], expected: list[str], with_tokenizer_json: bool
) -> None:
    """They give the same tokens with vocab.txt alone."""
    if with_tokenizer_json:
        write_tokenizer_json(folder, lowercase=False)
    write(folder, "tokenizer_config.json", settings)

    assert tokens(folder) == ["[CLS]", *expected, "[SEP]"]


@pytest.mark.parametrize(
    ("switches", "name", "there", "setting", "default"),
    [
        ({"lowercase": False}, "lowercase", "false", "do_lower_case", "true"),
        ({"strip_accents": False}, "strip_accents", "false", "strip_accents", "null"),
        ({"split_cjk": False}, "handle_chinese_chars", "false", "tokenize_chinese_chars", "true"),
    ],
)
def test_a_default_does_not_win_in_silence(
    folder: Path, switches: dict[str, Any], name: str, there: str, setting: str, default: str
) -> None:
    """transformers would take its default and rewrite the normalizer."""
    write_tokenizer_json(folder, **switches)

    assert error(folder) == (
        f"F/tokenizer.json: {name} is {there}, and tokenizer_config.json must say so, with "
        f"{setting}: without it transformers takes {default}. Received: no {setting}"
    )


def test_a_plain_fast_tokenizer_is_tokenizer_json_as_it_is(folder: Path) -> None:
    write_tokenizer_json(folder, lowercase=False)
    write(folder, "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})

    assert tokens(folder)[1] == "The"


# Special and added tokens


@pytest.mark.parametrize("file", ["tokenizer_config.json", "special_tokens_map.json"])
def test_the_frame_is_the_folder_s(folder: Path, file: str) -> None:
    end = {"__type": "AddedToken", "content": "<end>"}
    write(folder, file, {"cls_token": "<start>", "sep_token": end})

    assert tokens(folder, "the") == ["<start>", "the", "<end>"]


def test_the_frame_that_tokenizer_json_does_not_have_is_refused(folder: Path) -> None:
    write_tokenizer_json(folder)
    write(folder, "tokenizer_config.json", {"cls_token": "<start>"})

    assert error(folder) == (
        "F: cls_token: tokenizer_config.json or special_tokens_map.json must name the token that "
        'tokenizer.json puts there, "[CLS]". Received: "<start>"'
    )


NEW = {"content": "book", "normalized": False}


@pytest.mark.parametrize(
    ("file", "content", "text", "expected"),
    [
        ("added_tokens.json", {"book": 14}, "the Book", ["the", "book"]),
        (
            "tokenizer_config.json",
            {"added_tokens_decoder": {"14": NEW}},
            "thebook",
            ["the", "book"],
        ),
        (
            "tokenizer_config.json",
            {"added_tokens_decoder": {"14": NEW}},
            "the Book",
            ["the", "[UNK]"],
        ),
        (
            "tokenizer_config.json",
            {"additional_special_tokens": ["<end>"]},
            "a<end>",
            ["[UNK]", "<end>"],
        ),
        (
            "special_tokens_map.json",
            {"additional_special_tokens": ["<end>"]},
            "<end>the",
            ["<end>", "the"],
        ),
    ],
)
def test_added_tokens(
    folder: Path, file: str, content: object, text: str, expected: list[str]
) -> None:
    """From added_tokens.json they are looked for in the lower-cased text, as transformers does."""
    write(folder, file, content)

    assert tokens(folder, text) == ["[CLS]", *expected, "[SEP]"]


def test_the_older_files_do_not_count_beside_added_tokens_decoder(folder: Path) -> None:
    write(folder, "tokenizer_config.json", {"added_tokens_decoder": {}})
    write(folder, "added_tokens.json", {"book": 14})
    write(folder, "special_tokens_map.json", {"cls_token": "<start>"})

    assert tokens(folder, "book") == ["[CLS]", "[UNK]", "[SEP]"]


def test_an_added_token_s_number_must_be_the_vocabulary_s(folder: Path) -> None:
    """Its embedding row would be another's."""
    write(folder, "added_tokens.json", {"book": 20})

    assert error(folder) == (
        "F: an added token must have the number that the vocabulary gives it. "
        'Received: 20 for "book", which has 14'
    )


# What is refused


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"do_lower_case": None}, "do_lower_case: must be true or false. Received: null"),
        ({"add_prefix_space": 1}, "add_prefix_space: must be true or false. Received: 1"),
        ({"strip_accents": "no"}, 'strip_accents: must be true, false or null. Received: "no"'),
        (
            {"padding_side": "left"},
            'padding_side: must be "right": positions are counted from the left. Received: "left"',
        ),
        (
            {"truncation_side": "left"},
            'truncation_side: must be "right": long texts are cut at their end. Received: "left"',
        ),
        (
            {"do_basic_tokenize": False},
            "do_basic_tokenize: must be true: transformers' fast tokenizers always do it. "
            "Received: false",
        ),
        (
            {"never_split": ["a"]},
            "never_split: must be absent or empty: transformers' fast tokenizers split them; add "
            'them as tokens. Received: ["a"]',
        ),
        (
            {"tokenizer_class": "XLNetTokenizer"},
            "tokenizer_class: must be one of BertTokenizer, RobertaTokenizer, PreTrainedTokenizer, "
            "ErnieTokenizer, RobertaChineseTokenizer, RobertaBPETokenizer, with or without Fast. "
            'Received: "XLNetTokenizer"',
        ),
        (
            {"vocab_file": "/elsewhere/vocab.txt"},
            "vocab_file: must be absent: a folder's own files are read. "
            'Received: "/elsewhere/vocab.txt"',
        ),
        (
            {"model_input_names": ["input_ids"]},
            "model_input_names: must have input_ids and attention_mask: without a mask "
            'transformers attends to padding. Received: ["input_ids"]',
        ),
        ({"strip_accents": 1}, "strip_accents: must be true, false or null. Received: 1"),
        (
            {"mask_token": {"content": "[MASK]"}},
            'mask_token: an object must have "__type": "AddedToken", without which transformers '
            'does not take it for a token. Received: {"content": "[MASK]"}',
        ),
        (
            {"cls_token": ""},
            "cls_token: a token must be text of 1 to 1000 characters, or an object of "
            'content, lstrip, rstrip, normalized, single_word, special. Received: ""',
        ),
        (
            {"cls_token": "\ud800"},
            "cls_token: a token must be text of 1 to 1000 characters, or an object of "
            'content, lstrip, rstrip, normalized, single_word, special. Received: "\\ud800"',
        ),
        (
            {"added_tokens_decoder": {"²": NEW}},
            "added_tokens_decoder: must be an object of numbers and tokens. "
            'Received: {"²": {"content": "book", "normalized": false}}',
        ),
        (
            {"auto_map": {"AutoTokenizer": "own.Tokenizer"}},
            "auto_map: must be absent or empty: a folder's own code is not run. "
            'Received: {"AutoTokenizer": "own.Tokenizer"}',
        ),
        (
            {"added_tokens_decoder": {"a": NEW}},
            "added_tokens_decoder: must be an object of numbers and tokens. "
            'Received: {"a": {"content": "book", "normalized": false}}',
        ),
        (
            {"additional_special_tokens": [3]},
            "additional_special_tokens: a token must be text of 1 to 1000 characters, or an object "
            "of content, lstrip, rstrip, normalized, single_word, special. Received: 3",
        ),
    ],
)
def test_settings_that_are_refused(folder: Path, settings: object, message: str) -> None:
    write(folder, "tokenizer_config.json", settings)

    assert f"F/tokenizer_config.json: {message}" == error(folder)


def test_an_absent_tokenizer_json_named_by_path_is_none(folder: Path) -> None:
    """transformers drops the name where there is no such file, and refuses to guess otherwise."""
    write(folder, "tokenizer_config.json", {"tokenizer_file": "/elsewhere/tokenizer.json"})
    assert tokens(folder, "the") == ["[CLS]", "the", "[SEP]"]

    write_tokenizer_json(folder)
    assert error(folder) == (
        "F/tokenizer_config.json: tokenizer_file: must be absent: a folder's own files are read. "
        'Received: "/elsewhere/tokenizer.json"'
    )


@pytest.mark.parametrize(
    ("file", "values", "message"),
    [
        (
            "special_tokens_map.json",
            {"do_lower_case": False},
            "F/special_tokens_map.json: must have no other field than bos_token, eos_token, "
            "unk_token, sep_token, pad_token, cls_token, mask_token and "
            "additional_special_tokens; transformers takes any other for a setting of "
            'tokenizer_config.json. Received: "do_lower_case"',
        ),
        (
            "special_tokens_map.json",
            {"cls_token": None},
            "F/special_tokens_map.json: cls_token: a token must be text of 1 to 1000 characters, "
            "or an object of content, lstrip, rstrip, normalized, single_word, special. "
            "Received: null",
        ),
        (
            "special_tokens_map.json",
            {"additional_special_tokens": ["book", {"content": "book", "lstrip": True}]},
            "F: additional_special_tokens: tokenizer_config.json and special_tokens_map.json must "
            "say the same of a token each time. Received: 'book' and AddedToken(\"book\", "
            "rstrip=False, lstrip=True, single_word=False, normalized=False, special=True)",
        ),
        (
            "added_tokens.json",
            {"book": True},
            'F/added_tokens.json: "book": a token\'s number must be whole and not negative. '
            "Received: true",
        ),
    ],
)
def test_tokens_that_are_refused(folder: Path, file: str, values: object, message: str) -> None:
    write(folder, file, values)

    assert message == error(folder)


def test_the_class_of_config_json_counts(folder: Path) -> None:
    write(folder, "config.json", {"model_type": "bert", "tokenizer_class": "T5Tokenizer"})

    assert error(folder).startswith("F/config.json: tokenizer_class: must be one of BertTokenizer")


def test_paddlenlp_s_classes_are_known(folder: Path) -> None:
    """ERNIE's is BERT's WordPiece, and so is RoBERTa's where there is a vocab.txt alone."""
    write(folder, "tokenizer_config.json", {"tokenizer_class": "ErnieTokenizer"})
    ernie = tokens(folder)
    write(folder, "tokenizer_config.json", {"tokenizer_class": "RobertaTokenizer"})

    assert ernie == tokens(folder) == ["[CLS]", "the", "cafe", "电", "影", "[SEP]"]


@pytest.mark.parametrize(
    ("merges", "message"),
    [
        (
            "t h\nth e\n",
            "F/merges.txt:1: must begin with #version: transformers leaves the first line out. "
            'Received: "t h"',
        ),
        (
            "#version: 0.2\nt h\nth e",
            "F/merges.txt: must end with an empty line: transformers leaves the last one out. "
            'Received: "th e"',
        ),
    ],
)
def test_merges_that_transformers_would_lose(folder: Path, merges: str, message: str) -> None:
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "t", "h", "e", "th", "the"]
    write(folder, "config.json", {"model_type": "roberta"})
    write(folder, "vocab.json", {piece: i for i, piece in enumerate(pieces)})
    (folder / "merges.txt").write_text(merges, encoding="utf-8")

    assert message == error(folder)


# What is saved


def test_what_is_saved_is_read_as_it_was(folder: Path, tmp_path: Path) -> None:
    """Its own tokens, whatever was in the folder before."""
    tokenizer = wordpiece({token: i for i, token in enumerate(WORDS)}, lowercase=False)
    tokenizer.add_tokens([AddedToken("book", normalized=False, single_word=True)])
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    written = tokenizer_config(tokenizer.to_str(), special=NAMES, max_length=9)
    (folder / "tokenizer_config.json").write_text(written, encoding="utf-8")
    write(folder, "special_tokens_map.json", {"cls_token": "<start>"})
    write(folder, "added_tokens.json", {"cat": 14})

    assert json.loads(load(folder).to_str()) == json.loads(tokenizer.to_str())
    settings = json.loads(written)
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert settings["model_max_length"] == 9
    assert settings["do_lower_case"] is False
    assert {name: settings[name] for name in NAMES} == NAMES
