"""Folders that paddlenlp wrote are read, or refused with a way out that works as written."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import torch
import transformers
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.torch import save_file

from dualtrain.errors import CheckpointError
from dualtrain.tasks.encoders._initial import initial_weights
from dualtrain.tasks.encoders._words import Family
from dualtrain.tasks.encoders.checkpoint import (
    class_order,
    read_checkpoint_config,
    read_weights,
)
from dualtrain_paddle._compat import native_models
from tests.pairs import FAMILIES, PADDLE, SIDES, make_batch, make_config

TOLERANCE = 1e-6
"""Of logits around 0.5, as in test_models."""

SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 16,  # square, so that no shape tells its layout
    "max_position_embeddings": 14,
    "type_vocab_size": 2,
    "pad_token_id": 1,
    "num_labels": 3,
}


def make(family: Family, kind: str = "ForSequenceClassification", **fields: Any) -> Any:
    """paddlenlp's own model, all its numbers random: norms, biases and padding rows too."""
    native, name = native_models(), family.capitalize()
    base = getattr(native, f"{name}Model")(getattr(native, f"{name}Config")(**SIZES | fields))
    model = base if kind == "Model" else getattr(native, f"{name}{kind}")(base.config)
    random = np.random.default_rng(3)
    for parameter in model.parameters():
        noise = 0.1 * random.standard_normal(parameter.shape).astype(np.float32)
        parameter.set_value(parameter + paddle.to_tensor(noise))
    model.eval()
    return model


def save(folder: Path, model: Any, **options: Any) -> None:
    model.save_pretrained(str(folder), **{"safe_serialization": True} | options)


def logits(folder: Path, batch: dict[str, Any]) -> list[NDArray[np.float32]]:
    """Of the classifiers that start from a folder, in torch and in Paddle."""
    config = read_checkpoint_config(folder, classes=3, dropout=None)
    found = []
    for side in SIDES:
        model = side.models.build_model(config)
        weights = initial_weights(side.parameters(model), config, seed=5, checkpoint=folder)
        side.weights.load_weights(model, weights)
        found.append(side.run(model, batch))
    return found


def batch_for(folder: Path, *, padding_in_the_text: bool = False) -> dict[str, Any]:
    config = read_checkpoint_config(folder, classes=3, dropout=None)
    batch = make_batch(config)
    if padding_in_the_text:
        batch["input_ids"][:, 1:3] = config.pad_id
    return batch


