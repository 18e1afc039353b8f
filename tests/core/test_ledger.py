"""The ledger: what a parameter is, which rule decides, and rules that match nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from dualtrain.errors import LedgerError
from dualtrain.ledger import Kind, Ledger, Parameter, decide, places, roles_of
from dualtrain.spec import WeightDecay
from tests.builders import spec_of


def parameter(
    name: str,
    shape: tuple[int, ...] = (4, 4),
    kind: Kind = "other",
    *,
    structured: str | None = None,
    trainable: bool = True,
    aliases: tuple[str, ...] = (),
) -> Parameter:
    return Parameter(
        name=name,
        structured=structured or name,
        native=name,
        shape=shape,
        kind=kind,
        trainable=trainable,
        aliases=aliases,
        structured_aliases=aliases,
    )


MODEL = [
    parameter("word.weight", (9, 4), "embedding"),
    parameter("block.dense.weight"),
    parameter("block.dense.bias", (4,)),
    parameter("block.LayerNorm.weight", (4,), "norm"),
    parameter("block.LayerNorm.bias", (4,), "norm"),
]


def decaying(parameters: Iterable[Parameter], weight_decay: WeightDecay) -> Ledger:
    return decide(parameters, spec_of(weight_decay=weight_decay))


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
        (parameter("lstm.cell.bias_hh", (16,)), ("bias", "one_dimensional")),
        (parameter("attention.q_bias", (4,)), ("bias", "one_dimensional")),
        (parameter("qkv_bias", (3, 2, 4)), ("bias",)),
        (parameter("norm.beta", (4,), "norm"), ("bias", "norm", "one_dimensional")),
        (parameter("norm.beta", (4, 1, 1), "norm"), ("bias", "norm")),
        (parameter("norm.gamma", (4,), "norm"), ("norm", "one_dimensional")),
        (parameter("affine.beta", (4,)), ("one_dimensional",)),
        (parameter("own.b", (4,)), ("bias", "one_dimensional")),
        (parameter("own.b", (4, 4)), ()),
        (parameter("block.gamma", (4,), "unknown"), ("norm", "one_dimensional")),
        # Tables of position biases are looked up, whatever they are called.
        (parameter("attn.relative_position_bias", (2, 5, 5)), ()),
        (parameter("attn.relative_position_bias_table", (9, 2), "embedding"), ("embedding",)),
        (parameter("conv.parametrizations.bias.original", (4,)), ("bias", "one_dimensional")),
        (parameter("conv.parametrizations.weight.original0", (4, 1, 1)), ()),
        (parameter("conv.weight_g", (4, 1, 1)), ()),
    ],
)
def test_roles(found: Parameter, roles: tuple[str, ...]) -> None:
    """`bias` is the attribute's name, `norm` and `embedding` the owner's, never the path's."""
    assert roles == roles_of(found)


def test_without_weight_decay_nothing_decays() -> None:
    assert dict.fromkeys([p.name for p in MODEL], 0.0) == decide(MODEL, spec_of()).decay()


def test_without_exclusions_everything_decays() -> None:
    ledger = decaying(MODEL, WeightDecay(value=0.1))

    assert dict.fromkeys(sorted(p.name for p in MODEL), ("default", 0.1)) == outcome(ledger)


def test_rows_are_in_canonical_order_however_the_backend_lists_them() -> None:
    spec = WeightDecay(value=0.1, exclude=("bias", "norm"))

    assert decaying(MODEL, spec) == decaying(reversed(MODEL), spec)
    assert sorted(p.name for p in MODEL) == [r.parameter.name for r in decaying(MODEL, spec).rows]


def test_roles_decide() -> None:
    ledger = decaying(MODEL, WeightDecay(value=0.1, exclude=("bias", "norm")))

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
        (
            {"exclude_regex": (r"bias$",), "exclude_substrings": ("Norm",)},
            "substring Norm",
        ),
        ({"exclude_regex": (r"Nor.\.", "bias$")}, r"regex Nor.\."),
        ({"exclude_regex": (r"^block\.L",), "exclude_below_ndim": 2}, r"regex ^block\.L"),
    ],
)
def test_the_first_exclusion_that_holds_is_named(fields: dict[str, Any], rule: str) -> None:
    """Roles before patterns before substrings; within each, the order written."""
    ledger = decaying(MODEL, WeightDecay(value=0.1, **fields))

    assert (rule, 0.0) == outcome(ledger)["block.LayerNorm.bias"]


