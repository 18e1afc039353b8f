"""What refusals and notes repeat of a checkpoint's files: printable, and cut where it is long."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from dualtrain.errors import CheckpointError
from dualtrain.tasks.encoders.checkpoint import (
    checkpoint_notes,
    class_order,
    read_checkpoint_config,
    read_weights,
)
from tests.encoders import CONFIG_JSON

CONFIG: dict[str, Any] = CONFIG_JSON
HIDDEN = ["\x1b[31m", "\x9b31m", "\u202e", "\r", "\n", "\x07", "\u2028", "\ud800"]
"""What a terminal obeys, ends a line by, or cannot be written to it."""

HEAD = {"classifier.weight": (2, 4), "classifier.bias": (2,)}
POOLER = {"bert.pooler.dense.weight": (4, 4), "bert.pooler.dense.bias": (4,)}


def write(folder: Path, tensors: dict[str, tuple[int, ...]], **fields: Any) -> Path:
    """config.json with these fields, and tensors of zeros."""
    (folder / "config.json").write_text(json.dumps(CONFIG | fields), encoding="utf-8")
    arrays = {name: np.zeros(shape, np.float32) for name, shape in tensors.items()}
    save_file(arrays, folder / "model.safetensors")
    return folder


def header(folder: Path, fields: dict[str, Any]) -> Path:
    """A safetensors file whose header says this."""
    write(folder, {})
    text = json.dumps(fields).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    return folder


def config(folder: Path) -> None:
    read_checkpoint_config(folder, classes=2, dropout=None)


def order(folder: Path) -> None:
    class_order(folder, ("neg", "pos"), head="stored")


def weights(folder: Path) -> None:
    model = read_checkpoint_config(folder, classes=2, dropout=None)
    read_weights(folder, list(model.tensors()), model, head="stored")


def error(read: Callable[[Path], None], folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read(folder)
    return str(caught.value).replace(str(folder), "F")


@pytest.mark.parametrize("hidden", HIDDEN, ids=ascii)
def test_nothing_of_a_file_is_obeyed_by_a_terminal(hidden: str, tmp_path: Path) -> None:
    labels = {"0": f"neg{hidden}", "1": "pos"}
    messages = [
        error(config, write(tmp_path, {}, hidden_act=f"gelu{hidden}")),
        error(config, write(tmp_path, {}, model_type=f"bert{hidden}")),
        error(order, write(tmp_path, HEAD | POOLER, architectures=[hidden])),
        error(order, write(tmp_path, HEAD | POOLER, id2label=labels)),
    ]
    if hidden != "\ud800":  # safetensors writes no such name
        name = f"embeddings.A{hidden}"
        messages += [
            error(order, write(tmp_path, {f"classifier.{hidden}": (2,)})),
            *error(weights, write(tmp_path, {name: (2,)})).split("\n")[:2],
            error(weights, header(tmp_path, {name: {"dtype": hidden}})),
            error(weights, header(tmp_path, {"\ud800": 1})),
        ]

    assert all(message.isprintable() for message in messages), messages
    assert hidden == "\ud800" or "A\\" in messages[-3]


def test_notes_are_printable_too(tmp_path: Path) -> None:
    folder = write(tmp_path, HEAD | POOLER | {"own\x1b[31m": (1,)}, **{"own\x1b[31m": 1})
    (folder / "tokenizer_config.json").write_text(json.dumps({"\u202e": 1}), encoding="utf-8")
    model = read_checkpoint_config(folder, classes=2, dropout=None)

    notes = checkpoint_notes(folder, (), model, classes=("neg", "pos"), head="stored")

    assert sum("own\\x1b[31m" in note for note in notes) == 2
    assert sum("\\u202e" in note for note in notes) == 1
    assert all(note.isprintable() for note in notes)


def test_what_is_long_is_not_repeated_whole(tmp_path: Path) -> None:
    parts: dict[str, tuple[int, ...]] = {f"classifier.{i}": (1,) for i in range(1000)}
    words = "a word " * 1000
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    messages = [
        error(config, write(tmp_path, {}, hidden_act=words)),
        error(config, write(tmp_path, {}, hidden_act=deep)),
        error(order, write(tmp_path, parts, architectures=["Other"])),
        error(order, write(tmp_path, parts)),
        error(order, write(tmp_path, HEAD | POOLER, id2label={"0": words, "1": "pos"})),
        error(
            weights,
            write(tmp_path, {f"{i}.embeddings.word_embeddings.weight": (1,) for i in range(99)}),
        ),
    ]
    (tmp_path / "model.safetensors").unlink()
    for i in range(100):
        (tmp_path / f"{i}.bin").touch()
    messages += [error(weights, tmp_path)]

    assert max(map(len, messages)) < 1000
