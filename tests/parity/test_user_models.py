"""Models that users bring: any module whose forward takes the batch's tensors by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain import build_optimizer
from dualtrain.errors import BackendError, CheckpointError, LedgerError
from tests.builders import spec_of
from tests.pairs import PADDLE, SIDES, TORCH, Side, make_config


class TorchRMSNorm(torch.nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(size))

    def forward(self, x: Any) -> Any:
        return x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * self.weight


class TorchModel(torch.nn.Module):
    """All that the walk through a model must tell apart; `output` is tied to `table`."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(10, 6)
        self.conv = torch.nn.Conv1d(6, 6, 1)
        self.batch_norm = torch.nn.BatchNorm1d(6)
        self.dense = torch.nn.Linear(6, 6)
        self.rms = TorchRMSNorm(6)
        self.group = torch.nn.GroupNorm(2, 6)
        self.output = torch.nn.Linear(6, 10, bias=False)
        self.output.weight = self.table.weight
        self.dense.bias.requires_grad_(False)

    def forward(self, input_ids: Any) -> Any:
        x = self.batch_norm(self.conv(self.table(input_ids).transpose(1, 2)))
        x = self.group(self.rms(self.dense(x.mean(2))))
        return self.output(x)


class PaddleRMSNorm(paddle.nn.Layer):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = self.create_parameter([size])

    def forward(self, x: Any) -> Any:
        return x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * self.weight


class TiedOutput(paddle.nn.Layer):
    def __init__(self, weight: Any) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: Any) -> Any:
        return paddle.matmul(x, self.weight, transpose_y=True)


class PaddleModel(paddle.nn.Layer):
    """The same in Paddle."""

    def __init__(self) -> None:
        super().__init__()
        self.table = paddle.nn.Embedding(10, 6)
        self.conv = paddle.nn.Conv1D(6, 6, 1)
        self.batch_norm = paddle.nn.BatchNorm1D(6)
        self.dense = paddle.nn.Linear(6, 6)
        self.rms = PaddleRMSNorm(6)
        self.group = paddle.nn.GroupNorm(2, 6)
        self.output = TiedOutput(self.table.weight)
        self.dense.bias.stop_gradient = True

    def forward(self, input_ids: Any) -> Any:
        x = self.batch_norm(self.conv(self.table(input_ids).transpose([0, 2, 1])))
        x = self.group(self.rms(self.dense(x.mean(2))))
        return self.output(x)


MODELS = list(zip(SIDES, (TorchModel, PaddleModel), strict=True))
sides_and_models = pytest.mark.parametrize(("side", "build"), MODELS, ids=["torch", "paddle"])

BATCH = {"input_ids": np.random.default_rng(0).integers(0, 10, (4, 5))}

LISTED = [
    ("table.weight", (10, 6), "embedding", True),
    ("conv.weight", (6, 6, 1), "other", True),
    ("conv.bias", (6,), "other", True),
    ("batch_norm.weight", (6,), "norm", True),
    ("batch_norm.bias", (6,), "norm", True),
    ("dense.weight", (6, 6), "other", True),
    ("dense.bias", (6,), "other", False),
    ("rms.weight", (6,), "norm", True),
    ("group.weight", (6,), "norm", True),
    ("group.bias", (6,), "norm", True),
]
"""Name, shape, kind and trainable: no running statistics, and the tied matrix once."""

STATISTICS = {"batch_norm.running_mean": (6,), "batch_norm.running_var": (6,)}


