"""What holds a parameter: by the framework's class, by attribute, by shapes, by trial."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualtrain.ledger import Kind, NativeLayers, Owner, kind_of, normalises, undisturbed

Shape = tuple[int, ...]


def owner(
    name: str = "Own",
    *,
    native: Kind | None = None,
    is_leaf: bool = True,
    trial: bool | None = None,
    **own: Shape,
) -> Owner:
    return Owner(names=(name,), native=native, own=own, is_leaf=is_leaf, normalises=lambda: trial)


@pytest.mark.parametrize(
    ("attribute", "holder", "kind"),
    [
        # The framework's own class decides, whatever the user's is called.
        ("weight", owner("NormedLinear", native="other", weight=(3, 4)), "other"),
        ("weight", owner("Plain", native="norm", weight=(4,)), "norm"),
        ("weight", owner("Plain", native="norm", weight=(4, 5)), "norm"),
        ("weight", owner("Normed", native="embedding", weight=(9, 4)), "embedding"),
        ("in_proj_bias", owner("MultiheadAttention", native="other", in_proj_bias=(12,)), "other"),
        ("weight", owner("PReLU", native="other", weight=(4,)), "other"),
        # Paddle's fused layers hold a norm's vectors beside matrices.
        ("ln_scale", owner("FusedFeedForward", native="other", ln_scale=(4,)), "norm"),
        ("pre_ln_bias", owner("FusedFeedForward", native="other", pre_ln_bias=(4,)), "norm"),
        ("linear_bias", owner("FusedFeedForward", native="other", linear_bias=(4,)), "other"),
        (
            "layer_norm_weight",
            owner("LayerNormLinear", is_leaf=False, layer_norm_weight=(4,)),
            "norm",
        ),
        # The user's own norms.
        ("weight", owner("LlamaRMSNorm", weight=(4,)), "norm"),
        ("gamma", owner("LayerNorm2d", gamma=(4, 1, 1), beta=(4, 1, 1)), "norm"),
        ("weight", owner("OwnLayerNorm", weight=(4, 5), bias=(4, 5)), "norm"),
        ("g", owner("ScaleNorm", g=(1,)), "norm"),
        ("gamma", owner("RMS", trial=True, gamma=(4,)), "norm"),
        ("weight", owner("Normalization", weight=(4,)), "norm"),
        # No norms, in spite of their names.
        ("weight", owner("NormHead", weight=(9, 4)), "other"),
        ("weight", owner("NormedLinear", weight=(3, 4), bias=(3,)), "other"),
        ("bias", owner("NormedLinear", weight=(3, 4), bias=(3,)), "other"),
        ("loc", owner("NormalPrior", trial=False, loc=(4,), scale=(4,)), "other"),
        # What a layer scale, a gate or a query does tells it from a norm.
        ("gamma", owner("LayerScale", trial=False, gamma=(4,)), "other"),
        ("gamma", owner("LayerScale", trial=None, gamma=(4,)), "unknown"),
        ("scale", owner("Gate", trial=None, scale=(1,)), "other"),
        # Beside other layers nobody can tell; a scalar is no norm's.
        ("gamma", owner("Block", is_leaf=False, gamma=(4,)), "unknown"),
        ("gamma_1", owner("Block", is_leaf=False, gamma_1=(4,)), "unknown"),
        ("weight", owner("Block", is_leaf=False, weight=(4,)), "unknown"),
        ("shift", owner("NormBlock", is_leaf=False, shift=(4,)), "unknown"),
        (
            "layer_scale_parameter",
            owner("Block", is_leaf=False, layer_scale_parameter=(4,)),
            "other",
        ),
        ("lambda_1", owner("Block", is_leaf=False, lambda_1=(4,)), "other"),
        ("q_bias", owner("Attention", is_leaf=False, q_bias=(4,)), "other"),
        ("logit_scale", owner("CLIP", is_leaf=False, logit_scale=()), "other"),
        ("temperature", owner("XCA", is_leaf=False, temperature=(4, 1, 1)), "other"),
        # Embeddings: bare ones too.
        ("cls_token", owner("ViTEmbeddings", is_leaf=False, cls_token=(1, 1, 4)), "embedding"),
        ("reg_token", owner("Vit", is_leaf=False, reg_token=(1, 4, 4)), "embedding"),
        ("cls_token2", owner("CoaT", is_leaf=False, cls_token2=(1, 1, 4)), "embedding"),
        ("pos_embed", owner("Vit", is_leaf=False, pos_embed=(1, 5, 4)), "embedding"),
        (
            "relative_position_bias_table",
            owner("Attention", is_leaf=False, relative_position_bias_table=(9, 2)),
            "embedding",
        ),
        ("weight", owner("TokenEmbedding", weight=(9, 4)), "embedding"),
        ("weight", owner("Embedding", is_leaf=False, weight=(9, 4)), "other"),
        ("weight", owner("EmbeddingProjector", weight=(9, 4)), "other"),
        ("attention_biases", owner("Attention", is_leaf=False, attention_biases=(2, 9)), "other"),
    ],
)
def test_kind(attribute: str, holder: Owner, kind: Kind) -> None:
    assert kind == kind_of(attribute, holder)


class Module:
    pass


class Container(Module):
    pass


class LayerNorm(Module):
    pass


class Linear(Module):
    pass


class LazyNorm(LayerNorm):
    pass


class Embedding(Module):
    pass


class Table(Embedding):
    pass


for _native in (Module, Container, LayerNorm, Linear, LazyNorm, Embedding):
    _native.__module__ = "frame.nn.layers"


class NormedLinear(Linear):
    pass


class Mine(LayerNorm):
    pass


class NormAlone(Module):
    pass


NATIVE = NativeLayers(
    packages=("frame.nn.",),
    plain=("frame.nn.layers.Module", "frame.nn.layers.Container"),
    norms=frozenset({"frame.nn.layers.LayerNorm"}),
    embeddings=frozenset({"frame.nn.layers.Embedding"}),
)


@pytest.mark.parametrize(
    ("cls", "kind"),
    [
        (LayerNorm, "norm"),
        (LazyNorm, "norm"),
        (Mine, "norm"),
        (Linear, "other"),
        (NormedLinear, "other"),
        (Embedding, "embedding"),
        (Table, "embedding"),
        (Module, None),
        (Container, None),
        (NormAlone, None),
    ],
)
def test_the_nearest_class_of_the_framework_decides(cls: type, kind: Kind | None) -> None:
    assert kind == NATIVE.kind(cls)


Array = NDArray[np.float32]
Function = Callable[[Array], Any]
C = 6
GAIN = np.linspace(1.0, 1.5, C, dtype=np.float32)


def layer_norm(x: Array) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * GAIN + 1


def rms_norm(x: Array) -> Any:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * (1 + GAIN)


def channels_first(x: Array) -> Any:
    centred = x - x.mean(1, keepdims=True)
    gain = GAIN[:, None, None]
    return centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-6) * gain


def unit_length(x: Array) -> Any:
    return x / np.linalg.norm(x, axis=-1, keepdims=True) * 3


def batch_norm(x: Array) -> Any:
    if x.ndim != 2:
        raise ValueError
    return (x - x.mean(0)) / x.std(0) * GAIN


def dynamic_tanh(x: Array) -> Any:
    return np.tanh(1.3 * x) * GAIN


@pytest.mark.parametrize(
    ("function", "verdict"),
    [
        (layer_norm, True),
        (rms_norm, True),
        (channels_first, True),
        (unit_length, True),
        (batch_norm, True),
        (lambda x: x * GAIN, False),
        (lambda x: x + GAIN, False),
        (lambda x: x, False),
        (lambda x: np.maximum(x, GAIN * x), False),
        (dynamic_tanh, False),
        (lambda x: np.zeros_like(x), False),
        (lambda x: np.broadcast_to(GAIN, x.shape), False),
        (lambda x: GAIN, False),
        (lambda x: np.full_like(x, np.nan), False),
        (lambda x: x.nothing, None),
    ],
)
def test_a_norms_output_does_not_grow_with_its_input(
    function: Function, verdict: bool | None
) -> None:
    assert verdict is normalises(lambda x, training: function(x), C)


def test_a_batch_norm_is_one_in_training_alone() -> None:
    """In evaluation it is a scale and a shift."""
    assert normalises(lambda x, training: batch_norm(x) if training else x * GAIN, C) is True


def test_what_draws_random_numbers_disturbs_no_generator() -> None:
    def draws(x: Array, training: bool) -> Any:
        return x * (np.random.rand() + random.random())

    random.seed(3)
    np.random.seed(3)
    expected = random.random(), np.random.rand()
    random.seed(3)
    np.random.seed(3)
    with undisturbed():
        assert normalises(draws, C) is False

    assert expected == (random.random(), np.random.rand())
