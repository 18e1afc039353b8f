"""Tokenizers: learnt from the train split, or read from a checkpoint's folder."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import Unigram, WordLevel
from tokenizers.processors import TemplateProcessing

from dualtrain.errors import CheckpointError
from dualtrain.spec import load_spec
from dualtrain.tasks.encoders._prepared import PreparedTexts
from dualtrain.tasks.encoders.tokenizer import load_tokenizer, read_settings
from dualtrain.tasks.encoders.tokenizer._wordpiece import train_wordpiece, wordpiece
from tests.tasks import prepare

FRESH = "{family: bert, hidden_size: 8, layers: 1, heads: 2, max_length: 8, vocab_size: 60}"
TEXTS = ["the cat sat", "the dog sat", "我爱猫", "我爱狗"]


def prepared(
    folder: Path, model: str = FRESH, texts: list[str] = TEXTS, held_out: list[str] | None = None
) -> PreparedTexts:
    """A task on `texts`, the first half of class a and the others of class b, prepared."""
    held_out = held_out or texts[:1]
    for name, rows in (("train", texts), ("eval", held_out)):
        lines = [
            json.dumps({"text": text, "label": "ab"[i >= len(rows) / 2]})
            for i, text in enumerate(rows)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "spec.yaml").write_text(
        f"""\
task:
  name: text_classification
  train: train.jsonl
  eval: eval.jsonl
  text: text
  label: label
  model: {model}
optimizer: {{name: adamw, lr: 1e-3}}
schedule: {{name: linear}}
batch: {{size: 2}}
duration: {{epochs: 1}}
""",
        encoding="utf-8",
    )
    data: PreparedTexts = prepare(load_spec(folder / "spec.yaml"))
    return data


def tokens(data: PreparedTexts, sample: int) -> list[str]:
    """The tokens of a train sample."""
    start, end = data.train.offsets[sample : sample + 2]
    tokenizer = Tokenizer.from_str(data.tokenizer)
    return [tokenizer.id_to_token(token) for token in data.train.ids[start:end].tolist()]


class TestFresh:
    def test_special_tokens_come_first(self) -> None:
        """[PAD] has id 0, then [UNK], [CLS], [SEP], [MASK]."""
        tokenizer = train_wordpiece(TEXTS, vocab_size=60)
        expected = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

        assert expected == [tokenizer.id_to_token(i) for i in range(5)]

    def test_cjk_splits_per_character(self, tmp_path: Path) -> None:
        """Every CJK character is a token of its own, without ##."""
        data = prepared(tmp_path)

        assert tokens(data, 2) == ["[CLS]", "我", "爱", "猫", "[SEP]"]

    def test_words_are_lower_cased_and_unaccented(self) -> None:
        """BERT's normaliser: "Thé" is "the"."""
        tokenizer = train_wordpiece(TEXTS, vocab_size=60)

        assert tokenizer.encode("Thé CAT").tokens == tokenizer.encode("the cat").tokens

    def test_texts_are_cut_at_max_length(self, tmp_path: Path) -> None:
        """The longest sample has max_length tokens, [CLS] and [SEP] included."""
        data = prepared(tmp_path, texts=["我" * 50, "爱" * 6, "猫" * 7, "狗"])

        assert (data.train.offsets[1:] - data.train.offsets[:-1]).tolist() == [8, 8, 8, 3]
        assert tokens(data, 0) == ["[CLS]", *"我我我我我我", "[SEP]"]
        assert tokens(data, 1) == ["[CLS]", *"爱爱爱爱爱爱", "[SEP]"]

    def test_the_held_out_split_teaches_nothing(self, tmp_path: Path) -> None:
        """What only the eval split has becomes [UNK]."""
        data = prepared(tmp_path, held_out=["猫 q"])
        assert data.eval is not None
        tokenizer = Tokenizer.from_str(data.tokenizer)

        assert data.tokenizer == prepared(tmp_path).tokenizer
        assert [tokenizer.id_to_token(i) for i in data.eval.ids.tolist()] == [
            "[CLS]",
            "猫",
            "[UNK]",
            "[SEP]",
        ]

    @pytest.mark.parametrize("vocab_size", [16, 20, 40, 100, 8000])
    def test_the_vocabulary_is_never_larger_than_asked(self, vocab_size: int) -> None:
        """Not even when the texts have more characters than that."""
        texts = ["".join(chr(0x4E00 + i) for i in range(90)), "The quick brown fox, the lazy dog."]

        found = train_wordpiece(texts * 2, vocab_size=vocab_size).get_vocab_size()

        assert min(vocab_size, 5 + 90) <= found <= vocab_size

    def test_the_most_frequent_characters_are_kept(self) -> None:
        """Where there is room for few characters; ties go to the lower code point."""
        vocabulary = train_wordpiece(["五 四 一 二 二 三 三"], vocab_size=5 + 3).get_vocab()

        assert sorted(vocabulary, key=lambda token: vocabulary[token])[5:] == ["一", "三", "二"]

    def test_pieces_that_occur_once_are_not_learnt(self) -> None:
        """Of "abab cd", "ab" is learnt from two places and "cd" is not."""
        vocabulary = train_wordpiece(["ab abx cd"], vocab_size=100).get_vocab()

        assert "ab" in vocabulary
        assert "cd" not in vocabulary

    def test_texts_of_control_characters_only(self) -> None:
        """Nothing to learn from: the special tokens are the vocabulary."""
        assert train_wordpiece(["\u200b", "\u200b\u200c"], vocab_size=100).get_vocab_size() == 5


