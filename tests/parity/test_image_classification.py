"""Image classification in both frameworks: the models are one function, they agree, faults show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain.parity import Comparison, compare_files
from dualtrain.spec import Spec
from dualtrain.tasks.image_classification import VitConfig
from dualtrain.training import predict, train
from tests.conformance.test_image_classification import CNN, CONFIGS, VIT, spec_of, write_images
from tests.pairs import PADDLE, SIDES, TORCH

pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(tmp_path)
    return tmp_path


def side(folder: Path, backend: str, spec: Spec) -> Path:
    trace = folder / f"{backend}.trace.jsonl"
    train(spec, backend, trace=trace, output=folder / backend)
    return trace


def first(comparison: Comparison) -> str | None:
    return None if comparison.first is None else comparison.first.stage


def weights_of(family: str) -> dict[str, Any]:
    draw = np.random.default_rng(1)
    models = [s.models.build_model(CONFIGS[family]) for s in SIDES]
    shapes = TORCH.weights.dump_weights(models[0])
    weights = {n: draw.uniform(0.1, 0.6, a.shape).astype(np.float32) for n, a in shapes.items()}
    for one, model in zip(SIDES, models, strict=True):
        one.weights.load_weights(model, weights)
    return {"models": models, "weights": weights}


@pytest.mark.parametrize("family", CONFIGS)
def test_the_model_is_the_same_in_both(family: str) -> None:
    """Logits of images whose weights and running statistics are all drawn."""
    images = np.random.default_rng(0).normal(size=(5, 3, 4, 6)).astype(np.float32)
    models = weights_of(family)["models"]
    expected = TORCH.run(models[0], {"images": images})
    assert expected.shape == (5, 7)
    np.testing.assert_allclose(
        PADDLE.run(models[1], {"images": images}), expected, rtol=1e-5, atol=1e-5
    )


NAMES = {"linear1.": "wide.", "linear2.": "narrow.", "norm1.": "norm1.", "norm2.": "norm2."}


def block_of(side: Any, dropout: float) -> tuple[Any, VitConfig]:
    """A block with weights that are drawn, the same in both frameworks."""
    config = CONFIGS["vit"]
    assert isinstance(config, VitConfig)
    config = replace(config, dropout=dropout)
    model = side.models.build_model(config)
    side.weights.load_weights(model, weights_of("vit")["weights"])
    return model.blocks[0], config


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_a_block_is_torchs_own_encoder_layer(dropout: float) -> None:
    """Of a vision transformer: norms first, GELU, dropout; in training, from one random state.

    One image: of several torch's own draws in another order, that of tokens first.
    """
    block, config = block_of(TORCH, dropout)
    native = torch.nn.TransformerEncoderLayer(
        config.hidden_size,
        config.heads,
        config.intermediate_size,
        dropout=dropout,
        activation="gelu",
        layer_norm_eps=1e-6,
        batch_first=True,
        norm_first=True,
    )
    names = {**NAMES, "self_attn.in_proj_": "qkv.", "self_attn.out_proj.": "projection."}
    own = block.state_dict()
    native.load_state_dict(
        {
            f"{theirs}{kind}": own[f"{ours}{kind}"]
            for theirs, ours in names.items()
            for kind in ("weight", "bias")
        }
    )
    tokens = torch.randn(1, 5, config.hidden_size, generator=torch.Generator().manual_seed(0))
    found = []
    for layer in (block, native):
        torch.manual_seed(3)
        found.append(layer.train()(tokens))
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_a_block_is_paddles_own_encoder_layer(dropout: float) -> None:
    block, config = block_of(PADDLE, dropout)
    native = paddle.nn.TransformerEncoderLayer(
        config.hidden_size,
        config.heads,
        config.intermediate_size,
        dropout=dropout,
        activation="gelu",
        normalize_before=True,
        layer_norm_eps=1e-6,
    )
    own = {name: tensor.numpy() for name, tensor in block.state_dict().items()}
    theirs = {f"{t}{k}": own[f"{o}{k}"] for t, o in NAMES.items() for k in ("weight", "bias")}
    for kind in ("weight", "bias"):
        theirs[f"self_attn.out_proj.{kind}"] = own[f"projection.{kind}"]
        for name, part in zip("qkv", np.split(own[f"qkv.{kind}"], 3, axis=-1), strict=True):
            theirs[f"self_attn.{name}_proj.{kind}"] = part
    assert native.set_state_dict(theirs) == ([], [])
    tokens = np.random.default_rng(0).normal(size=(3, 5, config.hidden_size)).astype(np.float32)
    found = []
    for layer in (block, native):
        paddle.seed(3)
        layer.train()
        found.append(layer(paddle.to_tensor(tokens)).numpy())
    ours, its = found
    np.testing.assert_allclose(ours, its, rtol=1e-5, atol=1e-5)


FRAMEWORKS = [(TORCH, torch, torch.manual_seed), (PADDLE, paddle, paddle.seed)]


@pytest.mark.parametrize(("side", "native", "seed"), FRAMEWORKS, ids=["torch", "paddle"])
def test_a_vit_drops_of_its_tokens_first(side: Any, native: Any, seed: Any) -> None:
    """What the first block is given, by the framework's own dropout."""
    model = side.models.build_model(replace(CONFIGS["vit"], dropout=0.5))
    side.weights.load_weights(model, weights_of("vit")["weights"])
    given: list[Any] = []
    model.blocks[0].register_forward_pre_hook(lambda block, inputs: given.append(inputs[0]))
    for mode in (model.eval, model.train):
        mode()
        seed(3)
        model(native.ones([4, 3, 4, 6]))
    seed(3)
    expected = native.nn.functional.dropout(given[0], 0.5)
    np.testing.assert_array_equal(given[1].detach().numpy(), expected.detach().numpy())


