"""Token ids of a checkpoint's folder are those of transformers' AutoTokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import transformers

from dualtrain.errors import CheckpointError
from dualtrain.tasks.encoders.checkpoint._tokenizer_fields import PADDLENLP
from dualtrain.tasks.encoders.saved import tokenizer_config
from dualtrain.tasks.encoders.tokenizer import content, load_tokenizer, read_settings
from dualtrain_paddle._compat import native_models
from tests.tokenizer_folders import FIRST, TEXTS, byte_pairs, wordpieces, write

FOLDED = {"content": "new_tok", "lstrip": True, "normalized": True, "single_word": True}
PLAIN = {"content": "book", "normalized": False, "rstrip": True}
FILES: list[dict[str, Any]] = [
    {},
    {"tokenizer_config.json": {"do_lower_case": False}},
    {"tokenizer_config.json": {"do_lower_case": False, "strip_accents": True}},
    {"tokenizer_config.json": {"strip_accents": False, "tokenize_chinese_chars": False}},
    {"tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "do_lower_case": True}},
    {"tokenizer_config.json": {"cls_token": "<start>", "sep_token": "<end>"}},
    {"tokenizer_config.json": {"mask_token": "[X]", "unk_token": "[MASK]"}},
    {"tokenizer_config.json": {"mask_token": {"__type": "AddedToken", "content": "é"}}},
    {"tokenizer_config.json": {"additional_special_tokens": ["[X]", "book", "<end>", "[CLS]"]}},
    {
        "tokenizer_config.json": {
            "added_tokens_decoder": {f"{FIRST}": PLAIN, f"{FIRST + 1}": FOLDED}
        }
    },
    {"added_tokens.json": {"book": FIRST, "new_tok": FIRST + 1}},
    {
        "special_tokens_map.json": {
            "additional_special_tokens": ["[X]", PLAIN],
            "cls_token": "<end>",
        }
    },
    {
        "tokenizer_config.json": {"additional_special_tokens": ["book"], "do_lower_case": True},
        "added_tokens.json": {"book": FIRST},
        "special_tokens_map.json": {"additional_special_tokens": [{"content": "[X]"}]},
    },
]


def theirs(folder: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(folder)


def assert_the_same_ids(folder: Path, pad_id: int) -> None:
    """Every text's; and again from what `train --output` would save of it."""
    settings = read_settings(folder)
    tokenizer = load_tokenizer(settings, pad_id=pad_id, vocab_size=1000)
    expected = theirs(folder)(TEXTS)["input_ids"]

    assert [e.ids for e in tokenizer.encode_batch(TEXTS)] == expected
    saved = folder / "saved"
    saved.mkdir()
    (saved / "config.json").write_text((folder / "config.json").read_text("utf-8"), "utf-8")
    (saved / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    written = tokenizer_config(
        tokenizer.to_str(),
        special={name: content(token) for name, token in settings.special.items()},
        additional=[content(token) for token in settings.additional],
        max_length=9,
    )
    (saved / "tokenizer_config.json").write_text(written, encoding="utf-8")
    for open_it in (
        transformers.AutoTokenizer,
        transformers.BertTokenizerFast if settings.kind == "bert" else transformers.AutoTokenizer,
    ):
        opened = open_it.from_pretrained(saved)
        assert opened(TEXTS, truncation=False)["input_ids"] == expected
        cut = theirs(folder)(TEXTS, truncation=True, max_length=9)["input_ids"]
        assert opened(TEXTS, truncation=True)["input_ids"] == cut
        assert opened.pad_token_id == pad_id
    again = load_tokenizer(read_settings(saved), pad_id=pad_id, vocab_size=1000)
    assert [e.ids for e in again.encode_batch(TEXTS)] == expected


@pytest.mark.parametrize("files", FILES, ids=str)
def test_vocab_txt(tmp_path: Path, files: dict[str, Any]) -> None:
    assert_the_same_ids(wordpieces(tmp_path, files), pad_id=0)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"do_lower_case": True},
        {"strip_accents": True},
        {"tokenize_chinese_chars": False},
        {"tokenizer_class": "PreTrainedTokenizerFast"},
        {"additional_special_tokens": ["[X]"]},
        {"mask_token": "[X]"},
    ],
    ids=str,
)
def test_tokenizer_json_beside_another_tokenizer_config(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    """What transformers saved, with a setting changed by hand."""
    source = tmp_path / "source"
    source.mkdir()
    cased = theirs(wordpieces(source, {"tokenizer_config.json": {"do_lower_case": False}}))
    cased.add_tokens([transformers.AddedToken("book", normalized=True, lstrip=True)])
    cased.save_pretrained(tmp_path)
    write(tmp_path, "config.json", {"model_type": "bert"})
    path = tmp_path / "tokenizer_config.json"
    write(tmp_path, path.name, json.loads(path.read_text("utf-8")) | changes)

    assert_the_same_ids(tmp_path, pad_id=0)


@pytest.mark.parametrize("with_tokenizer_json", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"add_prefix_space": True},
        {"additional_special_tokens": ["new_tok", "book"], "mask_token": "book"},
        {"mask_token": "a"},  # stands in <pad>, which is looked for after it
    ],
    ids=str,
)
def test_byte_pairs(
    tmp_path: Path,
    settings: dict[str, Any],
    with_tokenizer_json: bool,
) -> None:
    folder = byte_pairs(tmp_path, settings)
    if with_tokenizer_json:  # of the defaults, beside the settings
        plain = tmp_path / "plain"
        plain.mkdir()
        theirs(byte_pairs(plain, {})).backend_tokenizer.save(str(folder / "tokenizer.json"))

    assert_the_same_ids(folder, pad_id=1)