def assert_the_same(folder: Path, native: Any, batch: dict[str, Any]) -> None:
    expected = PADDLE.run(native, batch)
    assert np.ptp(expected) > 0.1
    for ours in logits(folder, batch):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("padding_in_the_text", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_both_sides_are_the_model_that_paddlenlp_saved(
    tmp_path: Path, family: Family, padding_in_the_text: bool
) -> None:
    """A padding token in a text too, which paddlenlp's ERNIE and RoBERTa embed as 0."""
    native = make(family)
    save(tmp_path, native)
    assert f"{family}.encoder.layers.0.linear1.weight" in load_file(tmp_path / "model.safetensors")

    assert_the_same(tmp_path, native, batch_for(tmp_path, padding_in_the_text=padding_in_the_text))


def test_the_other_layout_would_be_seen() -> None:
    """The check above must object: its matrices are square, and none is symmetric."""
    native = make("bert")
    batch = make_batch(make_config("bert"))
    expected = PADDLE.run(native, batch)
    for layer in native.sublayers():
        if isinstance(layer, paddle.nn.Linear) and layer.weight.shape == [16, 16]:
            layer.weight.set_value(layer.weight.T)

    assert np.abs(PADDLE.run(native, batch) - expected).max() > 1000 * TOLERANCE


def test_ernie_s_task_types_are_read(tmp_path: Path) -> None:
    native = make("ernie", use_task_id=True, task_type_vocab_size=4)
    save(tmp_path, native)

    assert_the_same(tmp_path, native, batch_for(tmp_path))


def test_shards_are_read_as_a_whole(tmp_path: Path) -> None:
    native = make("roberta")
    save(tmp_path, native, max_shard_size="5KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1

    assert_the_same(tmp_path, native, batch_for(tmp_path))


@pytest.mark.parametrize("kind", ["Model", "ForMaskedLM", "ForTokenClassification"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_encoder_of_another_model_is_read(tmp_path: Path, family: Family, kind: str) -> None:
    """By dualtrain's own names of paddlenlp's live classifier, which another test holds."""
    native = make(family, kind)
    save(tmp_path, native)
    classifier = make(family)
    encoder = native if kind == "Model" else getattr(native, family)
    getattr(classifier, family).set_state_dict(encoder.state_dict())
    config = read_checkpoint_config(tmp_path, classes=3, dropout=None)
    read = read_weights(tmp_path, PADDLE.parameters(classifier), config, head="fresh")
    expected = PADDLE.weights.dump_weights(classifier)
    if family != "bert":
        expected[f"{family}.embeddings.word_embeddings.weight"][config.pad_id] = 0

    assert len(read) > 30
    for name, array in read.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
    assert all(
        name.startswith(("classifier", f"{family}.pooler")) for name in expected.keys() - read
    )


def test_a_head_for_each_token_is_refused(tmp_path: Path) -> None:
    for family in FAMILIES:
        save(tmp_path, make(family, "ForTokenClassification"))
        with pytest.raises(CheckpointError, match="architectures: must have") as caught:
            class_order(tmp_path, ("a", "b", "c"), head="stored")

        assert "make a new head with task.model.head: fresh" in str(caught.value)


# Ways out


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        logits(folder, {})
    return str(caught.value)


def run_in(folder: Path, message: str) -> None:
    """The command that a refusal prints."""
    command = message[message.index("python -c ") :].rpartition(". Received: ")[0]
    _, *arguments = shlex.split(command)
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("kind", ["ForSequenceClassification", "Model"])
def test_pdparams_can_be_converted_as_the_refusal_says(tmp_path: Path, kind: str) -> None:
    """Whatever it holds: no head is made up for an encoder."""
    native = make("ernie", kind)
    save(tmp_path, native, safe_serialization=False)
    message = refusal(tmp_path)
    assert message.endswith("Received: model_state.pdparams")
    run_in(tmp_path, message)

    assert sorted(load_file(tmp_path / "model.safetensors")) == sorted(native.state_dict())
    if kind != "Model":
        assert_the_same(tmp_path, native, batch_for(tmp_path))


def test_an_old_configuration_can_be_converted_as_the_refusal_says(tmp_path: Path) -> None:
    native = make("bert")
    save(tmp_path, native)
    (tmp_path / "config.json").unlink()
    base = {name: value for name, value in SIZES.items() if name != "num_labels"}
    old = {
        "init_args": [base | {"init_class": "BertModel"}],
        "num_classes": 3,
        "init_class": "BertForSequenceClassification",
    }
    (tmp_path / "model_config.json").write_text(json.dumps(old))
    message = refusal(tmp_path)
    call = message.partition("as BertConfig: ")[2].partition(". Received")[0]
    exec(f"import paddlenlp\n{call}", {"folder": str(tmp_path)})

    assert_the_same(tmp_path, native, batch_for(tmp_path))


def torch_model() -> Any:
    torch.manual_seed(3)
    return transformers.BertForMaskedLM(transformers.BertConfig(**SIZES))


def test_a_torch_pickle_can_be_converted_as_the_refusal_says(tmp_path: Path) -> None:
    """Of a model whose output embeddings are tied too."""
    model = torch_model()
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    run_in(tmp_path, refusal(tmp_path))
    read = load_file(tmp_path / "model.safetensors")

    assert sorted(read) == sorted(model.state_dict())
    assert len(logits(tmp_path, batch_for(tmp_path))) == 2


def test_a_wrapper_s_names_can_be_stripped_as_the_refusal_says(tmp_path: Path) -> None:
    model = torch_model().to(torch.bfloat16)
    model.config.save_pretrained(tmp_path)
    whole = torch.nn.DataParallel(model).state_dict()
    save_file({k: v.clone() for k, v in whole.items()}, tmp_path / "model.safetensors")
    run_in(tmp_path, refusal(tmp_path))

    assert len(logits(tmp_path, batch_for(tmp_path))) == 2


def test_another_type_can_be_converted_as_the_refusal_says(tmp_path: Path) -> None:
    model = torch_model().double()
    model.save_pretrained(tmp_path)
    message = refusal(tmp_path)
    call = message.partition("save the model in float32: ")[2].partition(". Received")[0]
    exec(call, {"model": model, "folder": tmp_path})

    assert len(logits(tmp_path, batch_for(tmp_path))) == 2