@pytest.mark.parametrize(("side", "native", "seed"), FRAMEWORKS, ids=["torch", "paddle"])
def test_what_a_cnn_drops_is_of_its_means(side: Any, native: Any, seed: Any) -> None:
    """In training, from one random state; each image's means by the framework's own dropout."""
    config = replace(CONFIGS["cnn"], dropout=0.5)
    model = side.models.build_model(config)
    side.weights.load_weights(model, weights_of("cnn")["weights"])
    images = native.ones([4, 3, 4, 6])
    seed(3)
    found = model(images)
    for stage in model.stages:
        images = stage(images)
    seed(3)
    means = native.nn.functional.dropout(images.mean([2, 3]), 0.5)
    np.testing.assert_allclose(
        found.detach().numpy(), model.head(means).detach().numpy(), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("model", [CNN, VIT])
@pytest.mark.parametrize("rule", ["paddle", "torch"])
def test_both_sides_agree(folder: Path, model: Any, rule: str) -> None:
    """Updates, running statistics and scores; predictions of one's weights by the other."""
    spec = spec_of(folder, model).model_copy(update={"batch_norm": rule})
    comparison = compare_files(*(side(folder, name, spec) for name in ("torch", "paddle")))
    assert comparison.agrees, comparison.findings
    mine, other = (
        predict(folder / "torch", folder / "eval.npz", backend=b) for b in ("torch", "paddle")
    )
    assert [row["prediction"] for row in mine] == [row["prediction"] for row in other]
    np.testing.assert_allclose(
        [row["probability"] for row in mine], [row["probability"] for row in other], rtol=1e-4
    )


def test_another_activation_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = side(folder, "torch", spec_of(folder))
    monkeypatch.setattr("paddle.nn.functional.gelu", lambda x: x)
    assert first(compare_files(right, side(folder, "paddle", spec_of(folder)))) == "initial output"


def test_another_rule_of_running_statistics_is_found(folder: Path) -> None:
    spec = spec_of(folder)
    right = side(folder, "torch", spec)
    other = side(folder, "paddle", spec.model_copy(update={"batch_norm": "torch"}))
    found = compare_files(right, other)
    assert not found.agrees
