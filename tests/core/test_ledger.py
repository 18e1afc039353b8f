"""The ledger: what a parameter is, which rule decides, and rules that match nothing."""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.errors import LedgerError
from dualtrain.ledger import Kind, Ledger, Parameter, decide, kind_of, roles_of
from dualtrain.spec import WeightDecay


def parameter(
    name: str,
    shape: tuple[int, ...] = (4, 4),
    kind: Kind = "other",
    *,
    structured: str | None = None,
    trainable: bool = True,
) -> Parameter:
    return Parameter(
        name=name,
        structured=structured or name,
        native=name,
        shape=shape,
        kind=kind,
        trainable=trainable,
    )


MODEL = [
    parameter("word.weight", (9, 4), "embedding"),
    parameter("block.dense.weight"),
    parameter("block.dense.bias", (4,)),
    parameter("block.LayerNorm.weight", (4,), "norm"),
    parameter("block.LayerNorm.bias", (4,), "norm"),
]


def outcome(ledger: Ledger) -> dict[str, tuple[str, float]]:
    return {row.parameter.name: (row.rule, row.decay) for row in ledger.rows}


@pytest.mark.parametrize(
    ("found", "roles"),
    [
        (parameter("dense.weight"), ()),
        (parameter("dense.bias", (4,)), ("bias", "one_dimensional")),
        (parameter("LayerNorm.weight", (4,), "norm"), ("norm", "one_dimensional")),
        (parameter("LayerNorm.bias", (4,), "norm"), ("bias", "norm", "one_dimensional")),
        (parameter("word.weight", (9, 4), "embedding"), ("embedding",)),
        (parameter("lstm.bias_ih_l0", (16,)), ("bias", "one_dimensional")),
        (parameter("attention.in_proj_bias", (12,)), ("bias", "one_dimensional")),
        (parameter("attention.in_proj_weight", (12, 4)), ()),
        # T5's table of position biases is an embedding that learns like a weight.
        (parameter("relative_attention_bias.weight", (8, 2), "embedding"), ("embedding",)),
        (parameter("bias.weight"), ()),
        (parameter("layer_scale", (4,)), ("one_dimensional",)),
        (parameter("temperature", ()), ()),
    ],
)
def test_roles(found: Parameter, roles: tuple[str, ...]) -> None:
    """`bias` is the attribute's name, `norm` and `embedding` the owner's, never the path's."""
    assert roles == roles_of(found)


class LlamaRMSNorm:
    pass


class Embedding:
    pass


class FusedLinear:
    pass


class Conditional(LlamaRMSNorm):
    pass


class NormedTable(Embedding):
    pass


@pytest.mark.parametrize(
    ("owner", "kind"),
    [
        (LlamaRMSNorm, "norm"),
        (Conditional, "norm"),
        (Embedding, "embedding"),
        (NormedTable, "embedding"),
        (FusedLinear, "other"),
    ],
)
def test_kind_is_found_from_the_class_and_its_bases(owner: type, kind: Kind) -> None:
    assert kind == kind_of(owner)


def test_without_weight_decay_nothing_decays() -> None:
    assert dict.fromkeys([p.name for p in MODEL], 0.0) == decide(MODEL, None).decay()


def test_without_exclusions_everything_decays() -> None:
    ledger = decide(MODEL, WeightDecay(value=0.1))

    assert dict.fromkeys(sorted(p.name for p in MODEL), ("default", 0.1)) == outcome(ledger)


def test_rows_are_in_canonical_order_however_the_backend_lists_them() -> None:
    spec = WeightDecay(value=0.1, exclude=("bias", "norm"))

    assert decide(MODEL, spec) == decide(reversed(MODEL), spec)
    assert sorted(p.name for p in MODEL) == [r.parameter.name for r in decide(MODEL, spec).rows]


def test_roles_decide() -> None:
    ledger = decide(MODEL, WeightDecay(value=0.1, exclude=("bias", "norm")))

    assert outcome(ledger) == {
        "block.LayerNorm.bias": ("role bias", 0.0),
        "block.LayerNorm.weight": ("role norm", 0.0),
        "block.dense.bias": ("role bias", 0.0),
        "block.dense.weight": ("default", 0.1),
        "word.weight": ("default", 0.1),
    }


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"exclude": ("norm", "bias")}, "role norm"),
        ({"exclude": ("bias", "norm")}, "role bias"),
        (
            {"exclude": ("one_dimensional",), "exclude_patterns": ("*.bias",)},
            "role one_dimensional",
        ),
        ({"exclude_patterns": ("*.bias", "*Norm*")}, "pattern *.bias"),
        ({"exclude_substrings": ("Norm",), "exclude_patterns": ("*Norm*",)}, "pattern *Norm*"),
        ({"exclude_substrings": ("Norm", "bias")}, "substring Norm"),
    ],
)
def test_the_first_exclusion_that_holds_is_named(fields: dict[str, Any], rule: str) -> None:
    """Roles before patterns before substrings; within each, the order written."""
    ledger = decide(MODEL, WeightDecay(value=0.1, **fields))

    assert (rule, 0.0) == outcome(ledger)["block.LayerNorm.bias"]


