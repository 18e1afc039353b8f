"""What a model is built from: a spec's fresh model, or a checkpoint's config.json."""

from __future__ import annotations

import json
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import pytest

from dualtrain.errors import CheckpointError
from dualtrain.tasks.encoders import EncoderConfig, FreshModel
from dualtrain.tasks.encoders._config import fresh_config
from dualtrain.tasks.encoders._words import Family
from dualtrain.tasks.encoders.checkpoint import read_checkpoint_config
from tests.irregular import IRREGULAR, make_irregular

CONFIG = EncoderConfig(
    family="bert",
    vocab_size=50,
    hidden_size=8,
    layers=2,
    heads=4,
    intermediate_size=32,
    max_positions=16,
    type_vocab_size=2,
    pad_id=3,
    classes=5,
    hidden_act="gelu",
    layer_norm_eps=1e-12,
    dropout=0.1,
    attention_dropout=0.1,
    classifier_dropout=0.1,
    initializer_range=0.02,
)

FILE = {
    "model_type": "bert",
    "vocab_size": 50,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "pad_token_id": 3,
}
"""What no config.json may lack."""


def read(folder: Path, dropout: float | None = None, **fields: Any) -> EncoderConfig:
    """Write FILE with these fields changed (None: left out) and read it."""
    values = {key: value for key, value in (FILE | fields).items() if value is not None}
    (folder / "config.json").write_text(json.dumps(values))
    return read_checkpoint_config(folder, classes=5, dropout=dropout)


def error(folder: Path, **fields: Any) -> str:
    """The error that reading it gives, without the file's name."""
    with pytest.raises(CheckpointError) as caught:
        read(folder, **fields)
    return str(caught.value).replace(f"{folder / 'config.json'}: ", "")


def test_a_fresh_model_has_what_the_spec_says_and_bert_s_defaults() -> None:
    model = FreshModel(family="bert", hidden_size=8, layers=2, heads=4, max_length=16)

    assert fresh_config(model, vocab_size=50, pad_id=3, classes=5) == CONFIG


def test_a_fresh_model_keeps_its_own_feed_forward_width_and_dropout() -> None:
    model = FreshModel(
        family="ernie",
        hidden_size=8,
        layers=2,
        heads=4,
        intermediate_size=12,
        max_length=16,
        dropout=0.5,
    )
    expected = replace(
        CONFIG,
        family="ernie",
        intermediate_size=12,
        dropout=0.5,
        attention_dropout=0.5,
        classifier_dropout=0.5,
    )

    assert expected == fresh_config(model, vocab_size=50, pad_id=3, classes=5)


@pytest.mark.parametrize(("family", "positions"), [("bert", 16), ("ernie", 16), ("roberta", 20)])
def test_a_fresh_model_has_a_position_for_each_token(family: Family, positions: int) -> None:
    """RoBERTa counts positions from pad_id + 1."""
    model = FreshModel(family=family, hidden_size=8, layers=2, heads=4, max_length=16)
    config = fresh_config(model, vocab_size=50, pad_id=3, classes=5)

    assert (positions, 16) == (config.max_positions, config.max_length)


def test_keywords_are_those_of_the_frameworks_configuration_classes() -> None:
    assert CONFIG.keywords() == {
        "vocab_size": 50,
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 32,
        "max_position_embeddings": 16,
        "type_vocab_size": 2,
        "pad_token_id": 3,
        "num_labels": 5,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "classifier_dropout": 0.1,
        "initializer_range": 0.02,
    }


def test_keywords_of_an_ernie_with_task_types() -> None:
    keywords = replace(CONFIG, family="ernie", task_type_vocab_size=3).keywords()

    assert (keywords["use_task_id"], keywords["task_type_vocab_size"]) == (True, 3)


def test_a_config_file_without_what_the_frameworks_agree_on(tmp_path: Path) -> None:
    assert read(tmp_path) == CONFIG