VOCABULARY_DIGEST = """\
import hashlib, json, random
from dualtrain.tasks.encoders.tokenizer import train_wordpiece
choose = random.Random(0).choices
texts = ["".join(choose("abcdefgh     一二三", k=80)) for _ in range(300)]
vocabulary = train_wordpiece(texts, vocab_size=400).get_vocab()
print(hashlib.sha256(json.dumps(vocabulary, sort_keys=True).encode()).hexdigest())
"""


def test_every_process_learns_the_same_vocabulary() -> None:
    """Random words make many ties between merges; the trainer alone breaks them at random."""
    found = {
        subprocess.run(
            [sys.executable, "-c", VOCABULARY_DIGEST],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in range(5)
    }

    assert len(found) == 1


def test_the_same_vocabulary_again_in_one_process() -> None:
    """Hash maps differ from one to the next in the same process too."""
    choose = random.Random(1).choices
    texts = ["".join(choose("abcdefgh    ", k=60)) for _ in range(100)]
    first, *others = (train_wordpiece(texts, vocab_size=200).get_vocab() for _ in range(6))

    assert others == [first] * 5


BERT = {
    "model_type": "bert",
    "vocab_size": 12,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "pad_token_id": 0,
}
VOCAB_TXT = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("the", "The", "cat", "##s", "猫", "我", "café"),
]
CHECKPOINT = "{path: checkpoint, max_length: 8}"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A BERT checkpoint's folder with config.json and vocab.txt, and weights without a head."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    save_file({"bert.pooler.dense.bias": np.zeros(8, np.float32)}, folder / "model.safetensors")
    write(folder, "config.json", BERT)
    (folder / "vocab.txt").write_text("\n".join(VOCAB_TXT) + "\n", encoding="utf-8")
    return folder


def tokenizer_of(folder: Path, pad_id: int = 0) -> Tokenizer:
    """As `prepare` reads it."""
    return load_tokenizer(read_settings(folder), pad_id=pad_id, vocab_size=1000)


def write(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def tokenizer_json(vocabulary: list[str]) -> str:
    """The content of a tokenizer.json with padding and truncation, as some checkpoints have."""
    tokenizer = wordpiece({token: i for i, token in enumerate(vocabulary)}, lowercase=False)
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=10)
    return str(tokenizer.to_str())


def byte_level(folder: Path, **settings: object) -> None:
    """RoBERTa's files in place of BERT's."""
    (folder / "vocab.txt").unlink()
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "t", "h", "e", "Ġ", "th", "the", "Ġthe"]
    write(folder, "vocab.json", {piece: i for i, piece in enumerate(pieces)})
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nth e\nĠ the\n", encoding="utf-8")
    write(folder, "config.json", {**BERT, "model_type": "roberta", "pad_token_id": 1})
    write(folder, "tokenizer_config.json", settings)