def test_an_exclusion_that_is_always_second_still_counts_as_matching() -> None:
    spec = WeightDecay(value=0.1, exclude=("bias",), exclude_patterns=("block.dense.bias",))

    assert outcome(decaying(MODEL, spec))["block.dense.bias"] == ("role bias", 0.0)


def test_patterns_are_about_canonical_names_and_substrings_about_structured_ones() -> None:
    model = [parameter("LayerNorm.weight", (4,), "norm", structured="norm1.weight")]
    by_pattern = WeightDecay(value=0.1, exclude_patterns=("LayerNorm.*",))
    by_substring = WeightDecay(value=0.1, exclude_substrings=("norm",))

    assert outcome(decaying(model, by_pattern))["LayerNorm.weight"] == ("pattern LayerNorm.*", 0.0)
    assert outcome(decaying(model, by_substring))["LayerNorm.weight"] == ("substring norm", 0.0)


def test_patterns_are_case_sensitive_globs() -> None:
    ledger = decaying(MODEL, WeightDecay(value=0.1, exclude_patterns=("block.[a-z]*.weight",)))

    assert [r.parameter.name for r in ledger.rows if r.decay == 0.0] == ["block.dense.weight"]


def test_a_regular_expression_is_found_anywhere_in_a_name() -> None:
    """`re.search`: what a recipe gives to `re.match` begins with ^ here."""
    anywhere = decaying(MODEL, WeightDecay(value=0.1, exclude_regex=(r"dense\.|Norm\.w",)))
    anchored = decaying(MODEL, WeightDecay(value=0.1, exclude_regex=(r"^(word|LayerNorm)",)))

    assert [r.parameter.name for r in anywhere.rows if r.decay == 0.0] == [
        "block.LayerNorm.weight",
        "block.dense.bias",
        "block.dense.weight",
    ]
    assert [r.parameter.name for r in anchored.rows if r.decay == 0.0] == ["word.weight"]


def test_roles_and_patterns_may_have_a_decay_of_their_own() -> None:
    """The first that fits, after the exclusions."""
    values: Any = (
        {"pattern": "block.dense.*", "value": 0.3},
        {"role": "norm", "value": 0.0},
        {"pattern": "block.*", "value": 0.2},
    )
    ledger = decaying(MODEL, WeightDecay(value=0.1, exclude=("bias",), values=values))

    assert outcome(ledger) == {
        "block.LayerNorm.bias": ("role bias", 0.0),
        "block.LayerNorm.weight": ("role norm", 0.0),
        "block.dense.bias": ("role bias", 0.0),
        "block.dense.weight": ("pattern block.dense.*", 0.3),
        "word.weight": ("default", 0.1),
    }


def test_a_value_that_fits_nothing_is_an_error() -> None:
    values: Any = ({"pattern": "head.*", "value": 0.3},)
    with pytest.raises(LedgerError, match=r"^weight_decay\.values\[0\]\.pattern: pattern 'head"):
        decaying(MODEL, WeightDecay(value=0.1, values=values))
    with pytest.raises(LedgerError, match=r"^weight_decay\.exclude_regex: regex '\^Layer' matches"):
        decaying(MODEL, WeightDecay(value=0.1, exclude_regex=("^Layer",)))


def test_a_base_rate_of_their_own_is_a_multiple_of_the_specs() -> None:
    spec = spec_of(lr_multipliers=[{"pattern": "word.*", "lr": 0.05}])

    assert decide(MODEL, spec).lr_multiplier()["word.weight"] == 0.05 / 0.1