def test_a_config_file_with_everything(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        model_type="roberta",
        hidden_act="relu",
        layer_norm_eps=1e-5,
        hidden_dropout_prob=0,
        attention_probs_dropout_prob=0.2,
        classifier_dropout=0.3,
        initializer_range=0.05,
        position_embedding_type="absolute",
        is_decoder=False,
        architectures=["RobertaForMaskedLM"],
        vocab_size=51,
    )
    expected = replace(
        CONFIG,
        family="roberta",
        hidden_act="relu",
        layer_norm_eps=1e-5,
        dropout=0,
        attention_dropout=0.2,
        classifier_dropout=0.3,
        initializer_range=0.05,
        vocab_size=51,
    )

    assert expected == config
    assert config.max_length == 12


def test_the_head_s_dropout_is_that_of_hidden_states_if_not_given(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps(FILE | {"classifier_dropout": None, "hidden_dropout_prob": 0.25})
    )

    assert read_checkpoint_config(tmp_path, classes=5, dropout=None).classifier_dropout == 0.25


def test_the_spec_s_dropout_replaces_all_three(tmp_path: Path) -> None:
    config = read(tmp_path, 0.0, hidden_dropout_prob=0.1, classifier_dropout=0.3)

    assert (
        config.dropout,
        config.attention_dropout,
        config.classifier_dropout,
    ) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("family", "use_task_id", "rows"), [("ernie", True, 4), ("ernie", False, 0), ("bert", True, 0)]
)
def test_task_types_are_ernie_s(tmp_path: Path, family: str, use_task_id: bool, rows: int) -> None:
    config = read(tmp_path, model_type=family, use_task_id=use_task_id, task_type_vocab_size=4)

    assert rows == config.task_type_vocab_size


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"model_type": "gpt2"},
            "model_type: must be one of bert, ernie, roberta: the families that this task builds; "
            'train another with dualtrain.fit. Received: "gpt2"',
        ),
        (
            {"model_type": "electra"},
            "model_type: must be one of bert, ernie, roberta: both libraries have electra, which "
            "this task cannot build yet; build it in each and train it with dualtrain.fit. "
            'Received: "electra"',
        ),
        (
            {"model_type": ["bert"]},
            "model_type: must be one of bert, ernie, roberta: the families that this task builds; "
            'train another with dualtrain.fit. Received: ["bert"]',
        ),
        (
            {"model_type": None},
            "model_type: must be one of bert, ernie, roberta: the families that this task builds; "
            'write the model\'s, "model_type": "bert". Received: nothing',
        ),
        (
            {"vocab_size": None},
            "vocab_size: must be a whole number from 1 to 2147483647. Received: nothing",
        ),
        (
            {"hidden_size": 8.0},
            "hidden_size: must be a whole number from 1 to 2147483647. Received: 8.0",
        ),
        (
            {"num_hidden_layers": 0},
            "num_hidden_layers: must be a whole number from 1 to 10000. Received: 0",
        ),
        (
            {"num_attention_heads": True},
            "num_attention_heads: must be a whole number from 1 to 2147483647. Received: true",
        ),
        (
            {"type_vocab_size": "2"},
            'type_vocab_size: must be a whole number from 1 to 2147483647. Received: "2"',
        ),
        (
            {"pad_token_id": -1},
            "pad_token_id: must be a whole number from 0 to 2147483647. Received: -1",
        ),
        (
            {"hidden_act": "gelu_new"},
            "hidden_act: must be one of gelu, gelu_python, leaky_relu, mish, quick_gelu, relu, "
            "relu6, sigmoid, silu, swish, tanh: the activations that both frameworks have under "
            'one name. Received: "gelu_new"',
        ),
        *(
            (
                {"layer_norm_eps": wrong},
                "layer_norm_eps: must be a number above 0, to 0.001, which is the largest that "
                f"Paddle takes. Received: {shown}",
            )
            for wrong, shown in (
                (0, "0"),
                (0.01, "0.01"),
                (float("nan"), "NaN"),
                ("1e-12", '"1e-12"'),
                (True, "true"),
                (10**400, f"1{'0' * 196}..."),
            )
        ),
        *(
            (
                {"hidden_size": wrong},
                f"hidden_size: must be a whole number from 1 to 2147483647. Received: {shown}",
            )
            for wrong, shown in (
                (10**14, "100000000000000"),
                (-8, "-8"),
                (float("inf"), "Infinity"),
                (10**400, f"1{'0' * 196}..."),
            )
        ),
        (
            {"num_hidden_layers": 10**7},
            "num_hidden_layers: must be a whole number from 1 to 10000. Received: 10000000",
        ),
        (
            {"hidden_dropout_prob": 1.0},
            "hidden_dropout_prob: must be a number from 0 to below 1. Received: 1.0",
        ),
        (
            {"classifier_dropout": "none"},
            'classifier_dropout: must be a number from 0 to below 1, or null. Received: "none"',
        ),
        (
            {"initializer_range": float("inf")},
            "initializer_range: must be a number above 0, to 1000. Received: Infinity",
        ),
        (
            {"position_embedding_type": "relative_key"},
            'position_embedding_type: must be "absolute": paddlenlp has no relative positions. '
            'Received: "relative_key"',
        ),
        (
            {"is_decoder": True},
            "is_decoder: must be false: paddlenlp's models see both sides of a token. "
            "Received: true",
        ),
        (
            {"add_cross_attention": True},
            "add_cross_attention: must be false: paddlenlp's models have no second input. "
            "Received: true",
        ),
        (
            {"is_encoder_decoder": True},
            "is_encoder_decoder: must be false: a classifier is an encoder. Received: true",
        ),
        (
            {"pruned_heads": {"0": [1]}},
            'pruned_heads: must be null or empty: paddlenlp prunes no heads. Received: {"0": [1]}',
        ),
        (
            {"quantization_config": {"bits": 4}},
            "quantization_config: must be null or empty: quantized weights do not train; save "
            'them in float32. Received: {"bits": 4}',
        ),
        (
            {"pool_act": "relu"},
            'pool_act: must be "tanh": transformers has no other pooler. Received: "relu"',
        ),
        (
            {"task_id": 2},
            "task_id: must be 0: transformers takes 0 for every token. Received: 2",
        ),
        (
            {"task_id": False},
            "task_id: must be 0: transformers takes 0 for every token. Received: false",
        ),
        (
            {"is_decoder": 0},
            "is_decoder: must be false: paddlenlp's models see both sides of a token. Received: 0",
        ),
        (
            {"prefix": "classify: "},
            "prefix: must be null or empty: nothing is put before a text; write it into the data. "
            'Received: "classify: "',
        ),
        (
            {"auto_map": {"AutoModel": "own.Model"}},
            "auto_map: must be null or empty: a folder's own code is not run. "
            'Received: {"AutoModel": "own.Model"}',
        ),
        (
            {"model_type": "ernie", "layer_norm_eps": 1e-5},
            "layer_norm_eps: must be 1e-12: paddlenlp's ERNIE takes no other; train both with it "
            "by writing it there. Received: 1e-05",
        ),
        (
            {"model_type": "ernie", "use_task_id": 1},
            "use_task_id: must be true or false. Received: 1",
        ),
        (
            {"hidden_size": 10},
            "hidden_size: must be a multiple of num_attention_heads. "
            "Received: hidden_size 10, num_attention_heads 4",
        ),
        (
            {"pad_token_id": 50},
            "pad_token_id: must be below vocab_size. Received: pad_token_id 50, vocab_size 50",
        ),
    ],
)
def test_bad_config_files(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    assert message == error(tmp_path, **fields)


def test_an_old_name_that_one_library_reads(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(FILE | {"dropout": 0.0}))
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint_config(tmp_path, classes=5, dropout=None)

    assert str(caught.value) == (
        f"{tmp_path / 'config.json'}: dropout: must be null: paddlenlp takes it for "
        "classifier_dropout, transformers does not read it; write classifier_dropout. "
        "Received: 0.0"
    )


def test_everything_wrong_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        read(tmp_path, vocab_size=0, hidden_act="laplace")

    path = tmp_path / "config.json"
    assert (
        f"{path}: vocab_size: must be a whole number from 1 to 2147483647. Received: 0\n"
        f"{path}: hidden_act: must be one of gelu, gelu_python, leaky_relu, mish, quick_gelu, "
        "relu, relu6, sigmoid, silu, swish, tanh: the activations that both frameworks have under "
        'one name. Received: "laplace"'
    ) == str(caught.value)


def test_a_name_on_a_hub_is_not_a_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "bert-base-uncased"
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint_config(folder, classes=2, dropout=None)

    assert (
        "a checkpoint is a local folder with config.json, model.safetensors and the tokenizer's "
        f"files. Received: {folder}, without config.json"
    ) == str(caught.value)


def test_a_file_is_not_a_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.touch()
    with pytest.raises(CheckpointError, match="a checkpoint is a local folder"):
        read_checkpoint_config(file, classes=2, dropout=None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b'{"model_type": }',
            "must be valid JSON. Received: Expecting value: line 1 column 16 (char 15)",
        ),
        (b"[1]", "must be a JSON object. Received: [1]"),
        (
            b'{"model_type": "bert", "hidden_size": 8, "hidden_size": 16}',
            "must be valid JSON. Received: key 'hidden_size' twice in one object",
        ),
        (b"[" * 100_000, "must be valid JSON. Received: nested too deeply"),
    ],
)
def test_files_that_are_no_json_object(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint_config(tmp_path, classes=2, dropout=None)

    assert f"{tmp_path / 'config.json'}: {message}" == str(caught.value)


def test_a_number_of_more_digits_than_python_reads_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b'{"vocab_size": 1' + b"0" * 5000 + b"}")
    with pytest.raises(CheckpointError, match="Received: Exceeds the limit"):
        read_checkpoint_config(tmp_path, classes=2, dropout=None)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(FILE), encoding="utf-16")
    with pytest.raises(CheckpointError, match="must be in UTF-8"):
        read_checkpoint_config(tmp_path, classes=2, dropout=None)


