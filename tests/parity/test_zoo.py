"""The zoo: the same model on both sides, by names, by layout, by ledger, and after some updates."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualtrain_paddle
from dualtrain import build_optimizer
from dualtrain.backend import logits_of
from dualtrain.ledger import Ledger, LedgerRow, Parameter, decide
from dualtrain_paddle._compat import native_models
from tests import zoo
from tests.meta.faults import misread

every_model = pytest.mark.parametrize("name", zoo.NAMES)


@cache
def models(name: str) -> zoo.Pair:
    """A pair that no test trains."""
    return zoo.pair(name, batches=1)


def parameters(name: str) -> tuple[list[Parameter], list[Parameter]]:
    torch_side, paddle_side = (
        backend.parameters(model)
        for backend, model in zip(zoo.BACKENDS, models(name).models, strict=True)
    )
    return torch_side, paddle_side


@every_model
def test_both_sides_give_the_same_output(name: str) -> None:
    """So every tensor went where it belongs, in its layout, square ones too."""
    pair, outputs = models(name), []
    for backend, model in zip(zoo.BACKENDS, pair.models, strict=True):
        model.eval()
        tensors = backend.to_device(pair.batches[0], backend.open_device("cpu"))
        with backend.inference():
            outputs.append(backend.to_numpy(logits_of(model, tensors)))

    assert np.abs(outputs[0]).max() > 0.05
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=0, atol=1e-5)


@every_model
def test_both_sides_have_the_same_parameters(name: str) -> None:
    expected, actual = (
        sorted((p.name, p.shape, p.kind, p.trainable) for p in side) for side in parameters(name)
    )

    assert expected == actual


@every_model
def test_weights_come_back_as_they_went(name: str) -> None:
    expected, actual = (
        backend.dump_weights(model)
        for backend, model in zip(zoo.BACKENDS, models(name).models, strict=True)
    )

    assert list(expected) == list(actual)
    for tensor, array in expected.items():
        np.testing.assert_array_equal(actual[tensor], array)


def decisions(ledger: Ledger) -> dict[str, tuple[Any, ...]]:
    return {
        row.parameter.name: (
            row.parameter.shape,
            row.roles,
            (row.decay, row.rule),
            (row.lr_multiplier, row.lr_rule),
            (row.trains, row.freeze_rule),
        )
        for row in ledger.rows
    }


RULES: dict[str, dict[str, Any]] = {
    "roles": {},
    "dimensions": {"weight_decay": {"value": 0.1, "exclude_below_ndim": 2}},
    "patterns": {
        "weight_decay": {"value": 0.1, "exclude_patterns": ["*.weight"]},
        "lr_multipliers": [{"pattern": "*0*", "multiplier": 0.5}],
    },
    "layers": {"layer_decay": 0.8},
    "frozen": {"freeze": {"patterns": ["*.0.*"], "batch_stats": "keep"}},
}
CNN_RULES: dict[str, dict[str, Any]] = {
    "patterns": {"lr_multipliers": [{"pattern": "*1*", "multiplier": 0.5}]},
    "frozen": {"freeze": {"patterns": ["*1.*"], "batch_stats": "keep"}},
}
CASES = [(n, r) for n in zoo.NAMES for r in RULES if (n, r) != ("cnn", "layers")]


@pytest.mark.parametrize(("name", "rules"), CASES)
def test_both_ledgers_decide_alike(name: str, rules: str) -> None:
    changes = RULES[rules] | (CNN_RULES if name == "cnn" else {}).get(rules, {})
    spec = zoo.spec_of(name, **changes)
    expected, actual = (decisions(decide(side, spec)) for side in parameters(name))

    assert expected == actual


BIAS_NORM, LAYER_NORM = ("bias", "norm"), ("bias", "LayerNorm.weight")
"""`any(nd in n for nd in [...])`, as recipes for Paddle and for transformers write it."""


@pytest.mark.parametrize(
    ("name", "tensors", "right", "recipes"),
    [
        ("bert", 41, 17, (22, 17, 17, 22, 31)),
        ("ernie", 41, 17, (22, 17, 17, 22, 31)),
        ("roberta", 41, 17, (22, 17, 17, 22, 31)),
        ("electra", 43, 18, (23, 18, 18, 23, 33)),
        ("gpt", 28, 10, (15, 15, 10, 15, 18)),
        ("t5", 65, 50, (48, 63, 48, 63, 50)),
        ("llama", 21, 16, (16, 21, 16, 21, 21)),
        ("cnn", 8, 3, (3, 5, 3, 5, 4)),
    ],
)
def test_what_the_filters_select(
    name: str, tensors: int, right: int, recipes: tuple[int, ...]
) -> None:
    """Roles and dimensions select the same tensors on both sides; substrings depend on the names:
    transformers' and paddlenlp's structured ones, and Paddle's `linear_0.b_0`.

    T5's `relative_attention_bias` is a table that decays by its role, and a bias to a substring.
    """
    torch_side, paddle_side = parameters(name)
    structured = [[p.structured for p in side] for side in (torch_side, paddle_side)]
    native = [p.native for p in paddle_side]

    def kept(names: list[str], substrings: tuple[str, str]) -> int:
        return sum(not any(text in name for text in substrings) for name in names)

    assert recipes == (
        *(kept(names, rule) for names in structured for rule in (BIAS_NORM, LAYER_NORM)),
        kept(native, BIAS_NORM),
    )
    roles = zoo.spec_of(name).weight_decay
    for side in (torch_side, paddle_side):
        assert (tensors, right, right) == (
            len(side),
            decaying(name, side, value=0.1, exclude=roles.exclude if roles else ()),
            decaying(name, side, value=0.1, exclude_below_ndim=2),
        )


def decaying(name: str, side: list[Parameter], **weight_decay: Any) -> int:
    spec = zoo.spec_of(name, weight_decay=weight_decay)
    return sum(decay > 0 for decay in decide(side, spec).decay().values())


@pytest.mark.parametrize("name", (*zoo.NAMES, *zoo.KINKED))
def test_training_moves_both_sides_alike(name: str, tmp_path: Path) -> None:
    """The short form of `make zoo`."""
    comparison = zoo.train(name, tmp_path, updates=30, batches=10)

    assert comparison.weights is not None
    assert comparison.first is None, comparison.first


@pytest.mark.parametrize(
    ("name", "first"), [("gpt", "transformer.wte.weight"), ("t5", "shared.weight")]
)
def test_a_tied_weight_is_one_parameter_under_its_first_name(name: str, first: str) -> None:
    """It decays once, is clipped once and moves once: training agrees with it in both."""
    for backend, model in zip(zoo.BACKENDS, models(name).models, strict=True):
        names = [p.name for p in backend.parameters(model)]
        optimizer = build_optimizer(zoo.spec_of(name), model)

        assert names.count(first) == 1
        assert not any("lm_head" in name for name in names)
        assert list(backend.effective_decay(optimizer, model)).count(first) == 1


EVERY_RULE: dict[str, Any] = {
    "weight_decay": {"value": 0.1, "exclude_below_ndim": 2},
    "lr_multipliers": [{"pattern": "classifier.*", "multiplier": 5.0}],
    "layer_decay": 0.8,
    "freeze": {"patterns": ["*.embeddings.*"]},
}


@pytest.mark.parametrize("name", ["bert", "electra"])
def test_training_under_every_rule_moves_both_sides_alike(name: str, tmp_path: Path) -> None:
    comparison = zoo.train(name, tmp_path, updates=20, batches=5, **EVERY_RULE)

    assert comparison.first is None, comparison.first
    decided = comparison.b.header.decisions
    held = {p.name: p.effective_lr_multiplier for p in comparison.b.header.parameters}
    embeddings = f"{name}.embeddings.word_embeddings.weight"
    dense = f"{name}.encoder.layer.1.output.dense.weight"
    head = next(each for each in decided if each.startswith("classifier."))
    assert (decided[embeddings].frozen, held[embeddings]) == (True, None)
    assert (decided[dense].lr_multiplier, held[dense]) == (0.8, 0.8)
    assert (decided[head].lr_multiplier, held[head]) == (5.0, 5.0)


@pytest.mark.parametrize(
    ("rule", "knob"),
    [
        ({"layer_decay": None}, "effective lr multiplier"),
        ({"lr_multipliers": ()}, "effective lr multiplier"),
        ({"freeze": None}, "effective decay"),
    ],
)
def test_a_rule_that_one_side_forgets_is_found(
    rule: dict[str, Any], knob: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetful = decide(parameters("bert")[1], zoo.spec_of("bert", **EVERY_RULE | rule))
    rows = {row.parameter.name: row for row in forgetful.rows}

    def wrong(row: LedgerRow, _: Ledger) -> LedgerRow:
        return replace(rows[row.parameter.name], parameter=row.parameter)

    misread(monkeypatch, dualtrain_paddle, wrong)
    comparison = zoo.train("bert", tmp_path, updates=2, batches=2, **EVERY_RULE)

    assert comparison.first is not None
    assert (comparison.first.stage, knob in comparison.first.detail) == ("decay", True)


@pytest.mark.parametrize("name", ["bert", "ernie", "roberta", "electra"])
def test_layer_decay_of_an_encoder_is_that_of_paddlenlp(name: str) -> None:
    native_models()  # paddlenlp's import, without its noise
    from paddlenlp.ops.optimizer import adamwdl

    model = models(name).models[1]
    static = {parameter.name: path for path, parameter in model.named_parameters()}
    expected = {
        parameter.name: adamwdl.layerwise_lr_decay(0.8, static, 2, parameter)
        for parameter in model.parameters()
    }
    ledger = decide(parameters(name)[1], zoo.spec_of(name, layer_decay=0.8))

    assert expected == {row.parameter.native: row.lr_multiplier for row in ledger.rows}
