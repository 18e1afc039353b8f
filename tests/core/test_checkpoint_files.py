"""What a checkpoint's folder must hold: safetensors files, whole, with the model's own names."""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from dualtrain.errors import CheckpointError
from dualtrain.tasks._model import fresh_array
from dualtrain.tasks.encoders import EncoderConfig
from dualtrain.tasks.encoders.checkpoint import read_weights
from tests.encoders import CONFIG as ONE_LAYER
from tests.irregular import IRREGULAR, make_irregular

CONFIG = replace(ONE_LAYER, layers=2)
Arrays = dict[str, NDArray[np.float32]]

STORED: Arrays = {t.name: fresh_array(t, seed=1, deviation=0.1) for t in CONFIG.tensors()}


def read(folder: Path, config: EncoderConfig = CONFIG) -> Arrays:
    return read_weights(folder, list(config.tensors()), config, head="stored")


def save(folder: Path, arrays: Mapping[str, NDArray[Any]], file: str = "model.safetensors") -> Path:
    save_file(dict(arrays), folder / file)
    return folder


def error(folder: Path, config: EncoderConfig = CONFIG) -> str:
    """The refusal, within a second."""
    started = time.process_time()
    with pytest.raises(CheckpointError) as caught:
        read(folder, config)
    assert time.process_time() - started < 1
    return str(caught.value).replace(str(folder), "F")


# Which file


@pytest.mark.parametrize(
    ("files", "way_out"),
    [
        ([], "save them with safetensors. Received: no weights"),
        (["pytorch_model.bin"], 'in the folder, python -c "import torch, safetensors.torch as s; '),
        (
            ["model_state.pdparams"],
            'in the folder, python -c "import paddle, safetensors.numpy as ',
        ),
        (
            ["tf_model.h5"],
            "in transformers, from_pretrained(folder, from_tf=True).save_pretrained(",
        ),
        (["b.pdparams", "a.bin"], 'in the folder, python -c "import torch'),
    ],
)
def test_other_formats_are_refused_with_the_way_to_convert_them(
    tmp_path: Path, files: list[str], way_out: str
) -> None:
    """`parity/test_paddlenlp_folders.py` runs what is said."""
    for file in files:
        (tmp_path / file).write_bytes(b"\x80\x04N.")
    message = error(tmp_path)

    assert message.startswith(
        "F: a checkpoint's weights are read from model.safetensors alone, because other formats "
        f"can run code when they are opened; {way_out}"
    )
    assert message.endswith(f" Received: {', '.join(sorted(files)) or 'no weights'}")


def test_an_adapter_is_not_a_model(tmp_path: Path) -> None:
    save(tmp_path, STORED, "adapter_model.safetensors")

    assert error(tmp_path) == (
        "F: an adapter must be merged into its model: in peft, "
        "model.merge_and_unload().save_pretrained(folder). Received: adapter_model.safetensors"
    )


@pytest.mark.parametrize("kind", IRREGULAR)
@pytest.mark.parametrize("name", ["model.safetensors", "model.safetensors.index.json"])
def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path, kind: str, name: str) -> None:
    make_irregular(tmp_path / name, kind)

    assert error(tmp_path) == f"F/{name}: must be a regular file. Received: {kind}"


def test_a_link_is_followed(tmp_path: Path) -> None:
    save(tmp_path, STORED, "elsewhere")
    (tmp_path / "model.safetensors").symlink_to("elsewhere")

    assert sorted(read(tmp_path)) == sorted(STORED)


def test_a_link_to_nothing_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to("gone")

    assert error(tmp_path) == (
        "F/model.safetensors: must be a regular file. Received: a link to nothing"
    )


def test_a_pointer_of_git_lfs_is_called_one(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 440449768\n"
    (tmp_path / "model.safetensors").write_text(pointer)

    assert error(tmp_path) == (
        "F/model.safetensors: must be a safetensors file; fetch it with git lfs pull. "
        "Received: a pointer of Git LFS"
    )


# Shards


def write_shards(folder: Path, **places: str) -> dict[str, str]:
    """All weights in two shards, and an index where these names stand in other ones."""
    names = list(STORED)
    shards = {"1.safetensors": names[:4], "2.safetensors": names[4:]}
    for file, held in shards.items():
        save(folder, {name: STORED[name] for name in held}, file)
    weight_map = {name: file for file, held in shards.items() for name in held} | places
    write_index(folder, {"weight_map": weight_map})
    return weight_map


def write_index(folder: Path, content: Any) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps(content))


