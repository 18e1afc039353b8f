"""Checkpoints that transformers wrote start the same model in both frameworks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from dualtrain.errors import CheckpointError
from dualtrain.tasks.encoders._initial import initial_weights
from dualtrain.tasks.encoders.checkpoint import read_checkpoint_config
from tests.pairs import PADDLE, SIDES, TORCH, make_batch

TOLERANCE = 1e-6
"""Of logits around 0.5, as in test_models."""

SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 16,
    "max_position_embeddings": 14,
    "type_vocab_size": 2,
    "initializer_range": 0.1,
}

SAVED = [
    ("BertModel", {}),
    ("BertForMaskedLM", {"hidden_act": "relu"}),
    ("BertForPreTraining", {}),
    ("BertForSequenceClassification", {"num_labels": 3, "layer_norm_eps": 1e-5}),
    ("ErnieModel", {}),
    ("ErnieForMaskedLM", {"use_task_id": True, "task_type_vocab_size": 3}),
    ("ErnieForSequenceClassification", {"num_labels": 3}),
    ("RobertaModel", {"layer_norm_eps": 1e-5}),
    ("RobertaForMaskedLM", {"type_vocab_size": 1}),
    ("RobertaForSequenceClassification", {"num_labels": 3}),
]


def save(folder: Path, name: str, fields: dict[str, Any], **options: Any) -> Any:
    """A random model of transformers, saved as its users save it; biases and norms random too."""
    torch.manual_seed(3)
    family = name.partition("For")[0].removesuffix("Model")
    model = getattr(transformers, name)(getattr(transformers, f"{family}Config")(**SIZES | fields))
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder, **options)
    return model


def start(folder: Path) -> tuple[Any, Any]:
    """The classifier that starts from a folder, in torch and in Paddle."""
    config = read_checkpoint_config(folder, classes=3, dropout=None)
    models = tuple(side.models.build_model(config) for side in SIDES)
    for side, model in zip(SIDES, models, strict=True):
        weights = initial_weights(side.parameters(model), config, seed=5, checkpoint=folder)
        side.weights.load_weights(model, weights)
    return models[0], models[1]


def batch_for(folder: Path) -> dict[str, Any]:
    return make_batch(read_checkpoint_config(folder, classes=3, dropout=None))


@pytest.mark.parametrize(("name", "fields"), SAVED, ids=[name for name, _ in SAVED])
def test_both_start_from_it(tmp_path: Path, name: str, fields: dict[str, Any]) -> None:
    saved = save(tmp_path, name, fields)
    torch_model, paddle_model = start(tmp_path)
    expected = TORCH.run(torch_model, batch_for(tmp_path))

    np.testing.assert_allclose(
        PADDLE.run(paddle_model, batch_for(tmp_path)), expected, rtol=0, atol=TOLERANCE
    )
    encoder = dict(getattr(saved, saved.base_model_prefix, saved).named_parameters())
    started = dict(getattr(torch_model, saved.base_model_prefix).named_parameters())
    assert all(torch.equal(encoder[name], started[name]) for name in encoder.keys() & started)
    assert not started.keys() - encoder.keys() - {"pooler.dense.weight", "pooler.dense.bias"}


@pytest.mark.parametrize(
    ("name", "fields"), [case for case in SAVED if case[0].endswith("SequenceClassification")]
)
def test_a_classifier_is_that_of_transformers(
    tmp_path: Path, name: str, fields: dict[str, Any]
) -> None:
    """`from_pretrained`, left to its own attention, gives the same logits as both backends."""
    save(tmp_path, name, fields)
    theirs = TORCH.run(getattr(transformers, name).from_pretrained(tmp_path), batch_for(tmp_path))

    for side, model in zip(SIDES, start(tmp_path), strict=True):
        ours = side.run(model, batch_for(tmp_path))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)


def test_shards_are_read_as_a_whole(tmp_path: Path) -> None:
    name, fields = "BertForSequenceClassification", {"num_labels": 3}
    save(tmp_path / "whole", name, fields)
    save(tmp_path / "shards", name, fields, max_shard_size="10KB")
    assert len(list((tmp_path / "shards").glob("model-*.safetensors"))) > 1

    expected = TORCH.weights.dump_weights(start(tmp_path / "whole")[0])
    for side, model in zip(SIDES, start(tmp_path / "shards"), strict=True):
        dumped = side.weights.dump_weights(model)
        assert all(np.array_equal(expected[name], dumped[name]) for name in expected)


def test_a_bfloat16_checkpoint_starts_in_float32(tmp_path: Path) -> None:
    model = save(tmp_path / "float32", "BertForSequenceClassification", {"num_labels": 3})
    model.to(torch.bfloat16).save_pretrained(tmp_path / "bfloat16")
    expected = {name: p.detach().float().numpy() for name, p in model.named_parameters()}

    for side, started in zip(SIDES, start(tmp_path / "bfloat16"), strict=True):
        dumped = side.weights.dump_weights(started)
        assert all(np.array_equal(expected[name], dumped[name]) for name in expected)


def test_a_head_for_other_classes_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "BertForSequenceClassification", {"num_labels": 2})
    with pytest.raises(CheckpointError) as caught:
        start(tmp_path)

    assert (
        f"{tmp_path}: the weights are not those of the model in config.json.\n"
        "classifier.bias: the model needs shape (3,). Received: shape (2,)\n"
        "classifier.weight: the model needs shape (3, 16). Received: shape (2, 16)"
    ) == str(caught.value)


def test_a_config_of_fewer_layers_is_refused(tmp_path: Path) -> None:
    """transformers would warn and leave the second layer out."""
    save(tmp_path, "BertModel", {})
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 1}))
    with pytest.raises(CheckpointError) as caught:
        start(tmp_path)

    assert str(caught.value) == (
        f"{path}: num_hidden_layers: must be the number of layers of the weights, 2. Received: 1"
    )