def some_weights() -> dict[str, Any]:
    random = np.random.default_rng(1)
    shapes = {name: shape for name, shape, _, _ in LISTED} | STATISTICS
    weights = {n: random.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
    weights["batch_norm.running_var"] = np.abs(weights["batch_norm.running_var"]) + np.float32(0.5)
    return weights


@sides_and_models
def test_parameters(side: Side, build: Callable[[], Any]) -> None:
    found = side.parameters(build())

    assert [(p.name, p.shape, p.kind, p.trainable) for p in found] == LISTED
    assert [p.name for p in found] == [p.structured for p in found]


def test_native_names_are_those_of_the_framework_s_optimizer() -> None:
    torch_model, paddle_model = TorchModel(), PaddleModel()

    assert [name for name, _ in torch_model.named_parameters()] == [
        p.native for p in TORCH.parameters(torch_model)
    ]
    assert [p.name for p in paddle_model.parameters() if "_mean" not in p.name][:3] == [
        p.native for p in PADDLE.parameters(paddle_model)
    ][:3]


def test_weights_and_running_statistics_travel() -> None:
    """Square matrices, a tied matrix, running statistics: the outputs agree."""
    torch_model, paddle_model = TorchModel(), PaddleModel()
    TORCH.weights.load_weights(torch_model, some_weights())
    dumped = TORCH.weights.dump_weights(torch_model)
    PADDLE.weights.load_weights(paddle_model, dumped)
    expected = TORCH.run(torch_model, BATCH)

    np.testing.assert_allclose(PADDLE.run(paddle_model, BATCH), expected, rtol=1e-5, atol=1e-5)
    changed = dumped | {"batch_norm.running_mean": dumped["batch_norm.running_mean"] + 1}
    PADDLE.weights.load_weights(paddle_model, changed)
    assert np.abs(PADDLE.run(paddle_model, BATCH) - expected).max() > 0.01


@sides_and_models
def test_dumped_weights_are_those_loaded(side: Side, build: Callable[[], Any]) -> None:
    model, weights = build(), some_weights()
    side.weights.load_weights(model, weights)
    dumped = side.weights.dump_weights(model)

    assert sorted(weights) == list(dumped)
    for name, array in weights.items():
        np.testing.assert_array_equal(dumped[name], array, strict=True)


@sides_and_models
def test_dumped_weights_are_copies(side: Side, build: Callable[[], Any]) -> None:
    model = build()
    before = side.weights.dump_weights(model)
    for array in side.weights.dump_weights(model).values():
        array += 1

    after = side.weights.dump_weights(model)
    assert all(np.array_equal(before[name], after[name]) for name in before)


@sides_and_models
def test_loaded_weights_are_copies(side: Side, build: Callable[[], Any]) -> None:
    """Read-only arrays, as from a file mapped into memory, are taken as well."""
    model, weights = build(), some_weights()
    frozen = {name: array.copy() for name, array in weights.items()}
    for array in frozen.values():
        array.flags.writeable = False
    side.weights.load_weights(model, frozen)
    side.weights.load_weights(model, weights)
    for array in weights.values():
        array += 1

    dumped = side.weights.dump_weights(model)
    assert all(np.array_equal(frozen[name], dumped[name]) for name in frozen)


@sides_and_models
def test_low_precision_weights_are_dumped_as_float32(side: Side, build: Callable[[], Any]) -> None:
    """paddle's numpy() of a bfloat16 would be its bits, 16256 for 1.0."""
    low = {"TorchModel": torch.bfloat16, "PaddleModel": "bfloat16"}
    model = build()
    model = model.to(dtype=low[type(model).__name__])
    ones = {name: np.ones_like(array) for name, array in some_weights().items()}
    side.weights.load_weights(model, ones)
    dumped = side.weights.dump_weights(model)

    assert {np.dtype(np.float32)} == {array.dtype for array in dumped.values()}
    assert all((array == 1.0).all() for array in dumped.values())


@sides_and_models
def test_weights_that_do_not_fit_are_refused_before_anything_changes(
    side: Side, build: Callable[[], Any]
) -> None:
    model, weights = build(), some_weights()
    before = side.weights.dump_weights(model)
    del weights["rms.weight"]
    weights["output.weight"] = weights["table.weight"]
    weights["conv.bias"] = weights["conv.bias"][:3]
    with pytest.raises(CheckpointError) as caught:
        side.weights.load_weights(model, weights)

    assert str(caught.value) == (
        "conv.bias: the model needs shape (6,). Received: shape (3,)\n"
        "output.weight: the model has no tensor of this name. Received: shape (10, 6)\n"
        "rms.weight: the model needs shape (6,). Received: nothing"
    )
    after = side.weights.dump_weights(model)
    assert all(np.array_equal(before[name], after[name]) for name in before)


@dataclass
class Output:
    logits: Any


def returning(wrap: Callable[[Any], Any]) -> list[Any]:
    """In each framework, a model whose forward takes one tensor and returns it, wrapped."""

    class Torch(torch.nn.Module):
        def forward(self, input_ids: Any) -> Any:
            return wrap(input_ids)

    class Paddle(paddle.nn.Layer):
        def forward(self, input_ids: Any) -> Any:
            return wrap(input_ids)

    return [pytest.param(TORCH, Torch(), id="torch"), pytest.param(PADDLE, Paddle(), id="paddle")]


@pytest.mark.parametrize(
    ("side", "model"),
    [
        *returning(lambda x: x),
        *returning(lambda x: (x, x + 1)),
        *returning(lambda x: Output(logits=x)),
        *returning(lambda x: {"logits": x, "loss": x.sum()}),
    ],
)
def test_logits_are_found_in_what_a_model_returns(side: Side, model: Any) -> None:
    """And only what forward names is passed: not the mask, and never the labels."""
    batch = BATCH | {"attention_mask": np.ones((4, 5), np.int64), "labels": np.zeros(4, np.int64)}
    np.testing.assert_array_equal(side.run(model, batch), BATCH["input_ids"].astype(np.float32))


@pytest.mark.parametrize(("side", "model"), returning(lambda x: {"scores": x}))
def test_a_model_that_returns_something_else_is_refused(side: Side, model: Any) -> None:
    with pytest.raises(BackendError) as caught:
        side.run(model, BATCH)

    assert str(caught.value) == (
        "the model must return a tensor, a tuple that starts with one, or an object with .logits. "
        "Received: dict"
    )


@pytest.mark.parametrize(
    ("side", "model"),
    list(zip(SIDES, (torch.nn.Identity(), paddle.nn.Identity()), strict=True)),
    ids=["torch", "paddle"],
)
def test_a_model_that_takes_nothing_of_the_batch_is_refused(side: Side, model: Any) -> None:
    with pytest.raises(BackendError) as caught:
        side.run(model, BATCH)

    assert str(caught.value).startswith(
        "the model's forward must take at least one of input_ids by name. Received: forward(input"
    )


def test_a_paddlenlp_encoder_inside_another_layer_has_canonical_names() -> None:
    """A head of one's own on a paddlenlp encoder: the encoder's names are transformers'."""
    config = make_config("bert")

    class TorchOwn(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = TORCH.models.build_model(config).bert
            self.norm1 = torch.nn.LayerNorm(16)

    class PaddleOwn(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.body = PADDLE.models.build_model(config).bert
            self.norm1 = paddle.nn.LayerNorm(16)

    def canonical(side: Side, model: Any) -> list[dict[str, Any]]:
        rows = sorted(side.parameters(model), key=lambda p: p.name)
        return [{**asdict(p), "structured": None, "native": None} for p in rows]

    expected = canonical(TORCH, TorchOwn())
    assert expected == canonical(PADDLE, PaddleOwn())
    assert "norm1.weight" in [row["name"] for row in expected]
    assert canonical(TORCH, TorchOwn().body) == canonical(PADDLE, PaddleOwn().body)


def test_two_parameters_of_one_native_name_are_refused() -> None:
    """`apply_decay_param_fun` could not tell them apart."""
    layers = []
    for _ in range(2):
        with paddle.utils.unique_name.guard():
            layers.append(paddle.nn.Linear(2, 2))
    with pytest.raises(BackendError, match=r"share theirs\. Received: two 'linear_0\.w_0'$"):
        build_optimizer(spec_of(), paddle.nn.Sequential(*layers))


def test_a_parameter_that_asks_not_to_be_clipped_is_refused() -> None:
    """Paddle would leave it out of the norm too; torch has no such wish."""
    model = paddle.nn.Linear(2, 2, weight_attr=paddle.ParamAttr(need_clip=False))
    build_optimizer(spec_of(), model)
    told = r"^weight: clip reaches .* Received: need_clip False$"
    with pytest.raises(LedgerError, match=told):
        build_optimizer(spec_of(clip={"global_norm": 1.0}), model)
