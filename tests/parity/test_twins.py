"""Twins as users write them: other names, nesting, fusions and layouts; the outputs must agree."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dualtrain_paddle
from benchmarks.mistakes.faults import misread
from dualtrain import copy_weights
from dualtrain.backend import backend_of
from dualtrain.errors import TwinsError
from dualtrain.testing import assert_decay_parity, assert_lockstep, assert_update_parity
from dualtrain.twins import propose, twins_of
from dualtrain_paddle._compat import native_models
from tests.builders import spec_of
from tests.twin_models import (
    HEADS,
    IMAGES,
    IN_PROJ,
    PAIRS,
    RANDOM,
    SIZE,
    TOKENS,
    HeadByHead,
    PaddleEncoder,
    PaddleViT,
    TorchEncoder,
    TorchViT,
    shaken,
)


def apart(source: Any, target: Any, twins: Any, *, check: Mapping[str, Any]) -> float:
    """Copy, and say how far the outputs are apart."""
    found = copy_weights(source, target, twins, check=check)
    assert found is not None
    return found


@pytest.mark.parametrize("way", [1, -1], ids=["forth", "back"])
@pytest.mark.parametrize("pair", PAIRS)
def test_the_proposed_map_carries_the_weights(pair: str, way: int) -> None:
    *makers, batch = PAIRS[pair]
    source, target = [shaken(make()) for make in makers][::way]
    proposal = propose(source, target)

    assert proposal.whole, proposal.text()
    assert apart(source, target, proposal.map, check=batch) < 1e-5


def gpt2_of_transformers() -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(vocab_size=20, n_positions=8, n_embd=16, n_layer=2, n_head=4))


def gpt2_of_paddlenlp() -> Any:
    """As it is by default: query, key and value apart."""
    library = native_models()
    config = library.GPTConfig(
        vocab_size=20,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=8,
    )
    return library.GPTLMHeadModel(config)


class ViTOfTransformers(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        from transformers import ViTConfig, ViTForImageClassification

        config = ViTConfig(
            hidden_size=SIZE,
            num_hidden_layers=2,
            num_attention_heads=HEADS,
            intermediate_size=64,
            image_size=8,
            patch_size=4,
            num_labels=3,
            layer_norm_eps=1e-5,
        )
        self.vit = ViTForImageClassification(config)

    def forward(self, x: Any) -> Any:
        return self.vit(pixel_values=x)


@pytest.mark.parametrize(
    ("make", "make_other", "batch"),
    [
        (gpt2_of_transformers, gpt2_of_paddlenlp, TOKENS),
        (gpt2_of_paddlenlp, gpt2_of_transformers, TOKENS),
        (ViTOfTransformers, PaddleViT, IMAGES),
        (ViTOfTransformers, TorchViT, IMAGES),
    ],
)
def test_models_of_the_libraries(
    make: Callable[[], Any], make_other: Callable[[], Any], batch: Mapping[str, Any]
) -> None:
    """One that holds matrices (in, out) and fused, one apart; against a ViT written by hand."""
    source, target = shaken(make()), make_other()
    proposal = propose(source, target)

    assert proposal.whole
    assert apart(source, target, proposal.map, check=batch) < 2e-5


# --- a map by hand


def test_a_map_of_ones_own_serves_both_ways(tmp_path: Path) -> None:
    """In Python and as a file; what it does not name goes by equal names."""
    a, b = shaken(TorchEncoder()), shaken(PaddleEncoder())
    lines = {**IN_PROJ, "layers.**": "encoder.**", "emb.*": "word.*", "head.*": "classifier.*"}
    file = tmp_path / "map.json"
    file.write_text(json.dumps(lines))
    forth = apart(a, b, lines, check=TOKENS)
    back = apart(shaken(b), shaken(a), file, check=TOKENS)

    assert max(forth, back) < 1e-5


def test_heads_one_after_the_other() -> None:
    """What no shape tells: the rows of Megatron's `qkv`, the pixels of einops' patches."""
    a, b = shaken(HeadByHead()), shaken(PaddleViT(channels_last=True))
    proposal = propose(a, b)
    with pytest.raises(TwinsError, match=r"must give the same .* Received: outputs 0\.\d+ apart"):
        copy_weights(a, b, proposal.map, check=IMAGES)
    told = {entry.left: entry.doubt for entry in proposal.entries}
    qkv, patch, lines = "blocks.*.attn.qkv.*", "patch_embed.weight", proposal.map
    lines[f"{patch}.permute(0, 2, 3, 1)"] = lines.pop(patch)
    lines[f"{qkv}.heads({HEADS})"] = lines.pop(qkv)

    assert told[qkv].endswith("where head by head, .heads(n)")
    assert told[patch].endswith(f"else {patch}.permute(0, 2, 3, 1)")
    for source, target in ((a, b), (b, a)):
        assert apart(shaken(source), shaken(target), lines, check=IMAGES) < 1e-5


def test_what_is_tied_in_one_model_alone_has_no_twin() -> None:
    class Head(torch.nn.Module):
        def __init__(self, tied: bool) -> None:
            super().__init__()
            self.table = torch.nn.Embedding(10, 6)
            self.head = torch.nn.Linear(6, 10, bias=False)
            if tied:
                self.head.weight = self.table.weight

    with pytest.raises(
        TwinsError,
        match=r"without a twin 1 of .*: head.weight \(10, 6\), there tied to table.weight$",
    ):
        copy_weights(Head(True), Head(False))
    assert twins_of(Head(True), Head(True)).shapes_apart == {"table.weight": (10, 6)}


def test_a_tied_matrix_goes_by_any_of_its_names() -> None:
    class Named(torch.nn.Module):
        def __init__(self, first: str, second: str) -> None:
            super().__init__()
            for name in (first, second):
                setattr(self, name, torch.nn.Linear(6, 6, bias=False))
            getattr(self, second).weight = getattr(self, first).weight

    source: Any = Named("a", "b")
    target: Any = Named("b", "c")
    copy_weights(source, target)

    np.testing.assert_array_equal(target.c.weight.detach(), source.a.weight.detach())


def test_float64_stays_float64() -> None:
    source, target = (torch.nn.Linear(3, 2).double() for _ in range(2))
    copy_weights(source, target)

    np.testing.assert_array_equal(target.weight.detach(), source.weight.detach(), strict=True)


def test_models_that_are_no_twins_are_left_as_they_are() -> None:
    """A short list in place of a line for each of 62 names."""
    source, target = TorchEncoder(), PaddleEncoder()
    before = backend_of(target).dump_weights(target)
    with pytest.raises(TwinsError) as caught:
        copy_weights(source, target)

    after = backend_of(target).dump_weights(target)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert str(caught.value) == (
        "every tensor of one model must have its twin in the other, by its name and shape or by a "
        "map, twins=, which `dualtrain twins` proposes. Received: 0 tensors that pair; without a "
        "twin 27 of torch's TorchEncoder: emb.weight (20, 16), layers.0.self_attn.in_proj_weight "
        "(48, 16), layers.0.self_attn.in_proj_bias (48,), and 24 more; without a twin 35 of "
        "paddle's PaddleEncoder: word.weight (20, 16), encoder.0.self_attn.q_proj.weight (16, 16), "
        "encoder.0.self_attn.q_proj.bias (16,), and 32 more"
    )


# --- trained


SPEC = spec_of(
    optimizer={"name": "adamw", "lr": 1e-3},
    schedule={"name": "linear"},
    weight_decay={"value": 0.1, "exclude": ["bias"]},
    clip={"global_norm": 0.5},
    duration={"epochs": 3},
)


def labelled(batch: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = len(next(iter(batch.values())))
    return [{**batch, "labels": RANDOM.integers(0, 2, rows)} for _ in range(4)]


@pytest.mark.parametrize("pair", PAIRS)
def test_twins_train_alike(pair: str) -> None:
    """With running statistics; of what is fused, query, key and value each by itself."""
    *makers, batch = PAIRS[pair]
    a, b = (make() for make in makers)
    twins = propose(a, b).map
    comparison = assert_update_parity(SPEC, [a, b], labelled(batch), twins=twins)

    assert_decay_parity(SPEC, [a, b], twins=twins)
    weights = comparison.weights
    assert weights is not None
    compared = {tensor.name for tensor in (*weights.tensors, *weights.statistics)}
    assert compared == twins_of(a, b, twins).shapes_apart.keys()


@pytest.mark.parametrize("pair", ["vision", "convolutions"])
def test_twins_keep_step(pair: str) -> None:
    """Gradients part by part, and each side's rule on its own tensors, moments too."""
    *makers, batch = PAIRS[pair]
    a, b = (make() for make in makers)
    lockstep = assert_lockstep(SPEC, [a, b], labelled(batch), every=5, twins=propose(a, b).map)

    assert [update.attempt for update in lockstep.updates] == [0, 5, 10, 11]
    assert {r.half for update in lockstep.updates for r in update.readings} == {"gradients", "rule"}


