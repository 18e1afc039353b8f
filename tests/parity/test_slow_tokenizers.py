"""Files for slow tokenizers stand only where those cut texts as the fast one does."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import transformers
from tokenizers import AddedToken, Tokenizer

from dualtrain.tasks.encoders.saved import tokenizer_config
from dualtrain.tasks.encoders.saved._tokenizer_files import (
    has_slow_class,
    tokenizer_files,
)
from dualtrain.tasks.encoders.tokenizer._wordpiece import NAMES, wordpiece
from dualtrain_paddle._compat import native_models

LENGTH = 14
WORDS = ["good", "Good", "book", "film", "cafe", "café", "CAFÉ", "电影"]
TEXTS = [
    "Good Film café CAFÉ naïve İstanbul straße",
    "the 电影院 很好看 日本語",
    "[PAD] bad [CLS] x [SEP] [MASK]y [UNK]",
    "Book book bookish mybook NEW_TOK new_tok [X] [x] xnew_tok y#1z",
    "good-film Good-Film #1 a b A B new_toks <e>x",
]
ADDED = [
    *("new_tok", "NEW_TOK", "book", "Book", "[X]", "电影", "café", "CAFÉ"),
    *("#1", "a b", "good-film", "Good", "<e>", "ß", "İ"),
]
CHARACTERS = sorted({c for text in TEXTS for c in text + text.lower() if not c.isspace()})
VOCABULARY = [
    *dict.fromkeys((*NAMES.values(), *WORDS, *CHARACTERS, *(f"##{c}" for c in CHARACTERS)))
]


def drawn(seed: int, folder: Path) -> tuple[Tokenizer, bool]:
    """A WordPiece tokenizer, saved in the folder; whether that has files for slow classes."""
    draw = random.Random(seed)
    tokenizer = wordpiece(
        {token: i for i, token in enumerate(VOCABULARY)},
        lowercase=draw.random() < 0.5,
        split_cjk=draw.random() < 0.6,
        strip_accents=draw.choice([None, True, False]),
    )
    chances = {"special": 0.4, "normalized": 0.5, "lstrip": 0.3, "rstrip": 0.3, "single_word": 0.1}
    tokens = [
        AddedToken(text, **{flag: draw.random() < chance for flag, chance in chances.items()})
        for text in draw.sample(ADDED, draw.randint(0, 2))
    ]
    tokenizer.add_tokens(tokens)
    special = [token.content for token in tokens if token.special]
    mask = {"mask_token": special.pop()} if special and draw.random() < 0.3 else {}
    config = tokenizer_config(
        tokenizer.to_str(), special={**NAMES, **mask}, additional=special, max_length=LENGTH
    )
    for name, text in tokenizer_files(tokenizer.to_str(), config).items():
        (folder / name).write_text(text, encoding="utf-8")
    tokenizer.enable_truncation(LENGTH)
    return tokenizer, has_slow_class(config)


def opened(folder: Path, *, slow: bool) -> Iterator[Any]:
    yield transformers.AutoTokenizer.from_pretrained(folder)
    yield transformers.BertTokenizerFast.from_pretrained(folder)
    if slow:
        yield transformers.BertTokenizer.from_pretrained(folder)
        yield native_models().AutoTokenizer.from_pretrained(str(folder))


@pytest.mark.parametrize("seed", range(60))
def test_whoever_opens_it_gives_the_same_ids(seed: int, tmp_path: Path) -> None:
    tokenizer, slow = drawn(seed, tmp_path)
    expected = [encoding.ids for encoding in tokenizer.encode_batch(TEXTS)]
    for theirs in opened(tmp_path, slow=slow):
        ids = [list(theirs(text, truncation=True)["input_ids"]) for text in TEXTS]
        assert ids == expected, type(theirs)


def test_both_kinds_are_drawn(tmp_path: Path) -> None:
    found = [drawn(seed, tmp_path)[1] for seed in range(60)]
    assert 15 < sum(found) < 45


def test_files_of_a_slow_class_that_cuts_otherwise_would_be_seen(tmp_path: Path) -> None:
    """The comparison above must object: here to a token that is to be a whole word."""
    tokenizer = wordpiece({token: i for i, token in enumerate(VOCABULARY)})
    tokenizer.add_tokens([AddedToken("new_tok", single_word=True)])
    config = json.loads(tokenizer_config(tokenizer.to_str(), special=NAMES, max_length=LENGTH))
    assert "init_class" not in config
    config["init_class"] = "BertTokenizer"
    for name, text in tokenizer_files(tokenizer.to_str(), json.dumps(config)).items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    fast, _, _, paddle = opened(tmp_path, slow=True)
    assert fast.tokenize(TEXTS[3]) != paddle.tokenize(TEXTS[3])