class TestCheckpoint:
    def test_vocab_txt(self, tmp_path: Path, checkpoint: Path) -> None:
        """vocab.txt is BERT's lower-casing WordPiece; sizes and pad id are config.json's."""
        data = prepared(tmp_path, CHECKPOINT, ["The cats", "我猫"])

        assert tokens(data, 0) == ["[CLS]", "the", "cat", "##s", "[SEP]"]
        assert tokens(data, 1) == ["[CLS]", "我", "猫", "[SEP]"]
        assert (data.vocab_size, data.pad_id) == (12, 0)

    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({}, ["the", "[UNK]", "我", "猫"]),
            ({"do_lower_case": False}, ["The", "café", "我", "猫"]),
            ({"strip_accents": False}, ["the", "café", "我", "猫"]),
            ({"tokenize_chinese_chars": False}, ["the", "[UNK]", "[UNK]"]),
        ],
    )
    def test_settings(
        self, checkpoint: Path, settings: dict[str, object], expected: list[str]
    ) -> None:
        """tokenizer_config.json changes the pipeline as it does in transformers."""
        write(checkpoint, "tokenizer_config.json", settings)

        assert expected == tokenizer_of(checkpoint).encode("The café 我猫").tokens[1:-1]

    def test_tokenizer_json_is_preferred(self, tmp_path: Path, checkpoint: Path) -> None:
        """It wins over vocab.txt, and its own padding and truncation do not count."""
        (checkpoint / "tokenizer.json").write_text(tokenizer_json(VOCAB_TXT), encoding="utf-8")
        write(checkpoint, "tokenizer_config.json", {"do_lower_case": False})

        data = prepared(tmp_path, CHECKPOINT, ["The cats", "我猫"])

        assert tokens(data, 0) == ["[CLS]", "The", "cat", "##s", "[SEP]"]
        written = json.loads(data.tokenizer)
        assert (written["truncation"], written["padding"]) == (None, None)

    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({}, ["<s>", "the", "Ġthe", "</s>"]),
            ({"add_prefix_space": True}, ["<s>", "Ġthe", "Ġthe", "</s>"]),
        ],
    )
    def test_vocab_json_and_merges_txt(
        self,
        tmp_path: Path,
        checkpoint: Path,
        settings: dict[str, object],
        expected: list[str],
    ) -> None:
        """RoBERTa's byte-level BPE; its pad id is 1."""
        byte_level(checkpoint, **settings)

        data = prepared(tmp_path, CHECKPOINT, ["the the", "the"])

        assert expected == tokens(data, 0)
        assert data.pad_id == 1

    def test_special_tokens_in_a_text_are_special(self, checkpoint: Path) -> None:
        """As in transformers and paddlenlp, a written [SEP] is the separator."""
        ids = tokenizer_of(checkpoint).encode("cat [SEP] cat").ids

        assert ids == [2, 7, 3, 7, 3]

    def test_max_length_must_fit_the_positions(self, tmp_path: Path, checkpoint: Path) -> None:
        """RoBERTa's positions start at pad id + 1, so 16 of them are enough for 14 tokens."""
        byte_level(checkpoint)
        fits = prepared(tmp_path, "{path: checkpoint, max_length: 14}", ["the " * 20, "the"])
        expected = (
            f"{checkpoint}: task.model.max_length must be at most the checkpoint's, 14. "
            "Received: 15"
        )

        with pytest.raises(CheckpointError) as caught:
            prepared(tmp_path, "{path: checkpoint, max_length: 15}")

        assert fits.train.offsets[1] == 14
        assert expected == str(caught.value)

    def test_ids_must_be_below_vocab_size(self, tmp_path: Path, checkpoint: Path) -> None:
        """A token that the model has no embedding for is found before training."""
        write(checkpoint, "config.json", {**BERT, "vocab_size": 9})
        expected = (
            f"{tmp_path / 'train.jsonl'}:2: every token id must be below config.json's "
            "vocab_size, 9. Received: 9, '猫'"
        )

        with pytest.raises(CheckpointError) as caught:
            prepared(tmp_path, CHECKPOINT, ["The cats", "猫"])

        assert expected == str(caught.value)


