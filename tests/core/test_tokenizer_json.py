"""tokenizer.json: what of it is refused, and that no file is waited for or believed twice."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from dualtrain.errors import CheckpointError
from dualtrain.tasks.encoders.tokenizer import load_tokenizer, read_settings
from dualtrain.tasks.encoders.tokenizer._wordpiece import wordpiece

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s"]

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """BERT's, with a tokenizer.json."""
    write(tmp_path, "config.json", {"model_type": "bert"})
    write(tmp_path, "tokenizer_config.json", {"do_lower_case": True})
    tokenizer = wordpiece({token: i for i, token in enumerate(WORDS)})
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    return tmp_path


def write(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def change(folder: Path, how: Change) -> None:
    values = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    how(values)
    write(folder, "tokenizer.json", values)


def load(folder: Path) -> Tokenizer:
    return load_tokenizer(read_settings(folder), pad_id=0, vocab_size=1000)


def error(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    return str(caught.value).replace(str(folder), "F")


def type_ids(values: dict[str, Any]) -> None:
    values["post_processor"]["single"][1]["Sequence"]["type_id"] = 1


PADDING = {
    "strategy": "BatchLongest",
    "direction": "Left",
    "pad_to_multiple_of": None,
    "pad_id": 0,
    "pad_type_id": 0,
    "pad_token": "[PAD]",
}
TRUNCATION = {"direction": "Left", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
MERGES = {"type": "BPE", "vocab": {"a": 0, "##b": 1, "ab": 2}, "merges": [["a", "##b"]]}

REFUSED: list[tuple[Change, str]] = [
    (
        lambda v: v.update(truncation=TRUNCATION),
        "truncation: must cut on the right, or tokenizer_config.json must say truncation_side: "
        '"right". Received: direction "Left"',
    ),
    (
        lambda v: v.update(padding=PADDING),
        "padding: must fill up on the right, from which no position is counted, or "
        'tokenizer_config.json must say padding_side: "right". Received: direction "Left"',
    ),
    (
        lambda v: v["model"].update(dropout=0.1),
        "model.dropout: must be null: a text must have the same tokens each time. Received: 0.1",
    ),
    (
        lambda v: v["model"].update(unk_token="[none]"),
        "model.unk_token: must be in model.vocab: a word of a text that is not there becomes it. "
        'Received: "[none]"',
    ),
    (
        lambda v: v.update(model=MERGES | {"continuing_subword_prefix": "##"}),
        "model.continuing_subword_prefix: must be null or empty in a model of merges. "
        'Received: "##"',
    ),
    (
        lambda v: v.update(normalizer=None),
        "normalizer: there must be one where tokenizer_config.json or config.json has a "
        "tokenizer_class of BERT's; write PreTrainedTokenizerFast there, and the file is read as "
        "it is. Received: null",
    ),
    (
        type_ids,
        "post_processor: every token of a text that stands alone must have type_id 0. "
        "Received: [0, 1, 0] for 'a'",
    ),
    (
        lambda v: v["post_processor"]["single"].pop(1),
        "post_processor: single must have the text, A, once, and no special token that "
        'special_tokens lacks. Received: [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, '
        '{"SpecialToken": {"id": "[SEP]", "type_id": 0}}]',
    ),
    (
        lambda v: v["post_processor"]["special_tokens"].pop("[CLS]"),
        "post_processor: single must have the text, A, once, and no special token that "
        'special_tokens lacks. Received: [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, '
        '{"Sequence": {"id": "A", "type_id": 0}}, ',
    ),
    (
        lambda v: v["post_processor"]["single"][0]["SpecialToken"].update(id=[1]),
        "post_processor: single must have the text, A, once, and no special token that "
        'special_tokens lacks. Received: [{"SpecialToken": {"id": [1], "type_id": 0}}, ',
    ),
    (
        lambda v: v["added_tokens"][0].pop("id"),
        "added_tokens: a token's number must be whole and not negative. Received: null",
    ),
    (lambda v: v.update(added_tokens=3), "added_tokens: must be a list of tokens. Received: 3"),
    (
        lambda v: v["post_processor"]["single"].pop(0),
        "the tokenizer must put a special token before each text, from which the model classifies "
        'it. Received: post_processor "TemplateProcessing(',
    ),
]


@pytest.mark.parametrize(("how", "message"), REFUSED)
def test_parts_that_are_refused(folder: Path, how: Change, message: str) -> None:
    change(folder, how)

    assert error(folder).startswith(f"F/tokenizer.json: {message}")


@pytest.mark.parametrize(
    ("side", "section"), [("truncation_side", "truncation"), ("padding_side", "padding")]
)
def test_the_settings_win_over_a_side(folder: Path, side: str, section: str) -> None:
    """As in transformers, whose tokenizer then cuts and fills up on the right."""
    change(folder, lambda v: v.update({section: TRUNCATION if "trunc" in side else PADDING}))
    write(folder, "tokenizer_config.json", {"do_lower_case": True, side: "right"})

    written = json.loads(load(folder).to_str())
    assert (written["truncation"], written["padding"]) == (None, None)


def test_a_plain_fast_tokenizer_s_padding_names_its_token(folder: Path) -> None:
    """Where no file does so otherwise, transformers takes it from there."""
    write(folder, "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})
    change(folder, lambda v: v.update(padding=PADDING | {"direction": "Right", "pad_token": "cat"}))

    assert (
        error(folder) == "F: the tokenizer's cat must be config.json's pad_token_id, 0. Received: 6"
    )


def test_a_text_without_a_frame_where_a_vocabulary_stands_beside(folder: Path) -> None:
    """The way out works; transformers itself frames no text of the folder as it stands."""
    change(folder, lambda v: v["post_processor"]["single"].pop(0))
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    assert "it; without tokenizer.json the vocabulary beside it is read. Rec" in error(folder)

    (folder / "tokenizer.json").unlink()
    assert load(folder).encode("the cats").tokens == ["[CLS]", "the", "cat", "##s", "[SEP]"]


def test_a_long_error_of_tokenizers_is_cut(folder: Path) -> None:
    change(folder, lambda v: v["model"].update(max_input_chars_per_word="9" * 5000))

    message = error(folder)
    assert message.startswith("F/tokenizer.json: must be a tokenizer of the tokenizers library.")
    assert " ... " in message
    assert " at line 1 column " in message
    assert len(message) < 400


FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
)


@pytest.mark.parametrize("name", FILES)
def test_a_named_pipe_is_not_waited_for(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)

    assert (
        error(folder) == f"F/{name}: must be readable. Received: a named pipe, not a regular file"
    )


@pytest.mark.parametrize("name", FILES)
def test_a_key_that_stands_twice_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text('{"book": 8, "book": 9}', encoding="utf-8")

    assert error(folder) == (
        f"F/{name}: must be valid JSON. Received: key 'book' twice in one object"
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_are_those_of_text_files(folder: Path, end: str) -> None:
    """A vocab.txt written on another system has the same tokens."""
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_bytes("".join(f"{word}{end}" for word in WORDS).encode())

    assert load(folder).get_vocab() == {word: i for i, word in enumerate(WORDS)}