def test_betas_of_their_own() -> None:
    """By the first pattern that fits any name; what none fits has the optimizer's."""
    rules = [{"pattern": "head.*", "betas": [0.5, 0.9]}, {"pattern": "*", "betas": [0.8, 0.9]}]
    model = [parameter("head.weight"), parameter("body.weight", aliases=("head.tied",))]
    (body, head) = decide(model, spec_of(own_betas=rules)).rows
    assert (head.betas, head.betas_rule) == ((0.5, 0.9), "pattern head.*")
    assert (body.betas, body.betas_rule) == ((0.5, 0.9), "pattern head.*")
    (body, _) = decide([parameter("a.w"), *model[:1]], spec_of(own_betas=rules[:1])).rows
    assert (body.betas, body.betas_rule) == (None, "default")
    with pytest.raises(LedgerError, match=r"^own_betas\[0\]\.pattern: pattern 'tail' matches none"):
        decide(model, spec_of(own_betas=[{"pattern": "tail", "betas": [0.5, 0.9]}]))


def test_a_frozen_parameter_has_a_row_but_no_decay() -> None:
    model = [parameter("head.weight"), parameter("body.weight", trainable=False)]
    ledger = decaying(model, WeightDecay(value=0.1))

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
            "parameters. Near: 'block.LayerNorm.bias'. Write exclude: [bias, norm] instead, "
            "which finds both in either framework by what they are, whatever they are called.",
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
        decaying(MODEL[1:], WeightDecay(value=0.1, **fields))

    assert message == str(caught.value)


def test_all_exclusions_that_match_nothing_are_named() -> None:
    spec = WeightDecay(
        value=0.1,
        exclude=("embedding", "bias"),
        exclude_patterns=("a", "*.bias"),
        exclude_substrings=("b.c",),
    )
    with pytest.raises(LedgerError) as caught:
        decaying(MODEL[1:], spec)

    assert [line.partition(" matches none")[0] for line in str(caught.value).splitlines()] == [
        "weight_decay.exclude: role 'embedding'",
        "weight_decay.exclude_patterns: pattern 'a'",
        "weight_decay.exclude_substrings: substring 'b.c'",
    ]


@pytest.mark.parametrize("model", [[], [parameter("dense.weight", trainable=False)]])
def test_a_model_in_which_nothing_trains_is_refused(model: list[Parameter]) -> None:
    """Its optimizer would fail in words of the framework's, in Paddle at the first update."""
    with pytest.raises(LedgerError, match=rf"that trains\. Received: none of {len(model)}$"):
        decide(model, spec_of())


def test_below_ndim_selects_by_shape_alone() -> None:
    """timm's rule: `ndim <= 1` does not decay."""
    model = [*MODEL, parameter("scale", ()), parameter("conv.weight", (2, 2, 3, 3))]
    ledger = decaying(model, WeightDecay(value=0.1, exclude_below_ndim=2))

    assert [n for n, decay in ledger.decay().items() if decay > 0.0] == [
        "block.dense.weight",
        "conv.weight",
        "word.weight",
    ]
    assert outcome(ledger)["scale"] == ("ndim below 2", 0.0)


def test_below_ndim_that_selects_nothing_is_an_error() -> None:
    with pytest.raises(LedgerError) as caught:
        decaying(MODEL, WeightDecay(value=0.1, exclude_below_ndim=1))

    assert str(caught.value) == (
        "weight_decay.exclude_below_ndim: ndim below 1 matches none of the model's 5 parameters. "
        "Correct it, or leave it out."
    )


def rates(ledger: Ledger) -> dict[str, tuple[str, float]]:
    return {row.parameter.name: (row.lr_rule, row.lr_multiplier) for row in ledger.rows}


def test_the_first_pattern_that_fits_multiplies_the_rate() -> None:
    rules = [
        {"pattern": "*.bias", "multiplier": 2.0},
        {"pattern": "block.*", "multiplier": 0.5},
    ]
    ledger = decide(MODEL, spec_of(lr_multipliers=rules))

    assert rates(ledger) == {
        "block.LayerNorm.bias": ("pattern *.bias", 2.0),
        "block.LayerNorm.weight": ("pattern block.*", 0.5),
        "block.dense.bias": ("pattern *.bias", 2.0),
        "block.dense.weight": ("pattern block.*", 0.5),
        "word.weight": ("default", 1.0),
    }


