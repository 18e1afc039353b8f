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
from dualtrain.errors import BackendError, TrainingWarning
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


def test_update_parity_measures_its_floor_on_copies() -> None:
    """What is trained is trained once: even the counter of a batch norm begins at 0."""

    class Counted(TorchNet):
        def __init__(self) -> None:
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(8, momentum=None)

    torch.manual_seed(0)
    models = [Counted(), Counted()]
    found = assert_update_parity(SPEC, models, batches(), nudges=2)
    assert {int(model.norm.num_batches_tracked or 0) for model in models} == {30}
    assert found.weights is not None
    assert found.weights.floor
    assert {tensor.difference for tensor in found.weights.tensors} == {0.0}
    without = assert_update_parity(SPEC, [Counted(), Counted()], batches(), nudges=0).weights
    assert without is not None
    assert without.floor is None


def test_a_model_that_cannot_be_copied_has_no_floor() -> None:
    model = TorchNet()
    model.seen = model.hidden(torch.ones(1, 4))  # a result that is no leaf
    with pytest.raises(BackendError, match=r"nudges=0 leaves it out\. Received: Only Tensors"):
        assert_update_parity(SPEC, [model, PaddleNet()], batches())
    assert_update_parity(SPEC, [model, PaddleNet()], batches(), nudges=0)


def test_update_parity_at_o2() -> None:
    """Masters are made once for each model, so each floor needs a fresh one."""
    low = spec_of(amp={"dtype": "bfloat16", "level": "O2"}, duration={"updates": 3})
    weights = assert_update_parity(low, [TorchNet(), TorchNet()], batches(), nudges=1).weights
    assert weights is not None
    assert weights.floor is not None
    assert weights.floor > 1e-4, "1 ULP of float32 would not be seen"


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
