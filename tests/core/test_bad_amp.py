"""What a user reads when mixed precision is asked for wrongly."""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.errors import SpecError
from dualtrain.spec import Amp

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "a first scale below the floor": (
        {"loss_scale": {"init": 0.5}},
        "loss_scale.init: must be from floor to ceiling. Received: init 0.5, floor 1.0, ceiling "
        "16777216.0",
    ),
    "a first scale above the ceiling": (
        {"loss_scale": {"init": 2.0**25}},
        "loss_scale.init: must be from floor to ceiling. Received: init 33554432.0, floor 1.0, "
        "ceiling 16777216.0",
    ),
    "a floor above the ceiling": (
        {"loss_scale": {"floor": 2.0**17, "ceiling": 2.0**15}},
        "loss_scale: init must be from floor to ceiling. "
        "Received: init 65536.0, floor 131072.0, ceiling 32768.0",
    ),
    "a floor of 0, from which no scale returns": (
        {"loss_scale": {"floor": 0}},
        "loss_scale.floor: must be >= 1.17549435082e-38. Received: 0",
    ),
    "a ceiling that float32 does not hold": (
        {"loss_scale": {"ceiling": 1e39}},
        "loss_scale.ceiling: must be <= 8.50705917302e+37. Received: 1e+39",
    ),
    "never backing off": (
        {"loss_scale": {"backoff_interval": 0}},
        "loss_scale.backoff_interval: must be >= 1. Received: 0",
    ),
    "an operator by a framework's name": (
        {"float32_operators": ["reduce_sum"]},
        "float32_operators[0]: must be one of 'cross_entropy', 'exp', 'gelu', 'layer_norm', "
        "'log', 'log_softmax', 'matmul', 'mean', 'pow', 'softmax', 'sum'. "
        "Received: 'reduce_sum'",
    ),
    "an operator twice": (
        {"float32_operators": ["exp", "log", "exp"]},
        "float32_operators: must not repeat 'exp'. Received: ['exp', 'log', 'exp']",
    ),
}


@pytest.mark.parametrize(("amp", "expected"), CASES.values(), ids=CASES)
def test_a_bad_part(amp: dict[str, Any], expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        Amp(dtype="float16", **amp)

    assert expected == str(caught.value)
