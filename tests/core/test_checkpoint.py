"""Initial weights: fresh from a seed, or read from a checkpoint folder's safetensors files."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from dualtrain.backend import check_weights
from dualtrain.errors import CheckpointError
from dualtrain.ledger import Kind, Parameter
from dualtrain.tasks.encoders import EncoderConfig
from dualtrain.tasks.encoders._initial import initial_weights
from tests.encoders import CONFIG


def parameter(name: str, shape: tuple[int, ...], kind: Kind = "other") -> Parameter:
    return Parameter(
        name=name, structured=name, native=name, shape=shape, kind=kind, trainable=True
    )


PARAMETERS = [
    parameter("bert.embeddings.word_embeddings.weight", (12, 4), "embedding"),
    parameter("bert.embeddings.LayerNorm.weight", (4,), "norm"),
    parameter("bert.embeddings.LayerNorm.bias", (4,), "norm"),
    parameter("bert.encoder.layer.0.intermediate.dense.weight", (8, 4)),
    parameter("bert.encoder.layer.0.intermediate.dense.bias", (8,)),
    parameter("bert.pooler.dense.weight", (4, 4)),
    parameter("bert.pooler.dense.bias", (4,)),
    parameter("classifier.weight", (2, 4)),
    parameter("classifier.bias", (2,)),
]
"""One of each kind of a small BERT."""

Arrays = dict[str, NDArray[np.float32]]


def fresh(seed: int = 42, parameters: list[Parameter] = PARAMETERS) -> Arrays:
    return initial_weights(parameters, CONFIG, seed=seed, checkpoint=None)


def read(folder: Path, config: EncoderConfig = CONFIG, seed: int = 0) -> Arrays:
    return initial_weights(PARAMETERS, config, seed=seed, checkpoint=folder)


def save(folder: Path, arrays: Mapping[str, NDArray[Any]], file: str = "model.safetensors") -> None:
    save_file(dict(arrays), folder / file)


def error(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read(folder)
    return str(caught.value)


def assert_same(expected: Mapping[str, NDArray[Any]], actual: Mapping[str, NDArray[Any]]) -> None:
    """Names, types and every bit."""
    assert sorted(expected) == sorted(actual)
    for name in expected:
        assert expected[name].dtype == actual[name].dtype, name
        assert expected[name].tobytes() == actual[name].tobytes(), name


STORED = fresh(seed=1)
"""What the folders below hold."""


# Fresh weights


def test_fresh_weights_never_change() -> None:
    """The digest holds for any numpy and any order; if it must change, every run changes."""
    digests = {name: f"{crc32(array.tobytes()):08x}" for name, array in fresh().items()}

    assert digests == {
        "bert.embeddings.LayerNorm.bias": "ecbb4b55",
        "bert.embeddings.LayerNorm.weight": "e8681456",
        "bert.embeddings.word_embeddings.weight": "82bc64b4",
        "bert.encoder.layer.0.intermediate.dense.bias": "190a55ad",
        "bert.encoder.layer.0.intermediate.dense.weight": "0b181a09",
        "bert.pooler.dense.bias": "ecbb4b55",
        "bert.pooler.dense.weight": "08f57fb1",
        "classifier.bias": "6522df69",
        "classifier.weight": "1e2aded4",
    }


def test_fresh_weights_do_not_depend_on_the_other_parameters_or_their_order() -> None:
    assert_same(fresh(), fresh(parameters=PARAMETERS[::-1]))
    assert_same(
        {"classifier.weight": fresh()["classifier.weight"]}, fresh(parameters=[PARAMETERS[7]])
    )


def test_fresh_weights_depend_on_the_seed() -> None:
    one, other = fresh(seed=1), fresh(seed=2)

    assert [name for name in one if not np.array_equal(one[name], other[name])] == [
        "bert.embeddings.word_embeddings.weight",
        "bert.encoder.layer.0.intermediate.dense.weight",
        "bert.pooler.dense.weight",
        "classifier.weight",
    ]


def test_norms_start_at_one_and_biases_at_zero() -> None:
    weights = fresh()

    assert weights["bert.embeddings.LayerNorm.weight"].tolist() == [1.0] * 4
    assert weights["bert.embeddings.LayerNorm.bias"].tolist() == [0.0] * 4
    assert weights["classifier.bias"].tolist() == [0.0] * 2


def test_the_word_embedding_s_pad_row_is_zero_and_no_other() -> None:
    words = fresh()["bert.embeddings.word_embeddings.weight"]

    assert [CONFIG.pad_id] == np.flatnonzero(~words.any(axis=1)).tolist()


def test_fresh_matrices_are_normal_with_the_config_s_deviation() -> None:
    large = parameter("dense.weight", (400, 500))
    config = replace(CONFIG, initializer_range=0.5)
    array = initial_weights([large], config, seed=0, checkpoint=None)["dense.weight"]

    assert np.float32 == array.dtype
    assert abs(array.mean()) < 0.005
    assert abs(array.std() - 0.5) < 0.005
    assert abs((np.abs(array) < 0.5).mean() - 0.6827) < 0.005


# What a folder may hold


def test_a_whole_checkpoint_is_read_bit_for_bit(tmp_path: Path) -> None:
    save(tmp_path, STORED)

    assert_same(STORED, read(tmp_path))


def test_a_sharded_checkpoint_is_read_bit_for_bit(tmp_path: Path) -> None:
    names = list(STORED)
    shards = {"model-1.safetensors": names[:4], "model-2.safetensors": names[4:]}
    for file, held in shards.items():
        save(tmp_path, {name: STORED[name] for name in held}, file)
    index = {"weight_map": {name: file for file, held in shards.items() for name in held}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))

    assert_same(STORED, read(tmp_path))


def test_an_encoder_saved_alone_gets_its_prefix_and_a_fresh_head(tmp_path: Path) -> None:
    encoder = {n: a for n, a in STORED.items() if n.startswith("bert.")}
    save(tmp_path, {name.removeprefix("bert."): array for name, array in encoder.items()})
    head = {n: a for n, a in fresh(seed=7).items() if n.startswith("classifier.")}

    assert_same(encoder | head, read(tmp_path, seed=7))


def test_a_language_model_s_head_is_not_read_and_the_pooler_is_fresh(tmp_path: Path) -> None:
    kept = {n: a for n, a in STORED.items() if "pooler" not in n and "classifier" not in n}
    other = {
        "cls.predictions.bias": np.ones(12, np.float32),
        "lm_head.bias": np.ones(12, np.float32),
    }
    save(tmp_path, kept | other)
    new = {n: a for n, a in fresh(seed=7).items() if n not in kept}

    assert_same(kept | new, read(tmp_path, seed=7))


def test_old_names_of_norms_are_understood(tmp_path: Path) -> None:
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    stored = {}
    for name, array in STORED.items():
        for new, former in old.items():
            name = name.replace(new, former)
        stored[name] = array + np.float32(0.5)
    save(tmp_path, stored)

    assert_same({n: a + np.float32(0.5) for n, a in STORED.items()}, read(tmp_path))


def test_buffers_of_token_numbers_are_not_weights(tmp_path: Path) -> None:
    save(tmp_path, {**STORED, "bert.embeddings.position_ids": np.arange(6).reshape(1, 6)})

    assert_same(STORED, read(tmp_path))


def test_float16_is_read_as_float32(tmp_path: Path) -> None:
    half = {name: array.astype(np.float16) for name, array in STORED.items()}
    save(tmp_path, half)

    assert_same({n: a.astype(np.float32) for n, a in half.items()}, read(tmp_path))


def test_bfloat16_is_read_as_float32(tmp_path: Path) -> None:
    """A bfloat16 is the upper half of a float32; numpy has no type for it."""
    halves = {name: (array.view(np.uint32) >> 16).astype("<u2") for name, array in STORED.items()}
    write_raw(tmp_path, {name: ("BF16", half) for name, half in halves.items()})

    expected = {n: (h.astype(np.uint32) << 16).view(np.float32) for n, h in halves.items()}
    assert_same(expected, read(tmp_path))
    assert np.float32(1.0) == read(tmp_path)["bert.embeddings.LayerNorm.weight"][0]


def write_raw(folder: Path, tensors: Mapping[str, tuple[str, NDArray[Any]]]) -> None:
    """A safetensors file by hand: length, JSON header, bytes."""
    header, data = {}, b""
    for name, (dtype, array) in tensors.items():
        end = len(data) + array.nbytes
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [len(data), end]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


# What it may not


def test_every_misfit_is_named(tmp_path: Path) -> None:
    """Missing, of another shape, of an encoder that the model has not."""
    stored = dict(STORED)
    del stored["bert.embeddings.LayerNorm.bias"]
    stored["classifier.weight"] = np.ones((3, 4), np.float32)
    stored["bert.encoder.layer.0.intermediate.other.bias"] = np.ones(8, np.float32)
    save(tmp_path, stored)

    assert (
        f"{tmp_path}: the weights are not those of the model in config.json.\n"
        "bert.embeddings.LayerNorm.bias: the model needs shape (4,). Received: nothing\n"
        "bert.encoder.layer.0.intermediate.other.bias: the model has no tensor of this name. "
        "Received: shape (8,)\n"
        "classifier.weight: the model needs shape (2, 4). Received: shape (3, 4)"
    ) == error(tmp_path)


def test_half_a_head_is_refused(tmp_path: Path) -> None:
    save(tmp_path, {n: a for n, a in STORED.items() if n != "classifier.bias"})

    assert (
        f"{tmp_path}: the weights are not those of the model in config.json.\n"
        "classifier.bias: the model needs shape (2,). Received: nothing"
    ) == error(tmp_path)


def test_a_checkpoint_of_another_family_is_refused(tmp_path: Path) -> None:
    save(tmp_path, {n.replace("bert.", "roberta.", 1): a for n, a in STORED.items()})

    assert error(tmp_path) == (
        f"{tmp_path}: the weights must be those of config.json's model_type, bert: their names "
        "begin with bert. or with embeddings. Received: roberta.embeddings.word_embeddings.weight"
    )


@pytest.mark.parametrize(("dtype", "name"), [("i1", "I8"), ("f8", "F64"), ("u2", "U16")])
def test_other_number_types_are_refused(tmp_path: Path, dtype: str, name: str) -> None:
    save(tmp_path, STORED | {"classifier.bias": np.zeros(2, dtype)})

    assert (
        f"{tmp_path}: the weights are not those of the model in config.json.\n"
        "classifier.bias: must be one of F32, F16, BF16; save the model in float32: "
        f"model.float().save_pretrained(folder). Received: {name}"
    ) == error(tmp_path)


def test_two_tensors_for_one_are_refused(tmp_path: Path) -> None:
    save(tmp_path, {**STORED, "pooler.dense.bias": np.ones(4, np.float32)})

    message = error(tmp_path)
    assert message.startswith(
        f"{tmp_path / 'model.safetensors'}: two tensors must not stand for one. Received: "
    )
    assert message.endswith(" as another bert.pooler.dense.bias")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04N." * 9,
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 10**9) + b"{}",
    ],
    ids=["empty", "pickle", "no header", "cut short"],
)
def test_a_file_that_is_not_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)

    assert error(tmp_path).startswith(f"{file}: must be a safetensors file. Received: ")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    save(tmp_path, STORED)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-4])

    assert error(tmp_path).startswith(f"{file}: must be a safetensors file. Received: ")


# Loading


def test_weights_that_fit_are_accepted() -> None:
    check_weights({"a": (2,)}, {"a": np.zeros(2, np.float32)})


def test_weights_that_do_not_fit_are_named() -> None:
    needed = {"a": (2,), "b": (2, 3), "c": ()}
    weights = {"b": np.zeros((3, 2), np.float32), "c": np.zeros(()), "d": np.zeros(1, np.float32)}
    with pytest.raises(CheckpointError) as caught:
        check_weights(needed, weights)  # type: ignore[arg-type]

    assert str(caught.value) == (
        "a: the model needs shape (2,). Received: nothing\n"
        "b: the model needs shape (2, 3). Received: shape (3, 2)\n"
        "d: the model has no tensor of this name. Received: shape (1,)\n"
        "c: weights are float32 arrays. Received: float64"
    )
