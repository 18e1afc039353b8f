"""Which tensors decay: by role the same ones in transformers and paddlenlp."""

from __future__ import annotations

from functools import cache
from typing import Any

import paddle
import pytest
import torch

from dualtrain.errors import LedgerError
from dualtrain.ledger import Parameter, decide
from dualtrain.spec import Role, WeightDecay
from dualtrain.tasks.encoders._words import Family
from tests.builders import spec_of
from tests.pairs import FAMILIES, PADDLE, SIDES, TORCH, Side, make_config

NAIVE = ("bias", "norm")
"""`any(nd in n for nd in ["bias", "norm"])`, as Paddle recipes write it."""

NORMS = 25
"""Norms of a base-size encoder: one for the embeddings, two in each of 12 layers."""


@cache
def base(side: Side, family: Family) -> list[Parameter]:
    """The parameters of a classifier of base depth; the width does not matter here."""
    model = side.models.build_model(make_config(family, layers=12, hidden_size=8, heads=2))
    found: list[Parameter] = side.parameters(model)
    return found


def decaying(parameters: list[Parameter], spec: WeightDecay) -> set[str]:
    """Canonical names of what decays under a spec."""
    return {
        name
        for name, decay in decide(parameters, spec_of(weight_decay=spec)).decay().items()
        if decay > 0.0
    }


def naive(parameters: list[Parameter], names: list[str]) -> set[str]:
    """Canonical names of what decays when the recipe's filter is run on these names."""
    pairs = zip(parameters, names, strict=True)
    return {p.name for p, name in pairs if not any(nd in name for nd in NAIVE)}


def kinds(layer: Any) -> set[str]:
    """What a layer's parameters are found to be held by."""
    side = TORCH if isinstance(layer, torch.nn.Module) else PADDLE
    return {parameter.kind for parameter in side.parameters(layer)}


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.LayerNorm(4),
        torch.nn.RMSNorm(4),
        torch.nn.BatchNorm1d(4),
        torch.nn.BatchNorm2d(4),
        torch.nn.BatchNorm3d(4),
        torch.nn.SyncBatchNorm(4),
        torch.nn.GroupNorm(2, 4),
        torch.nn.InstanceNorm2d(4, affine=True),
        paddle.nn.LayerNorm(4),
        paddle.nn.BatchNorm(4),
        paddle.nn.BatchNorm1D(4),
        paddle.nn.BatchNorm2D(4),
        paddle.nn.BatchNorm3D(4),
        paddle.nn.SyncBatchNorm(4),
        paddle.nn.GroupNorm(2, 4),
        paddle.nn.InstanceNorm2D(4),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_every_norm_of_the_frameworks_is_one(layer: Any) -> None:
    assert kinds(layer) == {"norm"}


@pytest.mark.parametrize("layer", [torch.nn.Embedding(4, 2), paddle.nn.Embedding(4, 2)])
def test_the_frameworks_embeddings_are(layer: Any) -> None:
    assert kinds(layer) == {"embedding"}


@pytest.mark.parametrize("family", FAMILIES)
def test_by_role_77_of_201_tensors_decay_in_both(family: Family) -> None:
    spec = WeightDecay(value=0.01, exclude=("bias", "norm"))
    expected, actual = (decaying(base(side, family), spec) for side in SIDES)

    assert expected == actual
    assert (len(expected), len(base(TORCH, family))) == (77, 201)
    assert not any(name.endswith("bias") or "LayerNorm" in name for name in expected)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("exclude", "count"),
    [
        (("norm",), 201 - 2 * NORMS),
        (("bias",), 77 + NORMS),
        (("one_dimensional",), 77),
        (("embedding",), 201 - 3),
        (("embedding", "one_dimensional"), 77 - 3),
    ],
)
def test_each_role_selects_the_same_tensors_in_both(
    family: Family, exclude: tuple[Role, ...], count: int
) -> None:
    spec = WeightDecay(value=0.01, exclude=exclude)
    expected, actual = (decaying(base(side, family), spec) for side in SIDES)

    assert expected == actual
    assert count == len(expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pattern_selects_the_same_tensors_in_both(family: Family) -> None:
    """Patterns are about canonical names, so paddlenlp's `norm1` goes by `LayerNorm` as well."""
    spec = WeightDecay(value=0.01, exclude_patterns=("*.LayerNorm.*", "*.bias"))
    expected, actual = (decaying(base(side, family), spec) for side in SIDES)

    assert expected == actual
    assert len(expected) == 77


@pytest.mark.parametrize("family", FAMILIES)
def test_the_naive_filter_on_transformers_names_decays_every_norm_weight(family: Family) -> None:
    """'norm' is not in 'LayerNorm.weight'."""
    parameters = base(TORCH, family)
    right = decaying(parameters, WeightDecay(value=0.01, exclude=("bias", "norm")))
    found = naive(parameters, [p.structured for p in parameters])

    assert {p.name for p in parameters if p.name.endswith("LayerNorm.weight")} == found - right
    assert (len(found), len(found - right)) == (102, NORMS)
    assert right <= found


@pytest.mark.parametrize("family", FAMILIES)
def test_the_naive_filter_is_right_on_paddlenlp_s_structured_names(family: Family) -> None:
    parameters = base(PADDLE, family)
    right = decaying(parameters, WeightDecay(value=0.01, exclude=("bias", "norm")))

    assert right == naive(parameters, [p.structured for p in parameters])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_naive_filter_on_paddle_s_own_names_decays_the_linear_biases(family: Family) -> None:
    """They are called linear_0.b_0; `apply_decay_param_fun` is asked about these names."""
    parameters = base(PADDLE, family)
    right = decaying(parameters, WeightDecay(value=0.01, exclude=("bias", "norm")))
    found = naive(parameters, [p.native for p in parameters])

    assert (len(found), len(found - right)) == (151, 74)
    assert all(name.endswith("bias") for name in found - right)


def test_the_naive_filter_as_a_spec_is_refused_on_transformers_names() -> None:
    with pytest.raises(LedgerError) as caught:
        decaying(base(TORCH, "bert"), WeightDecay(value=0.01, exclude_substrings=NAIVE))

    assert str(caught.value) == (
        "weight_decay.exclude_substrings: substring 'norm' matches none of the model's 201 "
        "parameters. Near: 'bert.embeddings.LayerNorm.bias'. Write exclude: [bias, norm] instead, "
        "which finds both in either framework by what they are, whatever they are called."
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_substrings_that_fit_their_framework_select_the_same_tensors(family: Family) -> None:
    by_framework = zip(SIDES, (("bias", "LayerNorm"), NAIVE), strict=True)
    expected, actual = (
        decaying(base(side, family), WeightDecay(value=0.01, exclude_substrings=substrings))
        for side, substrings in by_framework
    )

    assert expected == actual
    assert len(expected) == 77