def test_shards_are_read_as_one(tmp_path: Path) -> None:
    write_shards(tmp_path)

    assert all(np.array_equal(array, STORED[name]) for name, array in read(tmp_path).items())


@pytest.mark.parametrize("change", ["gone from the shard", "not in the index", "elsewhere"])
def test_shards_hold_what_the_index_says(tmp_path: Path, change: str) -> None:
    weight_map = write_shards(tmp_path)
    name = "classifier.bias"
    match change:
        case "gone from the shard":
            held = {n: STORED[n] for n, f in weight_map.items() if f[0] == "2" and n != name}
            save(tmp_path, held, "2.safetensors")
        case "not in the index":
            del weight_map[name]
        case _:
            weight_map[name] = "1.safetensors"
    write_index(tmp_path, {"weight_map": weight_map})
    shard = "1.safetensors" if change == "elsewhere" else "2.safetensors"

    assert error(tmp_path) == (
        "F/model.safetensors.index.json: each shard must hold the tensors that weight_map puts "
        "there, and no other; write all shards and the index again with one "
        f"model.save_pretrained(folder). Received: {shard}, apart in {name}"
    )


@pytest.mark.parametrize("kind", IRREGULAR)
def test_a_shard_is_a_regular_file(tmp_path: Path, kind: str) -> None:
    write_shards(tmp_path)
    (tmp_path / "2.safetensors").unlink()
    make_irregular(tmp_path / "2.safetensors", kind)

    assert error(tmp_path) == (
        "F/model.safetensors.index.json: each shard must be a file of the same folder. "
        f'Received: "2.safetensors", {kind}'
    )


@pytest.mark.parametrize("shard", ["gone.safetensors", "../model.safetensors", 1, None, ["a"]])
def test_a_shard_must_be_in_the_folder(tmp_path: Path, shard: Any) -> None:
    save(tmp_path, STORED)
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    write_index(folder, {"weight_map": {"a": shard}})

    assert error(folder) == (
        "F/model.safetensors.index.json: each shard must be a file of the same folder. "
        f"Received: {json.dumps(shard)}"
    )


WEIGHT_MAP = 'must have "weight_map", an object of tensor names and file names'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "must be valid JSON. Received: Expecting property name enclosed in double quotes"),
        ("{}", f"{WEIGHT_MAP}. Received: null"),
        ("[]", "must be a JSON object. Received: []"),
        ('{"weight_map": []}', f"{WEIGHT_MAP}. Received: []"),
        (
            '{"weight_map": {"a": "1", "a": "2"}}',
            "must be valid JSON. Received: key 'a' twice in one object",
        ),
        ("\xff", "must be in UTF-8. Received: 'utf-8' codec can't decode"),
    ],
)
def test_a_bad_index_is_refused(tmp_path: Path, content: str, message: str) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_bytes(content.encode("latin-1"))

    assert error(tmp_path).startswith(f"F/model.safetensors.index.json: {message}")


# Headers


def write_header(folder: Path, header: Mapping[str, Any], size: int = 0) -> None:
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(size))


@pytest.mark.parametrize(
    ("shape", "offsets"),
    [
        ([10**12, 4], [0, 16 * 10**12]),
        ([10**400, 4], [0, 16]),
        ([2**62, 4], [0, 16]),
        ([-1, 4], [0, 16]),
        ([1, 4], [16, 0]),
        ([1, 4], [0, 10**400]),
        ([1, 4], [-16, 0]),
        ([1.0, 4], [0, 16]),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, shape: Any, offsets: Any) -> None:
    """Without memory for what it says."""
    tensor = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
    write_header(tmp_path, {"bert.embeddings.word_embeddings.weight": tensor}, 16)

    assert error(tmp_path).startswith("F/model.safetensors: must be a safetensors file. Received: ")


def test_a_tensor_that_stands_twice_in_a_header_is_refused(tmp_path: Path) -> None:
    save(tmp_path, STORED)
    file = tmp_path / "model.safetensors"
    content = file.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = content[8 : 8 + size].rstrip()
    name = b'"classifier.bias":'
    twice = name + header.partition(name)[2].partition(b"}")[0] + b"}," + header[1:]
    text = b"{" + twice
    file.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + size :])

    assert error(tmp_path) == (
        "F/model.safetensors: must be a safetensors file. Received: key 'classifier.bias' twice in "
        "one object"
    )


