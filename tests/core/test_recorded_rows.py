"""A recorded row of the ledger is one that its spec decides, or it is disputed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dualtrain.ledger import Facts, LedgerRow, Parameter, decide, disputed
from dualtrain.ledger._kind import Kind
from dualtrain.spec import Spec
from tests.builders import spec_of


def parameter(name: str, *shape: int, kind: Kind = "other", **rest: Any) -> Parameter:
    facts: dict[str, Any] = {"name": name, "structured": name, "native": name, "trainable": True}
    return Parameter(shape=shape, kind=kind, **{**facts, **rest})


MODEL = [
    parameter("embeddings.word.weight", 9, 4, kind="embedding", aliases=("head.decoder.weight",)),
    parameter("embeddings.norm.weight", 4, kind="norm"),
    parameter("encoder.layer.0.dense.weight", 4, 4),
    parameter("encoder.layer.0.dense.bias", 4),
    parameter("encoder.layer.0.gate", 4, kind="unknown"),
    parameter("encoder.layer.1.dense.weight", 4, 4),
    parameter("encoder.layer.1.dense.bias", 4, facts=Facts(lr_multiplier=2.0)),
    parameter("classifier.weight", 2, 4),
    parameter("classifier.scale"),
    parameter("classifier.bias", 2, trainable=False),
]

PARTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "roles": {"weight_decay": {"value": 0.01, "exclude": ["bias", "norm", "embedding"]}},
    "a tied name": {"weight_decay": {"value": 0.01, "exclude_patterns": ["head.*", "*.bias"]}},
    "substrings": {"weight_decay": {"value": 0.01, "exclude_substrings": ["dense", "norm"]}},
    "expressions": {"weight_decay": {"value": 0.01, "exclude_regex": ["^head", "[.]bias$"]}},
    "values": {
        "weight_decay": {
            "value": 0.01,
            "exclude": ["embedding"],
            "values": [{"role": "norm", "value": 0.5}, {"pattern": "*.dense.*", "value": 0.0}],
        }
    },
    "rates": {"lr_multipliers": [{"pattern": "classifier.*", "lr": 0.3}]},
    "dimensions": {"weight_decay": {"value": 0.01, "exclude_below_ndim": 2}},
    "multipliers": {
        "lr_multipliers": [
            {"pattern": "classifier.*", "multiplier": 10.0},
            {"pattern": "*.weight", "multiplier": 0.3},
        ]
    },
    "layers": {"layer_decay": 0.65},
    "layers and multipliers": {
        "layer_decay": 0.9,
        "lr_multipliers": [{"pattern": "*.bias", "multiplier": 2.0}],
    },
    "betas": {
        "own_betas": [
            {"pattern": "head.*", "betas": [0.5, 0.9]},
            {"pattern": "*.bias", "betas": [0.8, 0.9]},
        ]
    },
    "frozen": {"freeze": {"patterns": ["embeddings.*", "*.layer.0.*"]}},
    "frozen by a tied name": {"freeze": {"patterns": ["head.decoder.*"]}},
}


def spec(part: str) -> Spec:
    return spec_of(schedule={"name": "linear"}, **PARTS[part])


@pytest.mark.parametrize("part", PARTS)
def test_what_a_spec_decides_is_not_disputed(part: str) -> None:
    rows = decide(MODEL, spec(part)).rows
    bare = [replace(row.parameter, aliases=(), kind="other", facts=Facts()) for row in rows]
    assert [
        disputed(replace(row, parameter=recorded), spec(part))
        for row, recorded in zip(rows, bare, strict=True)
    ] == [None] * len(MODEL)


def row_of(name: str, part: str) -> LedgerRow:
    return next(row for row in decide(MODEL, spec(part)).rows if row.parameter.name == name)


@pytest.mark.parametrize(
    ("part", "name", "change", "dispute"),
    [
        (
            "values",
            "encoder.layer.0.dense.bias",
            {"decay": 0.01},
            ("by the rule pattern *.dense.* the decay is 0", "0.01"),
        ),
        (
            "values",
            "embeddings.norm.weight",
            {"rule": "default", "decay": 0.01},
            ("the first rule that fits it is 'role norm'", "the rule 'default'"),
        ),
        (
            "roles",
            "classifier.weight",
            {"decay": 0.0},
            ("by the rule default the decay is 0.01", "0"),
        ),
        (
            "roles",
            "encoder.layer.0.dense.bias",
            {"decay": 0.01},
            ("by the rule role bias the decay is 0", "0.01"),
        ),
        (
            "roles",
            "encoder.layer.0.dense.bias",
            {"rule": "default", "decay": 0.01},
            ("the first rule that fits it is 'role bias'", "the rule 'default'"),
        ),
        (
            "roles",
            "classifier.weight",
            {"rule": "role embedding", "decay": 0.0},
            ("its rule is one of the spec's that fit it", "the rule 'role embedding'"),
        ),
        (
            "roles",
            "classifier.weight",
            {"rule": "pattern *", "decay": 0.0},
            ("its rule is one of the spec's that fit it", "the rule 'pattern *'"),
        ),
        (
            "roles",
            "classifier.weight",
            {"rule": "the model", "decay": 0.5},
            ("of decoupled weight decay the model decides nothing", "the rule 'the model'"),
        ),
        (
            "dimensions",
            "classifier.weight",
            {"rule": "ndim below 2", "decay": 0.0},
            ("its rule is one of the spec's that fit it", "the rule 'ndim below 2'"),
        ),
        (
            "multipliers",
            "classifier.weight",
            {"lr_multiplier": 1.0},
            ("by the rule pattern classifier.* the multiplier is 10", "1"),
        ),
        (
            "multipliers",
            "classifier.weight",
            {"lr_rule": "pattern *.weight", "lr_multiplier": 0.3},
            (
                "the first rule that fits it is 'pattern classifier.*'",
                "the rule 'pattern *.weight'",
            ),
        ),
        (
            "multipliers",
            "encoder.layer.0.dense.bias",
            {"lr_rule": "layer 0 of encoder.layer", "lr_multiplier": 0.5},
            ("its rule is one of the spec's", "the rule 'layer 0 of encoder.layer'"),
        ),
        (
            "layers",
            "encoder.layer.0.dense.bias",
            {"lr_multiplier": 0.66},
            ("by the rule layer 0 of encoder.layer the multiplier is 1 x 0.65^n", "0.66"),
        ),
        (
            "betas",
            "classifier.bias",
            {"betas": None},
            ("by the rule pattern *.bias the betas are 0.8 and 0.9", "the optimizer's"),
        ),
        (
            "betas",
            "classifier.weight",
            {"betas": (0.8, 0.9)},
            ("by the rule default the betas are the optimizer's", "0.8 and 0.9"),
        ),
        (
            "betas",
            "classifier.bias",
            {"betas_rule": "default", "betas": None},
            ("the first rule that fits it is 'pattern *.bias'", "the rule 'default'"),
        ),
        (
            "frozen",
            "embeddings.word.weight",
            {"frozen": False},
            ("by the rule pattern embeddings.* it is frozen", "frozen False"),
        ),
        (
            "frozen",
            "embeddings.word.weight",
            {"frozen": False, "freeze_rule": "default"},
            ("the first rule that fits it is 'pattern embeddings.*'", "the rule 'default'"),
        ),
        (
            "frozen",
            "classifier.weight",
            {"frozen": True},
            ("by the rule default it is not frozen", "frozen True"),
        ),
        (
            "nothing",
            "classifier.weight",
            {"roles": ("one_dimensional",)},
            (
                "the role one_dimensional is that of one dimension",
                "one_dimensional with shape [2, 4]",
            ),
        ),
        (
            "nothing",
            "encoder.layer.0.dense.bias",
            {"roles": ("bias",)},
            ("the role one_dimensional is that of one dimension", "bias with shape [4]"),
        ),
    ],
)
def test_what_it_cannot_decide_is(
    part: str, name: str, change: dict[str, Any], dispute: tuple[str, str]
) -> None:
    assert disputed(replace(row_of(name, part), **change), spec(part)) == dispute