@pytest.mark.parametrize("kind", IRREGULAR)
def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "config.json"
    make_irregular(path, kind)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint_config(tmp_path, classes=2, dropout=None)

    assert (f"{path}: must be readable. Received: {kind}, not a regular file") == str(caught.value)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_text(json.dumps(FILE))
    (tmp_path / "config.json").symlink_to("elsewhere.json")

    assert read_checkpoint_config(tmp_path, classes=5, dropout=None) == CONFIG


def test_paddlenlp_s_old_configuration_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """Which `parity/test_paddlenlp_folders.py` takes."""
    (tmp_path / "model_config.json").write_text("{}")
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint_config(tmp_path, classes=2, dropout=None)

    assert str(caught.value) == (
        f"{tmp_path}: must have config.json, which newer paddlenlp writes; with the family's "
        "configuration class, as BertConfig: paddlenlp.transformers.BertConfig"
        ".from_pretrained(folder).save_pretrained(folder). Received: model_config.json"
    )


# How large it is


@pytest.mark.parametrize("family", ["bert", "ernie", "roberta"])
@pytest.mark.parametrize("layers", [1, 3])
def test_the_number_of_weights_is_that_of_the_parameters(family: Family, layers: int) -> None:
    config = replace(CONFIG, family=family, layers=layers, task_type_vocab_size=3)

    assert config.weights == sum(prod(tensor.shape) for tensor in config.tensors())
