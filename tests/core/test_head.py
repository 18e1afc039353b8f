"""A checkpoint's classification head: which row is which label, and when it cannot be kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from dualtrain.errors import CheckpointError
from dualtrain.ledger import Parameter
from dualtrain.tasks.encoders._initial import initial_weights
from dualtrain.tasks.encoders.checkpoint import (
    checkpoint_notes,
    class_order,
    read_checkpoint_config,
)
from tests.encoders import CONFIG_JSON as CONFIG

SHAPES: dict[str, tuple[int, ...]] = {
    "bert.embeddings.word_embeddings.weight": (12, 4),
    "bert.pooler.dense.weight": (4, 4),
    "bert.pooler.dense.bias": (4,),
    "classifier.weight": (2, 4),
    "classifier.bias": (2,),
}
ROBERTA: dict[str, tuple[int, ...]] = {
    "classifier.dense.weight": (4, 4),
    "classifier.dense.bias": (4,),
    "classifier.out_proj.weight": (2, 4),
    "classifier.out_proj.bias": (2,),
}
WAY_OUT = "or make a new head with task.model.head: fresh"


def write(
    folder: Path, shapes: Mapping[str, tuple[int, ...]] = SHAPES, type: Any = np.float32, **f: Any
) -> Path:
    """A folder with these tensors, all 0.5, and these fields in config.json."""
    (folder / "config.json").write_text(json.dumps(CONFIG | f), encoding="utf-8")
    arrays = {name: np.full(shape, 0.5, type) for name, shape in shapes.items()}
    save_file(arrays, folder / "model.safetensors")
    return folder


def without(*parts: str) -> dict[str, tuple[int, ...]]:
    return {name: shape for name, shape in SHAPES.items() if not name.startswith(parts)}


def order(folder: Path, *classes: str) -> tuple[str, ...]:
    return class_order(folder, classes or ("neg", "pos"), head="stored").classes


def error(folder: Path, *classes: str) -> str:
    with pytest.raises(CheckpointError) as caught:
        order(folder, *classes)
    return str(caught.value).replace(str(folder), "F")


# The order of the classes


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"id2label": {"0": "pos", "1": "neg"}}, ("pos", "neg")),
        ({"id2label": {"1": "neg", "0": "pos"}}, ("pos", "neg")),
        ({"id2label": {"0": "neg", "1": "pos"}}, ("neg", "pos")),
        ({"label2id": {"pos": 0, "neg": 1}}, ("pos", "neg")),
        ({"id2label": {"0": "pos", "1": "neg"}, "label2id": {"pos": 0, "neg": 1}}, ("pos", "neg")),
        ({"id2label": {"0": "pos", "1": "neg"}, "num_labels": 2}, ("pos", "neg")),
        ({}, ("neg", "pos")),
        ({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}, ("neg", "pos")),
    ],
)
def test_the_head_s_rows_number_the_classes(
    tmp_path: Path, fields: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert expected == order(write(tmp_path, **fields))


def test_whatever_the_order_of_the_data(tmp_path: Path) -> None:
    folder = write(tmp_path, id2label={"0": "pos", "1": "neg"})

    assert order(folder, "neg", "pos") == order(folder, "pos", "neg") == ("pos", "neg")


def test_labels_are_text_as_in_the_data(tmp_path: Path) -> None:
    """config.json may hold numbers; the data's readers make text of them."""
    folder = write(tmp_path, id2label={"0": 1, "1": 0})

    assert order(folder, "0", "1") == ("1", "0")


def test_ten_labels_go_by_number_and_not_by_text(tmp_path: Path) -> None:
    labels = [f"LABEL_{i}" for i in range(11)]
    shapes = {**without("classifier"), "classifier.weight": (11, 4), "classifier.bias": (11,)}
    folder = write(tmp_path, shapes, id2label={str(i): label for i, label in enumerate(labels)})

    assert list(order(folder, *labels)) == labels
    assert labels != sorted(labels)


@pytest.mark.parametrize("written", ["{}", "{}.0"])
def test_rows_that_nobody_named_are_numbers_by_their_value(tmp_path: Path, written: str) -> None:
    """Whoever trains on whole numbers has row i for label i, and "10" is not the row after "1"."""
    shapes = {**without("classifier"), "classifier.weight": (12, 4), "classifier.bias": (12,)}
    labels = [written.format(i) for i in range(12)]

    assert list(order(write(tmp_path, shapes), *labels)) == labels
    assert labels != sorted(labels)


def test_without_a_head_the_classes_are_sorted(tmp_path: Path) -> None:
    """Whatever config.json says: it has nothing to name."""
    folder = write(tmp_path, without("classifier"), id2label={"0": "pos", "1": "neg"})

    assert class_order(folder, ("pos", "neg"), head="stored") == (("neg", "pos"), None)


def test_a_fresh_head_has_the_classes_sorted(tmp_path: Path) -> None:
    folder = write(tmp_path, id2label={"0": "pos", "1": "neg"}, problem_type="regression")

    assert class_order(folder, ("a", "b", "c"), head="fresh") == (("a", "b", "c"), None)


