"""Token ids of a checkpoint's folder are those of transformers' AutoTokenizer."""

from __future__ import annotations

import json
import pydoc_data.topics
from pathlib import Path
from typing import Any

import pytest
import transformers
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from dualtrain.tasks.text_classification._checkpoint_tokenizer import load_tokenizer
from dualtrain.tasks.text_classification._tokenizer_config import tokenizer_config
from dualtrain.tasks.text_classification._tokenizer_files import content
from dualtrain.tasks.text_classification._tokenizer_settings import read_settings

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


def write(folder: Path, name: str, values: object) -> None:
    (folder / name).write_text(json.dumps(values), encoding="utf-8")


def wordpieces(folder: Path, files: dict[str, Any]) -> Path:
    write(folder, "config.json", {"model_type": "bert", "vocab_size": len(WORDPIECES)})
    (folder / "vocab.txt").write_text("\n".join(WORDPIECES) + "\n", encoding="utf-8")
    for name, values in files.items():
        write(folder, name, values)
    return folder


@pytest.fixture(scope="module")
def bytes_learnt() -> dict[str, Any]:
    """A byte-level BPE's vocabulary and merges."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    trainer = BpeTrainer(
        vocab_size=600,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    model: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    return model


def byte_pairs(folder: Path, learnt: dict[str, Any], settings: dict[str, Any]) -> Path:
    write(folder, "config.json", {"model_type": "roberta", "vocab_size": len(learnt["vocab"])})
    write(folder, "vocab.json", learnt["vocab"])
    merges = "".join(f"{' '.join(merge)}\n" for merge in learnt["merges"])
    (folder / "merges.txt").write_text("#version: 0.2\n" + merges, encoding="utf-8")
    write(folder, "tokenizer_config.json", settings)
    return folder


def theirs(folder: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(folder)


def assert_the_same_ids(folder: Path, pad_id: int) -> None:
    """Every text's; and again from what `train --output` would save of it."""
    settings = read_settings(folder)
    tokenizer = load_tokenizer(settings, pad_id=pad_id)
    expected = theirs(folder)(TEXTS)["input_ids"]

    assert [e.ids for e in tokenizer.encode_batch(TEXTS)] == expected
    saved = folder / "saved"
    saved.mkdir()
    (saved / "config.json").write_text((folder / "config.json").read_text("utf-8"), "utf-8")
    (saved / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    written = tokenizer_config(
        tokenizer,
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
    again = load_tokenizer(read_settings(saved), pad_id=pad_id)
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
    ],
    ids=str,
)
def test_byte_pairs(
    tmp_path: Path,
    bytes_learnt: dict[str, Any],
    settings: dict[str, Any],
    with_tokenizer_json: bool,
) -> None:
    folder = byte_pairs(tmp_path, bytes_learnt, settings)
    if with_tokenizer_json:  # of the defaults, beside the settings
        plain = tmp_path / "plain"
        plain.mkdir()
        theirs(byte_pairs(plain, bytes_learnt, {})).backend_tokenizer.save(
            str(folder / "tokenizer.json")
        )

    assert_the_same_ids(folder, pad_id=1)


def test_another_setting_would_be_seen(tmp_path: Path) -> None:
    """The comparison above must object."""
    folder = wordpieces(tmp_path, {"tokenizer_config.json": {"do_lower_case": False}})
    tokenizer = load_tokenizer(read_settings(folder), pad_id=0)
    write(folder, "tokenizer_config.json", {"do_lower_case": True})

    assert [e.ids for e in tokenizer.encode_batch(TEXTS)] != theirs(folder)(TEXTS)["input_ids"]