def test_a_text_that_the_tokenizer_does_not_take(tmp_path: Path, checkpoint: Path) -> None:
    """A Unigram model without an unknown token has no number for other characters."""
    native = Tokenizer(Unigram([("[PAD]", 0.0), ("[CLS]", 0.0), ("a", -1.0)], None, False))
    native.post_processor = TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 1)])
    native.save(str(checkpoint / "tokenizer.json"))
    write(checkpoint, "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})

    with pytest.raises(CheckpointError) as caught:
        prepared(tmp_path, CHECKPOINT, ["a", "ab"])

    assert str(caught.value).startswith(
        f"{tmp_path / 'train.jsonl'}:2: the checkpoint's tokenizer must take every text. Received: "
    )


def message_of(folder: Path, pad_id: int = 0) -> str:
    """The whole error, with the folder left out."""
    with pytest.raises(CheckpointError) as caught:
        tokenizer_of(folder, pad_id)
    return str(caught.value).replace(str(folder), "F")


class TestBadCheckpoint:
    def test_no_tokenizer(self, checkpoint: Path) -> None:
        """What its class needs is named, and what the folder holds."""
        (checkpoint / "vocab.txt").unlink()
        (checkpoint / "merges.txt").write_text("", encoding="utf-8")
        expected = (
            "F: a checkpoint must have its tokenizer's files, here tokenizer.json or vocab.txt. "
            "Received: config.json, merges.txt, model.safetensors"
        )

        assert expected == message_of(checkpoint)

    def test_no_folder(self, checkpoint: Path) -> None:
        """A folder that is not there holds nothing."""
        message = message_of(checkpoint / "absent")

        assert message.endswith("Received: nothing")

    def test_another_pad_id(self, checkpoint: Path) -> None:
        """RoBERTa positions and padding rows hang on it."""
        expected = "F: the tokenizer's [PAD] must be config.json's pad_token_id, 3. Received: 0"

        assert expected == message_of(checkpoint, pad_id=3)

    def test_vocab_txt_without_special_tokens(self, checkpoint: Path) -> None:
        """They frame every text."""
        (checkpoint / "vocab.txt").write_text("[PAD]\n[UNK]\nthe\n", encoding="utf-8")
        expected = (
            "F/vocab.txt: a vocabulary must have [UNK], [CLS], [SEP]. "
            "Received: 3 tokens, without [CLS], [SEP]"
        )

        assert expected == message_of(checkpoint)

    def test_vocab_txt_with_numbers(self, checkpoint: Path) -> None:
        """As ERNIE's own repository has it."""
        (checkpoint / "vocab.txt").write_text("[PAD]\t0\n[UNK]\t1\n[CLS]\t2\n", encoding="utf-8")
        expected = (
            "F/vocab.txt: a vocabulary must have [UNK], [CLS], [SEP], each alone on its line: "
            "`cut -f1` takes away what stands behind a tab. "
            "Received: 3 tokens, without [UNK], [CLS], [SEP]"
        )

        assert expected == message_of(checkpoint)

    def test_vocab_txt_in_latin_1(self, checkpoint: Path) -> None:
        """All files of a checkpoint are UTF-8."""
        (checkpoint / "vocab.txt").write_bytes(b"caf\xe9\n")

        assert message_of(checkpoint).startswith("F/vocab.txt: must be in UTF-8. Received: 'utf-8'")

    def test_a_setting_that_is_no_switch(self, checkpoint: Path) -> None:
        """Text is not true."""
        write(checkpoint, "tokenizer_config.json", {"do_lower_case": "no"})
        expected = 'F/tokenizer_config.json: do_lower_case: must be true or false. Received: "no"'

        assert expected == message_of(checkpoint)

    def test_settings_that_are_no_object(self, checkpoint: Path) -> None:
        """A list holds no settings."""
        write(checkpoint, "tokenizer_config.json", [])
        expected = "F/tokenizer_config.json: must be a JSON object. Received: []"

        assert expected == message_of(checkpoint)

    def test_settings_that_are_not_json(self, checkpoint: Path) -> None:
        """The parser's own words follow."""
        (checkpoint / "tokenizer_config.json").write_text("{", encoding="utf-8")

        assert message_of(checkpoint).startswith(
            "F/tokenizer_config.json: must be valid JSON. Received: Expecting"
        )

    def test_tokenizer_json_of_something_else(self, checkpoint: Path) -> None:
        """JSON, but no tokenizer."""
        write(checkpoint, "tokenizer.json", {"version": "1.0", "added_tokens": []})
        write(checkpoint, "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})

        assert message_of(checkpoint).startswith(
            "F/tokenizer.json: must be a tokenizer of the tokenizers library. Received: "
        )

    def test_tokenizer_json_without_special_tokens(self, checkpoint: Path) -> None:
        """BERT classifies a text from the token put before it."""
        bare = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1}, unk_token="[UNK]"))
        (checkpoint / "tokenizer.json").write_text(bare.to_str(), encoding="utf-8")
        write(checkpoint, "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})
        expected = (
            "F/tokenizer.json: the tokenizer must put a special token before each text, from "
            "which the model classifies it. Received: post_processor null"
        )

        assert expected == message_of(checkpoint)

    def test_a_merge_that_is_none(self, checkpoint: Path) -> None:
        """Named with its line."""
        byte_level(checkpoint)
        (checkpoint / "merges.txt").write_text("#version: 0.2\nt h\nth\n", encoding="utf-8")
        expected = 'F/merges.txt:3: a merge must be two tokens with a space between. Received: "th"'

        assert expected == message_of(checkpoint, pad_id=1)

    def test_a_merge_outside_the_vocabulary(self, checkpoint: Path) -> None:
        """vocab.json and merges.txt come from one training."""
        byte_level(checkpoint)
        (checkpoint / "merges.txt").write_text("#version: 0.2\nh t\n", encoding="utf-8")

        assert message_of(checkpoint, pad_id=1).startswith(
            "F: vocab.json and merges.txt must fit together. Received: "
        )
