"""What reading knows of the optimizers' constructors is what the classes themselves have."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import paddle
import pytest
import torch

from dualtrain.recipes._signatures import PADDLE, TORCH

with warnings.catch_warnings():  # its dependencies', on import
    warnings.simplefilter("ignore")
    from paddlenlp.ops.optimizer import AdamWDL

ELSEWHERE: dict[str, Any] = {
    "AdamWDL": AdamWDL,
    "LarsMomentum": paddle.incubate.optimizer.LarsMomentumOptimizer,
}


@pytest.mark.parametrize("name", sorted(PADDLE))
def test_paddle_constructors_are_those_of_paddle(name: str) -> None:
    real = ELSEWHERE.get(name) or getattr(paddle.optimizer, name)
    _held(PADDLE[name].names, PADDLE[name].defaults, real)


@pytest.mark.parametrize("name", sorted(TORCH))
def test_torch_constructors_are_those_of_torch(name: str) -> None:
    _held(TORCH[name].names, TORCH[name].defaults, getattr(torch.optim, name))


def _held(names: tuple[str, ...], defaults: Any, real: Any) -> None:
    """Positional parameters in the order of the real class, and its defaults."""
    parameters = list(inspect.signature(real.__init__).parameters.values())[1:]
    order = [one.name for one in parameters if one.kind is not one.KEYWORD_ONLY]
    assert list(names) == order[: len(names)]
    for one in parameters:
        if one.name in defaults and one.name != "weight_decay":
            assert one.default == defaults[one.name], one.name
        if one.name == "weight_decay" and one.default:
            assert one.default == defaults[one.name]
