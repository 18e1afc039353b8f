"""Layer-wise decay on transformers' own models: each parameter's exponent from the published rule.

MAE, BEiT, timm and paddlenlp agree on what is below (L + 1), on layer i of L (L - i) and on the
head (0); the functions say where each of these models keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import transformers

from dualtrain.errors import LedgerError
from dualtrain.ledger import decide
from tests.builders import spec_of
from tests.pairs import TORCH

TINY: dict[str, Any] = {
    "hidden_size": 8,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 8,
}
IMAGE: dict[str, Any] = {"image_size": 8, "patch_size": 4}
SPEECH: dict[str, Any] = {
    "conv_dim": [8, 8],
    "conv_kernel": [3, 3],
    "conv_stride": [2, 2],
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
}


def exponents(model: Any, rate: Any = 0.5) -> dict[str, int]:
    powers = {0.5**n: n for n in range(50)}
    rows = decide(TORCH.parameters(model), spec_of(layer_decay=rate)).rows
    return {row.parameter.name: powers[row.lr_multiplier] for row in rows}


def flat(below: str, layer: str, depth: int) -> Callable[[str], int]:
    """One stack: what matches `below` has L + 1, layer i L - i, all else 0."""

    def rule(name: str) -> int:
        inside = re.search(rf"{layer}\.(\d+)\.", name)
        if inside is not None:
            return depth - int(inside[1])
        return depth + 1 if re.search(below, name) else 0

    return rule


def staged(name: str) -> int:
    """Two stages of two blocks, counted one after the other."""
    if "embeddings" in name:
        return 5
    inside = re.search(r"encoder\.(?:layers|stages)\.(\d)\.(?:blocks|layers)\.(\d)", name)
    if inside is not None:
        return 4 - 2 * int(inside[1]) - int(inside[2])
    if ".downsampling_layer." in name:  # ConvNeXt's: the second stage begins with it
        return 2
    return 3 if ".downsample." in name else 0  # Swin's: the first stage ends with it


def t5(name: str) -> int:
    """Each side by its own numbers; the one table both read is below the deeper one."""
    if name == "shared.weight":
        return 4
    inside = re.match(r"(encoder|decoder)\.block\.(\d)\.", name)
    return 0 if inside is None else {"encoder": 2, "decoder": 3}[inside[1]] - int(inside[2])


MODELS: dict[str, tuple[Callable[[], Any], Callable[[str], int]]] = {
    "ViT": (
        lambda: transformers.ViTForImageClassification(transformers.ViTConfig(**TINY, **IMAGE)),
        flat("embeddings", r"encoder\.layer", 3),
    ),
    "BEiT": (
        lambda: transformers.BeitForImageClassification(
            transformers.BeitConfig(
                **TINY,
                **IMAGE,
                use_shared_relative_position_bias=True,
                use_relative_position_bias=True,
                use_mask_token=True,
            )
        ),
        flat(r"embeddings|encoder\.relative_position_bias", r"encoder\.layer", 3),
    ),
    "Swin": (
        lambda: transformers.SwinForImageClassification(
            transformers.SwinConfig(
                image_size=16,
                patch_size=2,
                embed_dim=8,
                depths=[2, 2],
                num_heads=[2, 2],
                window_size=2,
            )
        ),
        staged,
    ),
    "ConvNeXt": (
        lambda: transformers.ConvNextForImageClassification(
            transformers.ConvNextConfig(hidden_sizes=[8, 8], depths=[2, 2], num_stages=2)
        ),
        staged,
    ),
    "ELECTRA": (
        lambda: transformers.ElectraForSequenceClassification(
            transformers.ElectraConfig(**TINY, embedding_size=4, vocab_size=30)
        ),
        flat(r"embeddings", r"encoder\.layer", 3),
    ),
    "GPT-2": (
        lambda: transformers.GPT2LMHeadModel(
            transformers.GPT2Config(n_embd=8, n_layer=3, n_head=2, vocab_size=30, n_positions=8)
        ),
        flat(r"\.w[tp]e\.", r"\.h", 3),
    ),
    "T5": (
        lambda: transformers.T5ForConditionalGeneration(
            transformers.T5Config(
                d_model=8, d_kv=4, d_ff=8, num_layers=2, num_decoder_layers=3, vocab_size=30
            )
        ),
        t5,
    ),
    "MPNet": (  # its position biases are registered after the layers that read them
        lambda: transformers.MPNetForSequenceClassification(
            transformers.MPNetConfig(**TINY, vocab_size=30)
        ),
        flat(r"embeddings|relative_attention_bias", r"encoder\.layer", 3),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_exponents_are_the_published_ones(name: str) -> None:
    build, rule = MODELS[name]
    found = exponents(build())

    assert found == {parameter: rule(parameter) for parameter in found}
    assert len(set(found.values())) > 3


def test_a_speech_model_asks_for_its_norm_and_nothing_else() -> None:
    """transformers registers it before the layers and, by a field, uses it before or after them."""
    model = transformers.Wav2Vec2ForSequenceClassification(
        transformers.Wav2Vec2Config(**TINY, **SPEECH)
    )
    with pytest.raises(LedgerError, match=r"Received: 'wav2vec2\.encoder\.layer_norm\.\*', of"):
        exponents(model)

    found = exponents(model, {"rate": 0.5, "below": ["*.encoder.layer_norm.*"]})
    below = r"masked_spec_embed|feature_|pos_conv_embed|encoder\.layer_norm"
    rule = flat(below, r"encoder\.layers", 3)
    assert found == {parameter: rule(parameter) for parameter in found}