def test_an_exclusion_that_is_always_second_still_counts_as_matching() -> None:
    spec = WeightDecay(value=0.1, exclude=("bias",), exclude_patterns=("block.dense.bias",))

    assert outcome(decide(MODEL, spec))["block.dense.bias"] == ("role bias", 0.0)


def test_patterns_are_about_canonical_names_and_substrings_about_structured_ones() -> None:
    model = [parameter("LayerNorm.weight", (4,), "norm", structured="norm1.weight")]
    by_pattern = WeightDecay(value=0.1, exclude_patterns=("LayerNorm.*",))
    by_substring = WeightDecay(value=0.1, exclude_substrings=("norm",))

    assert outcome(decide(model, by_pattern))["LayerNorm.weight"] == ("pattern LayerNorm.*", 0.0)
    assert outcome(decide(model, by_substring))["LayerNorm.weight"] == ("substring norm", 0.0)


def test_patterns_are_case_sensitive_globs() -> None:
    ledger = decide(MODEL, WeightDecay(value=0.1, exclude_patterns=("block.[a-z]*.weight",)))

    assert [r.parameter.name for r in ledger.rows if r.decay == 0.0] == ["block.dense.weight"]


def test_a_frozen_parameter_has_a_row_but_no_decay() -> None:
    model = [parameter("head.weight"), parameter("body.weight", trainable=False)]
    ledger = decide(model, WeightDecay(value=0.1))

    assert [row.parameter.name for row in ledger.rows] == ["body.weight", "head.weight"]
    assert ledger.decay() == {"head.weight": 0.1}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"exclude": ("embedding",)},
            "weight_decay.exclude: role 'embedding' matches none of the model's 4 parameters. "
            "Correct it, or leave it out.",
        ),
        (
            {"exclude_substrings": ("norm",)},
            "weight_decay.exclude_substrings: substring 'norm' matches none of the model's 4 "
            "parameters. Near: 'block.LayerNorm.bias'. Correct it, or leave it out.",
        ),
        (
            {"exclude_patterns": ("*.layernorm.*",)},
            "weight_decay.exclude_patterns: pattern '*.layernorm.*' matches none of the model's 4 "
            "parameters. Near: 'block.LayerNorm.bias'. Correct it, or leave it out.",
        ),
        (
            {"exclude_patterns": ("block.dense.wieght",)},
            "weight_decay.exclude_patterns: pattern 'block.dense.wieght' matches none of the "
            "model's 4 parameters. Near: 'block.dense.weight'. Correct it, or leave it out.",
        ),
        (
            {"exclude_patterns": ("pooler.*",)},
            "weight_decay.exclude_patterns: pattern 'pooler.*' matches none of the model's 4 "
            "parameters. Correct it, or leave it out.",
        ),
    ],
)
def test_an_exclusion_that_matches_nothing_is_an_error(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(LedgerError) as caught:
        decide(MODEL[1:], WeightDecay(value=0.1, **fields))

    assert message == str(caught.value)


def test_all_exclusions_that_match_nothing_are_named() -> None:
    spec = WeightDecay(
        value=0.1,
        exclude=("embedding", "bias"),
        exclude_patterns=("a", "*.bias"),
        exclude_substrings=("b.c",),
    )
    with pytest.raises(LedgerError) as caught:
        decide(MODEL[1:], spec)

    assert [line.partition(" matches none")[0] for line in str(caught.value).splitlines()] == [
        "weight_decay.exclude: role 'embedding'",
        "weight_decay.exclude_patterns: pattern 'a'",
        "weight_decay.exclude_substrings: substring 'b.c'",
    ]


@pytest.mark.parametrize("model", [[], [parameter("dense.weight", trainable=False)]])
def test_a_model_in_which_nothing_trains_is_refused(model: list[Parameter]) -> None:
    """Its optimizer would fail in words of the framework's, in Paddle at the first update."""
    with pytest.raises(LedgerError, match=rf"that trains\. Received: none of {len(model)}$"):
        decide(model, None)