def test_no_number_is_read_where_a_header_does_not_fit(tmp_path: Path) -> None:
    """A file of 160 GB, most of it a hole: its header is enough."""
    tensors, end = {}, 0
    for tensor in replace(CONFIG, vocab_size=10**10).tensors():
        size = 4 * int(np.prod(tensor.shape))
        tensors[tensor.name] = {
            "dtype": "F32",
            "shape": tensor.shape,
            "data_offsets": [end, end + size],
        }
        end += size
    write_header(tmp_path, tensors)
    file = tmp_path / "model.safetensors"
    os.truncate(file, file.stat().st_size + end)

    assert error(tmp_path) == (
        "F: the weights are not those of the model in config.json.\n"
        "bert.embeddings.word_embeddings.weight: the model needs shape (12, 4). "
        "Received: shape (10000000000, 4)"
    )


def test_a_config_of_other_sizes_is_refused_by_the_header(tmp_path: Path) -> None:
    """Each tensor is one line, the most are left out, and a layer more is one line alone."""
    save(tmp_path, STORED)
    wide = error(tmp_path, replace(CONFIG, hidden_size=10**14)).splitlines()

    assert wide[0] == "F: the weights are not those of the model in config.json."
    assert len(wide) == 14
    assert wide[-1] == "and 26 more"
    assert error(tmp_path, replace(CONFIG, layers=3)) == (
        "F/config.json: num_hidden_layers: must be the number of layers of the weights, 2. "
        "Received: 3"
    )


# Names


def strip(folder: Path, message: str) -> None:
    """Do what the refusal says, with numpy's reader in place of torch's."""
    command = message.partition('python -c "')[2].partition('". Received')[0]
    exec(
        command.replace("safetensors.torch", "safetensors.numpy").replace(
            "'model.safetensors", f"'{folder}/model.safetensors"
        )
    )


@pytest.mark.parametrize(
    ("old", "new", "extra"),
    [
        ("", "module.", "'module.', which torch.nn.DataParallel puts there"),
        ("", "_orig_mod.", "'_orig_mod.', which torch.compile puts there"),
        ("bert.", "bert.module.", "'module.', which torch.nn.DataParallel puts there"),
        (
            "bert.encoder.",
            "bert.encoder._orig_mod.",
            "'_orig_mod.', which torch.compile puts there",
        ),
        ("", "model.", "'model.'"),
        ("bert.", "bert.bert.", "'bert.'"),
        ("bert.", "0.auto_model.", "'0.auto_model.'"),
    ],
)
def test_a_wrapper_s_part_of_a_name_is_refused(
    tmp_path: Path, old: str, new: str, extra: str
) -> None:
    """And what the refusal says makes a folder of it that is read."""
    wrapped = {n.replace(old, new, 1) if n.startswith(old) else n: a for n, a in STORED.items()}
    message = error(save(tmp_path, wrapped))

    assert message.startswith(
        f"F: the tensors must have the names of the model alone, without {extra}: save the model "
        "inside, or strip the names, in the folder: python -c "
    )
    assert message.endswith(f". Received: {min(n for n in wrapped if new in n)}")
    strip(tmp_path, message)
    assert all(np.array_equal(array, STORED[name]) for name, array in read(tmp_path).items())


def test_another_module_s_name_may_have_the_word(tmp_path: Path) -> None:
    save(tmp_path, STORED | {"adapter.module.bias": np.ones(2, np.float32)})

    assert sorted(read(tmp_path)) == sorted(STORED)


def test_two_encoders_are_refused(tmp_path: Path) -> None:
    both = {f"{side}.{n}": a for side in ("query", "text") for n, a in STORED.items()}

    assert error(save(tmp_path, both)) == (
        "F: the weights must be those of one encoder; save that one alone with "
        "encoder.save_pretrained(folder). Received: query.bert., text.bert."
    )


def test_the_names_of_two_libraries_are_refused(tmp_path: Path) -> None:
    """Their layouts differ, so a square matrix would be read the wrong way round."""
    other = {"bert.encoder.layers.1.linear1.weight": np.ones((4, 8), np.float32)}

    assert error(save(tmp_path, STORED | other)) == (
        "F: the tensors must have the names of one library. Received: "
        "bert.encoder.layers.1.linear1.weight and "
        "bert.encoder.layer.0.attention.output.LayerNorm.bias"
    )


# Numbers


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float, dtype: Any) -> None:
    stored = {name: array.astype(dtype) for name, array in STORED.items()}
    stored["bert.pooler.dense.weight"][1, :3] = value
    stored["classifier.bias"][0] = value

    assert error(save(tmp_path, stored)) == (
        "F: every weight must be a finite number: train from an earlier checkpoint of that run. "
        "Received: NaN or infinity in bert.pooler.dense.weight, 3 of 16, classifier.bias, 1 of 2"
    )