def test_another_setting_would_be_seen(tmp_path: Path) -> None:
    """The comparison above must object."""
    folder = wordpieces(tmp_path, {"tokenizer_config.json": {"do_lower_case": False}})
    tokenizer = load_tokenizer(read_settings(folder), pad_id=0, vocab_size=1000)
    write(folder, "tokenizer_config.json", {"do_lower_case": True})

    assert [e.ids for e in tokenizer.encode_batch(TEXTS)] != theirs(folder)(TEXTS)["input_ids"]


@pytest.mark.parametrize("name", ["BertTokenizer", *PADDLENLP])
def test_paddlenlp_s_own_tokenizers(tmp_path: Path, name: str) -> None:
    """Of a folder that paddlenlp saved: its ids, but for symbols and special tokens in a text."""
    (tmp_path / "source").mkdir()
    if PADDLENLP.get(name) == "RobertaTokenizer":
        source = byte_pairs(tmp_path / "source", {})
        files = [str(source / "vocab.json"), str(source / "merges.txt")]
    else:
        files = [str(wordpieces(tmp_path / "source", {}) / "vocab.txt")]
    native = getattr(native_models(), name)(*files)
    native.save_pretrained(str(tmp_path))
    family = "roberta" if name.startswith("Roberta") else "bert"
    write(tmp_path, "config.json", {"model_type": family})

    tokenizer = load_tokenizer(
        read_settings(tmp_path), pad_id=native.pad_token_id, vocab_size=native.vocab_size
    )
    apart = [text for text in TEXTS if tokenizer.encode(text).ids != native(text)["input_ids"]]

    assert [t for t in apart if "emoji" not in t and "[PAD]" not in t and "<pad>" not in t] == []
    assert len(TEXTS) > 100


def test_a_token_that_transformers_mistakes_for_another(tmp_path: Path) -> None:
    """Where the older files stand together, and the last further special token has a name."""
    folder = wordpieces(
        tmp_path,
        {
            "added_tokens.json": {"book": FIRST},
            "special_tokens_map.json": {
                "cls_token": "[CLS]",
                "additional_special_tokens": ["[X]", "[CLS]"],
            },
        },
    )
    assert theirs(folder).cls_token == "book"

    with pytest.raises(CheckpointError, match=r"additional_special_tokens: must not end with"):
        read_settings(folder)
