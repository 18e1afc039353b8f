"""The same configuration and the same weights are the same model in both frameworks."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain.backend import logits_of
from dualtrain.errors import BackendError
from dualtrain.ledger import roles_of
from dualtrain.tasks.encoders import EncoderConfig
from dualtrain.tasks.encoders._config import ACTIVATIONS
from dualtrain.tasks.encoders._initial import initial_weights
from dualtrain.tasks.encoders._words import Family
from tests.pairs import FAMILIES, PADDLE, SIDES, TORCH, Side, make_batch, make_config, make_pair

TOLERANCE = 1e-6
"""Of logits around 0.5; ten times what was measured."""

CONFIGS = [
    *(pytest.param(make_config(family), id=family) for family in FAMILIES),
    pytest.param(make_config("bert", layer_norm_eps=1e-5), id="bert, other epsilon"),
    pytest.param(make_config("roberta", layer_norm_eps=1e-5), id="roberta, other epsilon"),
    pytest.param(make_config("ernie", task_type_vocab_size=3), id="ernie with task types"),
    pytest.param(make_config("bert", pad_id=0, type_vocab_size=1), id="bert, pad 0, one type"),
    pytest.param(make_config("roberta", pad_id=0), id="roberta, pad 0"),
    *(pytest.param(make_config("bert", hidden_act=name), id=name) for name in ACTIVATIONS),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_logits_agree(config: EncoderConfig) -> None:
    """Padded samples, up to the longest that the model takes."""
    batch = make_batch(config)
    torch_model, paddle_model = make_pair(config)
    expected = TORCH.run(torch_model, batch)

    assert (6, config.classes) == expected.shape
    np.testing.assert_allclose(PADDLE.run(paddle_model, batch), expected, rtol=0, atol=TOLERANCE)


def test_a_square_matrix_that_is_not_transposed_is_seen() -> None:
    """The check above must object to each one."""
    config = make_config("bert")
    batch = make_batch(config)
    model = PADDLE.models.build_model(config)
    weights = initial_weights(PADDLE.parameters(model), config, seed=5, checkpoint=None)
    PADDLE.weights.load_weights(model, weights)
    expected = PADDLE.run(model, batch)
    square = [n for n, a in weights.items() if a.ndim == 2 and a.shape[0] == a.shape[1]]

    assert len(square) == 2 * 6 + 1
    for name in square:
        PADDLE.weights.load_weights(model, weights | {name: weights[name].T})
        assert np.abs(PADDLE.run(model, batch) - expected).max() > 100 * TOLERANCE, name


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_does_not_reach_the_logits(family: Family) -> None:
    """Other tokens under the mask change not one bit, though the masks' numbers differ."""
    config = make_config(family)
    batch = make_batch(config)
    hidden = batch["attention_mask"] == 0
    other = batch | {"input_ids": np.where(hidden, config.pad_id + 1, batch["input_ids"])}

    for side, model in zip(SIDES, make_pair(config), strict=True):
        assert side.run(model, batch).tobytes() == side.run(model, other).tobytes()


@pytest.mark.parametrize("config", CONFIGS[:6])
def test_weights_come_back_bit_for_bit(config: EncoderConfig) -> None:
    models = make_pair(config)
    weights = initial_weights(TORCH.parameters(models[0]), config, seed=5, checkpoint=None)

    for side, model in zip(SIDES, models, strict=True):
        dumped = side.weights.dump_weights(model)
        assert list(weights) == list(dumped)
        for name, array in weights.items():
            assert np.float32 == dumped[name].dtype
            assert dumped[name].flags.c_contiguous
            np.testing.assert_array_equal(dumped[name], array, strict=True)


@pytest.mark.parametrize("config", CONFIGS[:6])
def test_both_list_the_same_parameters(config: EncoderConfig) -> None:
    """Canonical name, shape, kind, roles and trainable; the frameworks' own names differ."""
    listed = []
    for side in SIDES:
        found = side.parameters(side.models.build_model(config))
        listed.append(
            {
                p.name: (
                    {k: v for k, v in asdict(p).items() if k not in ("structured", "native")},
                    roles_of(p),
                )
                for p in found
            }
        )
        assert len(found) == len(listed[-1])

    assert listed[0] == listed[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_canonical_names_are_transformers(family: Family) -> None:
    config = make_config(family)
    model = TORCH.models.build_model(config)

    assert [name for name, _ in model.named_parameters()] == [
        p.name for p in TORCH.parameters(model)
    ]


def test_native_names_repeat_in_one_process() -> None:
    """Paddle numbers parameters by a counter of the process; optimizer states go by these names."""
    names = [
        [p.native for p in PADDLE.parameters(PADDLE.models.build_model(make_config("bert")))]
        for _ in range(2)
    ]

    assert names[0] == names[1]
    assert "linear_0.w_0" in names[0]


def _torch_dropouts(model: Any) -> Counter[float]:
    return Counter(m.p for m in model.modules() if isinstance(m, torch.nn.Dropout))


def _paddle_dropouts(model: Any) -> Counter[float]:
    """paddle's attention has its rate as a number; a rate of 0 is a layer that does nothing."""
    layers = model.sublayers()
    rates = [m.p for m in layers if isinstance(m, paddle.nn.Dropout) and m.p]
    attention = [m.dropout for m in layers if isinstance(m, paddle.nn.MultiHeadAttention)]
    return Counter(rates + attention)


@pytest.mark.parametrize("family", FAMILIES)
def test_dropout_is_in_the_same_places(family: Family) -> None:
    """paddlenlp's RoBERTa drops out the head's input once more, which the backend undoes."""
    config = make_config(family, dropout=0.1, attention_dropout=0.2, classifier_dropout=0.3)
    expected = Counter({0.1: 1 + 2 * 2, 0.2: 2, 0.3: 1})

    assert expected == _torch_dropouts(TORCH.models.build_model(config))
    assert expected == _paddle_dropouts(PADDLE.models.build_model(config))


@pytest.mark.parametrize("side", SIDES, ids=["torch", "paddle"])
def test_models_are_built_for_training_and_with_dropout(side: Side) -> None:
    config = make_config("bert", dropout=0.5)
    model = side.models.build_model(config)
    assert model.training

    inputs = side.arrays.to_device(make_batch(config), side.arrays.open_device("cpu"))
    first, second = (side.arrays.to_numpy(logits_of(model, inputs)) for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("package", ["dualtrain_torch", "dualtrain_paddle"])
def test_building_a_model_prints_nothing_and_warns_of_nothing(package: str) -> None:
    """In a process of its own, where paddlenlp is imported for the first time."""
    script = (
        f"import warnings, {package}.models as models\n"
        "from dualtrain.tasks.encoders import EncoderConfig\n"
        "warnings.simplefilter('error')\n"
        f"models.build_model({make_config('roberta')!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore:No ccache found:UserWarning", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("side", "package", "message"),
    [
        (
            TORCH,
            "transformers",
            "models of the torch backend come from transformers, which must be importable: "
            "pip install 'dualtrain[torch]'. Received: ModuleNotFoundError: ",
        ),
        (
            PADDLE,
            "paddlenlp",
            "models of the Paddle backend come from paddlenlp 2.8.1, which must be importable: "
            "pip install 'dualtrain[paddle]'. Received: ModuleNotFoundError: ",
        ),
    ],
)
def test_a_missing_library_of_models_is_named(
    monkeypatch: pytest.MonkeyPatch, side: Side, package: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BackendError) as caught:
        side.models.build_model(make_config("bert"))

    assert str(caught.value).startswith(message)