ENCODER = [
    parameter("bert.embeddings.word_embeddings.weight", (9, 4), "embedding"),
    parameter("bert.embeddings.LayerNorm.weight", (4,), "norm"),
    *(parameter(f"bert.encoder.layer.{index}.dense.weight") for index in range(12)),
    parameter("bert.pooler.dense.weight"),
    parameter("classifier.0.weight"),
]


def test_layer_decay_counts_the_layers_above() -> None:
    """Embeddings rate^(L+1), layer i rate^(L-i), head 1; a Sequential's number is no layer's."""
    ledger = decide(ENCODER, spec_of(layer_decay=0.9))
    layers = {
        f"bert.encoder.layer.{i}.dense.weight": (
            f"layer {i} of bert.encoder.layer",
            0.9 ** (12 - i),
        )
        for i in range(12)
    }

    assert rates(ledger) == layers | {
        "bert.embeddings.LayerNorm.weight": ("below bert.encoder.layer", 0.9**13),
        "bert.embeddings.word_embeddings.weight": ("below bert.encoder.layer", 0.9**13),
        "bert.pooler.dense.weight": ("head", 1.0),
        "classifier.0.weight": ("head", 1.0),
    }


def test_layer_decay_is_multiplied_with_the_patterns() -> None:
    rules = [{"pattern": "*.layer.11.*", "multiplier": 0.3}]
    ledger = decide(ENCODER, spec_of(layer_decay=0.9, lr_multipliers=rules))

    assert rates(ledger)["bert.encoder.layer.11.dense.weight"] == (
        "pattern *.layer.11.*, layer 11 of bert.encoder.layer",
        0.3 * 0.9,
    )


@pytest.mark.parametrize(
    ("name", "kind", "above"),
    [
        ("shared.weight", "embedding", 4),
        ("encoder.embed_positions.weight", "embedding", 3),
        ("decoder.embed_positions.weight", "embedding", 4),
        ("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", "embedding", 2),
        ("encoder.block.1.layer.1.DenseReluDense.wo.weight", "other", 1),
        ("encoder.final_layer_norm.weight", "norm", 0),
        ("decoder.block.0.layer.2.DenseReluDense.wo.weight", "other", 3),
        ("decoder.block.2.layer.2.DenseReluDense.wo.weight", "other", 1),
        ("lm_head.weight", "other", 0),
    ],
)
def test_each_stack_of_layers_counts_by_its_own_numbers(name: str, kind: Kind, above: int) -> None:
    """An encoder of 2 layers and a decoder of 3; what both share is below the deeper one."""
    stacks = [
        *(f"encoder.block.{i}.layer.0.SelfAttention.q.weight" for i in range(2)),
        *(f"decoder.block.{i}.layer.0.SelfAttention.q.weight" for i in range(3)),
    ]
    found = [*(parameter(n) for n in stacks), parameter(name, kind=kind)]

    assert above == places(found)[name].above


def test_a_model_without_numbered_layers_has_no_layer_decay() -> None:
    model = [*MODEL, parameter("layer1.0.weight"), parameter("features.0.weight")]
    with pytest.raises(LedgerError) as caught:
        decide(model, spec_of(layer_decay=0.9))

    assert str(caught.value) == (
        "layer_decay: the model must have numbered layers, as encoder.layer.0 is one; the number "
        "must follow layer, layers, block, blocks, resblocks, h or stages. Received: none in 7 "
        "parameters. Leave it out, or give the rates by lr_multipliers"
    )