def test_the_order_is_told(tmp_path: Path) -> None:
    kept = class_order(write(tmp_path, id2label={"0": "b", "1": "a"}), ("a", "b"), head="stored")
    assumed = class_order(write(tmp_path), ("a", "b"), head="stored")

    assert kept.note == "the checkpoint's head is kept: 0 is 'b', 1 is 'a'"
    assert assumed.note == (
        "config.json does not name the labels of the checkpoint's head, so its rows are taken for "
        "the data's labels, sorted: 0 is 'a', 1 is 'b'"
    )


# Heads that cannot be kept


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"id2label": {"0": "good", "1": "bad"}},
            f"id2label: must be the data's labels, since the folder has a classification head; "
            f"rename them, {WAY_OUT}. Received: 2 labels, good, bad; the data has 2 labels, "
            "neg, pos",
        ),
        (
            {"id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}},
            f"id2label: must be the data's labels, since the folder has a classification head; "
            f"{WAY_OUT.removeprefix('or ')}. Received: 3 labels, LABEL_0, LABEL_1, LABEL_2; the "
            "data has 2 labels, neg, pos",
        ),
        (
            {"id2label": {"0": "neg", "1": "pos"}, "label2id": {"neg": 1, "pos": 0}},
            'label2id: must be id2label turned round. Received: {"neg": 1, "pos": 0}',
        ),
        (
            {"id2label": {"0": "neg", "1": "neg"}},
            'id2label: must give each class a label of its own. Received: {"0": "neg", "1": "neg"}',
        ),
        (
            {"id2label": {"1": "neg", "2": "pos"}},
            'id2label: must number the labels 0, 1, 2 and so on. Received: {"neg": "1", '
            '"pos": "2"}',
        ),
        ({"id2label": ["neg", "pos"]}, 'id2label: must be a JSON object. Received: ["neg", "pos"]'),
        (
            {"id2label": {"0": "neg", "1": "pos"}, "num_labels": 3},
            "num_labels: must be the number of labels, 2. Received: 3",
        ),
        ({"num_classes": 5}, "num_classes: must be the number of labels, 2. Received: 5"),
        (
            {"architectures": ["BertForTokenClassification"]},
            "architectures: must have BertForSequenceClassification, since the folder has a "
            f"classification head (classifier.bias, classifier.weight); {WAY_OUT}. "
            'Received: ["BertForTokenClassification"]',
        ),
        *(
            (
                {"architectures": wrong},
                "architectures: must have BertForSequenceClassification, since the folder has a "
                f"classification head (classifier.bias, classifier.weight); {WAY_OUT}. "
                f"Received: {json.dumps(wrong)}",
            )
            for wrong in ("XBertForSequenceClassification", 5, {"BertForSequenceClassification": 1})
        ),
        (
            {"problem_type": "multi_label_classification"},
            "problem_type: must be single_label_classification, or null, since the folder has a "
            f'classification head; {WAY_OUT}. Received: "multi_label_classification"',
        ),
        (
            {"problem_type": "regression"},
            "problem_type: must be single_label_classification, or null, since the folder has a "
            f'classification head; {WAY_OUT}. Received: "regression"',
        ),
    ],
)
def test_heads_that_are_refused(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    assert f"F/config.json: {message}" == error(write(tmp_path, **fields))


def test_what_is_said_of_one_class_of_several_is_kept(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        architectures=["BertForSequenceClassification"],
        problem_type="single_label_classification",
    )

    assert order(folder) == ("neg", "pos")


@pytest.mark.parametrize(
    ("gone", "missing"),
    [
        (("bert.pooler",), "bert.pooler.dense.weight and bert.pooler.dense.bias"),
        (("bert.pooler.dense.bias",), "bert.pooler.dense.bias"),
    ],
)
def test_a_head_without_its_pooler_is_refused(
    tmp_path: Path, gone: tuple[str, ...], missing: str
) -> None:
    assert error(write(tmp_path, without(*gone))) == (
        f"F: the weights must have {missing}, on which the classification head was trained; "
        f"{WAY_OUT}. Received: classifier.bias, classifier.weight, without the pooler"
    )


def test_roberta_s_head_has_no_pooler(tmp_path: Path) -> None:
    assert order(write(tmp_path, ROBERTA, model_type="roberta")) == ("neg", "pos")


@pytest.mark.parametrize("family", ["bert", "ernie", "roberta"])
def test_a_head_of_other_layers_is_refused(tmp_path: Path, family: str) -> None:
    """One for each token of RoBERTa has BERT's names, and half a head has half of them."""
    embedding: dict[str, tuple[int, ...]] = {"embeddings.word_embeddings.weight": (12, 4)}
    plain = {name: shape for name, shape in SHAPES.items() if name.startswith("classifier")}
    right, wrong = (ROBERTA, plain) if family == "roberta" else (plain, ROBERTA)
    half = {name: shape for name, shape in right.items() if name.endswith("weight")}
    for shapes in (wrong, half):
        assert error(write(tmp_path, embedding | shapes, model_type=family)) == (
            f"F: a classification head of {family} must have {', '.join(sorted(right))}; "
            f"{WAY_OUT}. Received: {', '.join(sorted(shapes))}"
        )


@pytest.mark.parametrize("shape", [(3, 4), (1, 4), (0, 4), (10**12, 0), ()])
def test_a_row_for_each_label(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """A header may say 10^12 rows of no number."""
    folder = write(
        tmp_path,
        without("classifier.weight") | {"classifier.weight": shape},
        id2label={"0": "neg", "1": "pos"},
    )
    rows = shape[0] if 4 in shape else 0

    assert error(folder) == (
        "F: the classification head must have a row for each of the 2 labels of config.json; "
        f"{WAY_OUT}. Received: {rows} rows"
    )


def test_a_regression_s_head_is_called_one(tmp_path: Path) -> None:
    folder = write(
        tmp_path, without("classifier") | {"classifier.weight": (1, 4), "classifier.bias": (1,)}
    )

    assert error(folder) == (
        "F/config.json: id2label: must be the data's labels, since the folder has a classification "
        f"head; {WAY_OUT.removeprefix('or ')}. Received: 1 label, LABEL_0 (a regression); the data "
        "has 2 labels, neg, pos"
    )


def test_another_family_is_left_to_config_json_s_own_error(tmp_path: Path) -> None:
    assert order(write(tmp_path, model_type="gpt2")) == ("neg", "pos")


# What is told


PARAMETERS = [
    Parameter(name=name, structured=name, native=name, shape=shape, kind="other", trainable=True)
    for name, shape in SHAPES.items()
]


def notes(folder: Path, head: Any = "stored", dropout: float | None = None) -> list[str]:
    config = read_checkpoint_config(folder, classes=2, dropout=dropout)
    return checkpoint_notes(folder, PARAMETERS, config, classes=("neg", "pos"), head=head)


def test_nothing_to_tell_but_the_order(tmp_path: Path) -> None:
    folder = write(tmp_path, id2label={"0": "neg", "1": "pos"})

    assert notes(folder) == ["the checkpoint's head is kept: 0 is 'neg', 1 is 'pos'"]


def test_what_is_made_anew_and_what_is_not_read(tmp_path: Path) -> None:
    shapes = {**without("bert.pooler", "classifier"), "cls.predictions.bias": (12,)}

    assert notes(write(tmp_path, shapes)) == [
        "made anew: bert.pooler.dense.bias, bert.pooler.dense.weight, classifier.bias, "
        "classifier.weight",
        "in the checkpoint and not read: cls.predictions.bias",
    ]


def test_a_fresh_head_is_told_and_the_old_one_is_not_read(tmp_path: Path) -> None:
    folder = write(tmp_path)
    config = read_checkpoint_config(folder, classes=2, dropout=None)
    weights = initial_weights(PARAMETERS, config, seed=1, checkpoint=folder, head="fresh")

    assert notes(folder, head="fresh") == [
        "made anew: classifier.bias, classifier.weight",
        "in the checkpoint and not read: classifier.bias, classifier.weight",
    ]
    assert (weights["bert.pooler.dense.weight"] == 0.5).all()
    assert not (weights["classifier.weight"] == 0.5).any()


def test_low_types_are_told(tmp_path: Path) -> None:
    folder = write(tmp_path, without("classifier"), type=np.float16, torch_dtype="float16")

    assert "the checkpoint's weights in F16 train in float32" in notes(folder)


@pytest.mark.parametrize("field", ["dtype", "torch_dtype"])
def test_a_type_that_the_weights_do_not_have_is_told(tmp_path: Path, field: str) -> None:
    low: dict[str, Any] = {field: "bfloat16"}
    same: dict[str, Any] = {field: "float32"}

    assert (
        f'config.json\'s {field} is "bfloat16", but the weights are stored in float32 and train '
        "in it"
    ) in notes(write(tmp_path, **low))
    assert len(notes(write(tmp_path, **same))) == 1


def test_unknown_fields_are_told(tmp_path: Path) -> None:
    assert "config.json has fields that are unknown here and not read: alpha, beta" in notes(
        write(tmp_path, beta=1, alpha=2, use_cache=True)
    )


def test_unknown_fields_of_the_tokenizer_are_told(tmp_path: Path) -> None:
    folder = write(tmp_path)
    settings = {"do_lower_case": True, "model_max_length": 8, "beta": 1, "alpha": 2}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")

    assert (
        "tokenizer_config.json has fields that are unknown here and not read: alpha, beta"
    ) in notes(folder)


def test_a_class_of_paddlenlp_alone_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({"tokenizer_class": "ErnieTokenizer"}), encoding="utf-8")

    assert (
        "tokenizer_config.json's tokenizer_class ErnieTokenizer is read as transformers' "
        "BertTokenizer: symbols such as emoji are not set apart, special tokens are found within "
        "a text"
    ) in notes(folder)


def test_dropout_that_the_spec_replaces_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path, hidden_dropout_prob=0.1, classifier_dropout=0.3)

    expected = "dropout 0 replaces the checkpoint's 0.1, 0.1, 0.3 (hidden states, attention, head)"
    assert expected in notes(folder, dropout=0.0)
