"""Models whose ledger a trace alone does not decide anew: they are believed all the same.

Tied weights whose rule fits the other name, scalars, running statistics, what the model holds still
and, in Paddle, what it asks of the rate and the decay.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain import fit
from dualtrain.parity import compare_with_plan, read_weights
from dualtrain.trace import read_trace
from tests.builders import spec_of

DRAW = np.random.default_rng(0)
BATCHES = [{"input": DRAW.integers(0, 5, 6), "labels": DRAW.integers(0, 5, 6)} for _ in range(5)]


class Tied(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(5, 4)
        self.dense = torch.nn.Linear(4, 4)
        self.norm = torch.nn.BatchNorm1d(4)
        self.head = torch.nn.Linear(4, 5, bias=False)
        self.head.weight = self.embed.weight
        self.scale = torch.nn.Parameter(torch.ones(()))
        self.dense.bias.requires_grad_(False)

    def forward(self, input: Any) -> Any:
        return self.head(self.norm(self.dense(self.embed(input)))) * self.scale


class Asking(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        asked = paddle.ParamAttr(
            regularizer=paddle.regularizer.L2Decay(0.3),
            learning_rate=0.5,
        )
        self.embed = paddle.nn.Embedding(5, 4)
        self.dense = paddle.nn.Linear(4, 4, weight_attr=asked)
        self.norm = paddle.nn.BatchNorm1D(4)
        self.head = paddle.nn.Linear(4, 5)

    def forward(self, input: Any) -> Any:
        return self.head(self.norm(self.dense(self.embed(input))))


SPECS: dict[str, dict[str, Any]] = {
    "head": {
        "weight_decay": {"value": 0.01, "exclude_patterns": ["head.*"], "kind": "coupled"},
        "lr_multipliers": [{"pattern": "head.*", "multiplier": 2.0}],
    },
    "roles": {
        "weight_decay": {"value": 0.01, "exclude": ["bias", "norm"], "kind": "coupled"},
        "freeze": {"patterns": ["norm.*"]},
    },
}


@pytest.mark.filterwarnings("ignore:the model itself decides")
@pytest.mark.parametrize("model", [Tied, Asking])
@pytest.mark.parametrize("name", SPECS)
def test_it_is_read_with_its_weights(name: str, model: Any, tmp_path: Path) -> None:
    spec = spec_of(optimizer={"name": "sgd", "lr": 0.1}, schedule={"name": "linear"}, **SPECS[name])
    path = tmp_path / "a.jsonl"
    fit(spec, model(), BATCHES, trace=path, output=tmp_path / "out")
    trace = read_trace(path)
    assert compare_with_plan(trace).agrees
    weights = read_weights(path, trace)
    assert weights is not None
    shapes = {p.name: p.shape for p in trace.header.parameters}
    assert shapes.items() <= {n: array.shape for n, array in weights.final.items()}.items()
    if model is Tied:
        assert shapes["scale"] == ()
    if name == "head" and model is Tied:
        assert trace.header.decisions["embed.weight"].rule == "pattern head.*"
    if model is Asking:
        assert trace.header.decisions["dense.weight"].rule == "the model"
