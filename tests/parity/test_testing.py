"""`dualtrain.testing`: each assertion passes where it should and objects where it must."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import paddle
import pytest
import torch

import dualtrain_paddle
from benchmarks.mistakes.faults import misread
from dualtrain.errors import TrainingWarning
from dualtrain.testing import assert_decay_parity, assert_lr_parity, assert_update_parity
from tests import builders


class TorchNet(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = torch.nn.Linear(4, 8)
        self.norm = torch.nn.LayerNorm(8)
        self.output = torch.nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.output(torch.tanh(self.norm(self.hidden(x))))


class PaddleNet(paddle.nn.Layer):
    def __init__(self, activation: Any = paddle.tanh) -> None:
        super().__init__()
        self.hidden = paddle.nn.Linear(4, 8)
        self.norm = paddle.nn.LayerNorm(8)
        self.output = paddle.nn.Linear(8, 3)
        self.activation = activation

    def forward(self, x: Any) -> Any:
        return self.output(self.activation(self.norm(self.hidden(x))))


spec_of = partial(
    builders.spec_of,
    optimizer={"name": "adamw", "lr": 1e-2},
    schedule={"name": "cosine", "half_waves": 1},
    warmup={"proportion": 0.1},
    weight_decay={"value": 0.1, "exclude": ["bias", "norm"]},
    clip={"global_norm": 0.5},
    batch={"accumulate": 2},
    duration={"epochs": 6},
)
SPEC = spec_of()


def batches() -> list[dict[str, Any]]:
    random = np.random.RandomState(0)
    return [
        {"x": random.randn(6, 4).astype("float32"), "labels": random.randint(0, 3, 6)}
        for _ in range(5)
    ]


def test_lr_parity_holds() -> None:
    assert_lr_parity(SPEC, micro_batches_per_epoch=5)


def test_lr_parity_objects_to_another_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = "dualtrain_paddle.learning_rate"
    monkeypatch.setattr(rates, lambda optimizer: float(np.nextafter(optimizer.get_lr(), 1)))
    with pytest.raises(AssertionError, match=r"^paddle: update 0 uses the rate 5e-324, the plan"):
        assert_lr_parity(SPEC, micro_batches_per_epoch=5)


def test_decay_parity_holds() -> None:
    assert_decay_parity(SPEC, [TorchNet(), PaddleNet()])


def test_decay_parity_objects_to_another_set(monkeypatch: pytest.MonkeyPatch) -> None:
    misread(monkeypatch, dualtrain_paddle, lambda row, _: replace(row, decay=0.01))
    with pytest.raises(AssertionError, match=r"^torch and paddle differ in weight decay: .*norm"):
        assert_decay_parity(SPEC, [TorchNet(), PaddleNet()])


def test_decay_parity_objects_to_another_lr_multiplier(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = spec_of(lr_multipliers=[{"pattern": "hidden.*", "multiplier": 0.5}])
    assert_decay_parity(slow, [TorchNet(), PaddleNet()])
    misread(monkeypatch, dualtrain_paddle, lambda row, _: replace(row, lr_multiplier=1.0))
    with pytest.raises(AssertionError, match=r"differ in lr multiplier: .*'hidden.bias': \(0.5, 1"):
        assert_decay_parity(slow, [TorchNet(), PaddleNet()])


def test_decay_parity_objects_to_another_model() -> None:
    paddle_net = PaddleNet()
    paddle_net.extra = paddle.nn.Linear(2, 2)
    with pytest.raises(AssertionError, match=r"only one has \['extra.bias', 'extra.weight'\]"):
        assert_decay_parity(SPEC, [TorchNet(), paddle_net])


def test_update_parity_holds() -> None:
    comparison = assert_update_parity(SPEC, [TorchNet(), PaddleNet()], batches())
    assert comparison.weights is not None


def test_update_parity_objects_to_another_model() -> None:
    with pytest.raises(
        AssertionError, match=r"the first difference is in the stage 'initial output'"
    ):
        assert_update_parity(SPEC, [TorchNet(), PaddleNet(paddle.nn.functional.sigmoid)], batches())


def test_update_parity_is_not_proved_by_numbers_that_are_none() -> None:
    """A cell of the data is none: every loss from there on is nan beside nan."""
    data = batches()
    data[2]["x"][0, 0] = np.nan
    with (
        pytest.warns(TrainingWarning, match="loss of update 1 is nan"),
        pytest.raises(AssertionError, match=r"no proof, by the stage 'numbers': both sides left"),
    ):
        assert_update_parity(SPEC, [TorchNet(), PaddleNet()], data)
