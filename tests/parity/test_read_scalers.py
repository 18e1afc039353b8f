"""What reading takes for the defaults of a loss scaler, beside the frameworks' own."""

from __future__ import annotations

import inspect
from typing import Any

import paddle
import pytest
import torch

from dualtrain.recipes.loops._scaler import FIRST, OWN, SCALE, SCALERS, WORDS
from dualtrain.spec import LossScale

NATIVE: dict[str, Any] = {
    "paddle.amp.GradScaler": paddle.amp.GradScaler,
    "paddle.amp.AmpScaler": paddle.amp.AmpScaler,
    "torch.amp.GradScaler": torch.amp.GradScaler,
    "torch.cuda.amp.GradScaler": torch.cuda.amp.GradScaler,
}


@pytest.mark.parametrize("path", NATIVE)
def test_parameters_and_defaults_are_the_frameworks_own(path: str) -> None:
    native = inspect.signature(NATIVE[path].__init__).parameters
    assert tuple(native)[1:] == tuple(SCALERS[path])

    own = OWN.get(path.rpartition(".")[2], {})
    first = next(native[name].default for name in SCALE if name in native)
    assert own.get("init", FIRST) == first
    for word, names in WORDS.items():
        for name in set(names) & set(native):
            assert own.get(word, getattr(LossScale(), word)) == native[name].default