def test_twins_keep_step_from_the_side_that_holds_them_apart() -> None:
    a, b = PaddleEncoder(), TorchEncoder()
    assert_lockstep(SPEC, [a, b], labelled(TOKENS), every=12, twins=propose(a, b).map)


def test_a_part_that_trains_otherwise_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch holds the key's matrix in `qkv`; Paddle's alone does not decay."""
    key = "transformer.1.to_k.weight"
    misread(
        monkeypatch,
        dualtrain_paddle,
        lambda row, _: replace(row, decay=0.0) if row.parameter.name == key else row,
    )
    a, b = TorchViT(), PaddleViT()
    with pytest.raises(
        AssertionError, match=rf"half 'rule'.*{key}, paddle: decay is.*weight_decay"
    ):
        assert_lockstep(SPEC, [a, b], labelled(IMAGES), every=12, twins=propose(a, b).map)


def test_norms_of_whole_tensors_are_not_those_of_their_parts() -> None:
    a, b = TorchViT(), PaddleViT()
    spec = spec_of(clip={"norm": 1.0}, duration={"epochs": 1})
    with pytest.raises(TwinsError, match=r"^clip.norm: a rule that takes the norm of each tensor"):
        assert_lockstep(spec, [a, b], labelled(IMAGES), twins=propose(a, b).map)
