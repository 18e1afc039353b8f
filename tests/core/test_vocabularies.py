"""Vocabularies that tokenizers cannot hold, or would not write as they are, are refused.

Their numbers and texts are checked before tokenizers is given them: it would allocate by the
largest number, and ends the process where that takes more memory than there is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE

from dualtrain.errors import CheckpointError
from dualtrain.tasks.encoders.tokenizer import load_tokenizer, read_settings
from dualtrain.tasks.encoders.tokenizer._wordpiece import wordpiece

BYTES = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "t", "h", "e", "th", "the"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s"]
ROWS = 20
"""The model's vocab_size."""


def write(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def numbered(tokens: list[str], changes: dict[str, Any]) -> dict[str, Any]:
    return {token: i for i, token in enumerate(tokens)} | changes


def byte_pairs(folder: Path, changes: dict[str, Any]) -> Path:
    """vocab.json with merges.txt: the vocabulary, changed."""
    write(folder, "config.json", {"model_type": "roberta"})
    write(folder, "vocab.json", numbered(BYTES, changes))
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nth e\n", encoding="utf-8")
    return folder


def wordpieces(folder: Path, changes: dict[str, Any]) -> Path:
    """tokenizer.json: the vocabulary, changed."""
    values = json.loads(wordpiece(numbered(WORDS, {})).to_str())
    values["model"]["vocab"] |= changes
    write(folder, "config.json", {"model_type": "bert"})
    write(folder, "tokenizer.json", values)
    return folder


def load(folder: Path) -> Tokenizer:
    settings = read_settings(folder)
    return load_tokenizer(settings, pad_id=int(settings.kind == "roberta"), vocab_size=ROWS)


def error(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    return str(caught.value).replace(str(folder), "F")


RULE = "must give each token, text in UTF-8, a number of its own, whole and from 0 to below 20"

WRONG = [
    *("5", 5.5, None, True, -1, 1e400, [5], {"t": 5}),
    *(20, 1_000_000_000, 2**31, 2**63, 2**64, 10**30),
]
"""Of a token's number."""


@pytest.mark.parametrize("number", WRONG, ids=repr)
def test_a_number_that_is_none(number: object, tmp_path: Path) -> None:
    received = f'Received: {json.dumps(number)} for "the"'

    assert error(byte_pairs(tmp_path, {"the": number})) == (
        f"F/vocab.json: vocabulary: {RULE}. {received}"
    )
    (tmp_path / "vocab.json").unlink()
    assert error(wordpieces(tmp_path, {"the": number})) == (
        f"F/tokenizer.json: model.vocab: {RULE}. {received}"
    )


def test_two_tokens_of_one_number(tmp_path: Path) -> None:
    """tokenizers writes one of them, and the saved folder would cut texts otherwise."""
    twice = Tokenizer(BPE({"a": 0, "b": 0, "c": 1}, []))
    assert len(json.loads(twice.to_str())["model"]["vocab"]) == 2

    message = error(byte_pairs(tmp_path, {"the": 8}))

    assert message == f'F/vocab.json: vocabulary: {RULE}. Received: 8 for "the"'


def test_a_token_that_is_no_text(tmp_path: Path) -> None:
    message = error(byte_pairs(tmp_path, {"\ud800": 11}))

    assert message == f'F/vocab.json: vocabulary: {RULE}. Received: 11 for "\\ud800"'


def test_numbers_the_model_has_rows_for_may_have_gaps(tmp_path: Path) -> None:
    """Real vocabularies do; a text that is cut into them is what counts."""
    assert load(byte_pairs(tmp_path, {"the": 19})).token_to_id("the") == 19


def test_a_vocabulary_may_be_larger_than_the_model(tmp_path: Path) -> None:
    """A text that has such a token is refused by its line."""
    more = {f"##{i}": len(WORDS) + i for i in range(2 * ROWS)}

    assert load(wordpieces(tmp_path, more)).get_vocab_size() == len(WORDS) + 2 * ROWS


def test_an_added_token_that_falls_into_a_gap(tmp_path: Path) -> None:
    """Its number is how many tokens there are, and where one was left out another has that."""
    folder = byte_pairs(tmp_path, {"the": 10})
    special = {"mask_token": "<none>", "additional_special_tokens": ["the"]}
    write(folder, "special_tokens_map.json", special)

    assert error(folder) == (
        "F: tokenizers must read the tokenizer.json that it writes, with the same tokens. "
        "Received: others, as where an added token falls into a vocabulary's gap"
    )


@pytest.mark.parametrize("hidden", ["\x1b[31m", "\x9b31m", "\u202e", "\t", "\x07", "\u2028"])
def test_nothing_of_a_file_is_obeyed_by_a_terminal(hidden: str, tmp_path: Path) -> None:
    """Special tokens, pieces and merges are repeated with such characters written out."""
    merges = byte_pairs(tmp_path, {})
    (merges / "merges.txt").write_text(f"#version: 0.2\nt h{hidden}\n", encoding="utf-8")
    messages = [error(merges)]
    write(tmp_path, "special_tokens_map.json", {"cls_token": f"<s{hidden}>"})
    messages += [error(merges)]
    (tmp_path / "vocab.json").unlink()
    write(tmp_path, "special_tokens_map.json", {"pad_token": f"[PAD{hidden}]"})
    messages += [error(wordpieces(tmp_path, {}))]

    assert len(set(messages)) == 3
    assert all(message.isprintable() for message in messages), messages


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("special_tokens_map.json", {"cls_token": "a" * 1001}),
        ("added_tokens.json", {"a" * 100_000: 10}),
        ("tokenizer_config.json", {"added_tokens_decoder": {"4": {"content": "a" * 1001}}}),
    ],
)
def test_a_long_token_is_refused(file: str, content: object, tmp_path: Path) -> None:
    """tokenizers looks for it in every text, and would prepare for that for minutes."""
    write(byte_pairs(tmp_path, {}), file, content)
    message = error(tmp_path)

    assert "a token must be text of 1 to 1000 characters" in message
    assert len(message) < 1000


def test_a_long_token_of_tokenizer_json_is_refused(tmp_path: Path) -> None:
    """Whatever tokenizer_config.json says: tokenizers reads it with the file."""
    values = json.loads((wordpieces(tmp_path, {}) / "tokenizer.json").read_text(encoding="utf-8"))
    values["added_tokens"][4]["content"] = "a" * 1001
    write(tmp_path, "tokenizer.json", values)
    write(tmp_path, "tokenizer_config.json", {"added_tokens_decoder": {}})

    assert error(tmp_path).startswith(
        "F/tokenizer.json: added_tokens: a token must be text of 1 to 1000 characters"
    )


def test_a_long_piece_is_none_that_is_looked_for(tmp_path: Path) -> None:
    assert load(byte_pairs(tmp_path, {"a" * 100_000: 10})).encode("the").ids == [0, 9, 2]


def test_a_long_token_is_not_repeated_whole(tmp_path: Path) -> None:
    write(byte_pairs(tmp_path, {}), "special_tokens_map.json", {"cls_token": "a " * 400})

    assert len(error(tmp_path)) < 300


def test_a_folder_of_many_files_is_not_repeated_whole(tmp_path: Path) -> None:
    write(tmp_path, "config.json", {"model_type": "bert"})
    for i in range(100):
        (tmp_path / f"{i:02}.txt").touch()

    assert error(tmp_path).endswith(
        "Received: 00.txt, 01.txt, 02.txt, 03.txt, 04.txt, 05.txt, "
        "06.txt, 07.txt, 08.txt, 09.txt, 10.txt, 11.txt, and 89 more"
    )