def test_frozen_parameters_keep_their_row_and_lose_everything_else() -> None:
    spec = spec_of(
        weight_decay={"value": 0.1},
        lr_multipliers=[{"pattern": "*", "multiplier": 0.5}],
        freeze={"patterns": ["block.*"], "batch_stats": "keep"},
    )
    ledger = decide([*MODEL, parameter("held.weight", trainable=False)], spec)

    assert {r.parameter.name: (r.freeze_rule, r.frozen, r.trains) for r in ledger.rows} == {
        "block.LayerNorm.bias": ("pattern block.*", True, False),
        "block.LayerNorm.weight": ("pattern block.*", True, False),
        "block.dense.bias": ("pattern block.*", True, False),
        "block.dense.weight": ("pattern block.*", True, False),
        "held.weight": ("the model", False, False),
        "word.weight": ("default", False, True),
    }
    assert ledger.decay() == {"word.weight": 0.1}
    assert ledger.lr_multiplier() == {"word.weight": 0.5}
    assert ledger.batch_stats == "keep"


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            {"lr_multipliers": [{"pattern": "head.*", "multiplier": 2.0}]},
            "lr_multipliers[0].pattern: pattern 'head.*' matches none of the model's 5 "
            "parameters. Correct it, or leave it out.",
        ),
        (
            {"freeze": {"patterns": ["word.*", "Block.*"]}},
            "freeze.patterns: pattern 'Block.*' matches none of the model's 5 parameters. "
            "Near: 'block.LayerNorm.bias'. Correct it, or leave it out.",
        ),
        (
            {"freeze": {"patterns": ["*"]}},
            "the model must have a parameter that trains; leave a pattern out. Received: none "
            "of 5, 5 of them frozen by freeze.patterns",
        ),
    ],
)
def test_a_rule_that_names_nothing_or_leaves_nothing_is_an_error(
    rules: dict[str, Any], message: str
) -> None:
    with pytest.raises(LedgerError) as caught:
        decide(MODEL, spec_of(**rules))

    assert message == str(caught.value)


TIED = [
    parameter("wte.weight", (9, 4), "embedding", aliases=("lm_head.weight", "out.weight")),
    parameter("h.0.mlp.weight"),
    parameter("h.1.mlp.weight"),
]


@pytest.mark.parametrize("name", ["wte.*", "lm_head.*", "out.weight"])
def test_a_rule_fits_a_tied_weight_by_any_of_its_names(name: str) -> None:
    spec = spec_of(
        weight_decay={"value": 0.1, "exclude_patterns": [name]},
        lr_multipliers=[{"pattern": name, "multiplier": 0.5}],
        freeze={"patterns": [name]},
    )
    row = {r.parameter.name: r for r in decide(TIED, spec).rows}["wte.weight"]

    assert (row.frozen, row.freeze_rule) == (True, f"pattern {name}")
    assert (row.decay, row.rule) == (0.0, f"pattern {name}")
    assert (row.lr_multiplier, row.lr_rule) == (0.5, f"pattern {name}")


def test_a_substring_fits_a_tied_weight_by_any_of_its_names() -> None:
    ledger = decaying(TIED, WeightDecay(value=0.1, exclude_substrings=("lm_",)))

    assert outcome(ledger)["wte.weight"] == ("substring lm_", 0.0)


def test_a_name_that_is_nearly_an_alias_is_hinted_at() -> None:
    with pytest.raises(LedgerError, match=r"Near: 'lm_head\.weight'"):
        decide(TIED, spec_of(freeze={"patterns": ["lm_haed.weight"]}))


def test_what_may_be_a_norms_is_spared_and_said_to_be() -> None:
    """A vector that a norm or a layer scale may have: the safe side, and in the open."""
    model = [
        parameter("block.gamma", (4,), "unknown"),
        parameter("block.scale.gamma", (4,)),
        parameter("norm.weight", (4,), "norm"),
    ]
    spec = WeightDecay(value=0.1, exclude=("norm",))

    assert outcome(decaying(model, spec)) == {
        "block.gamma": ("role norm (assumed)", 0.0),
        "block.scale.gamma": ("default", 0.1),
        "norm.weight": ("role norm", 0.0),
    }
    by_shape = WeightDecay(value=0.1, exclude=("one_dimensional",))
    assert outcome(decaying(model, by_shape))["block.gamma"] == ("role one_dimensional", 0.0)
