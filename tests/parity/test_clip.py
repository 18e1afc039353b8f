"""A gradient that is not a number reaches as far under each clip, torch against Paddle.

Not so on paddlepaddle 2.6.2, where max(nan, c) is c: under the global norm it stays where it is.
"""

from __future__ import annotations

import numpy as np
import pytest

from dualtrain.backend import load_backend
from tests.conformance.test_clip import gradients, updated

REACHED = {
    "global_norm": {"weight": [True] * 6, "bias": [True, True]},
    "norm": {"weight": [False] * 6, "bias": [True, True]},
    "value": {"weight": [False] * 6, "bias": [True, False]},
}


@pytest.mark.parametrize("kind", REACHED)
@pytest.mark.parametrize("name", ["torch", "paddle"])
def test_what_is_not_a_number_spreads_as_far_as_the_norm(name: str, kind: str) -> None:
    """Nothing is repaired; with loss scaling such an update would have been skipped."""
    given = gradients()
    given["bias"][0] = np.nan
    after, _ = updated(load_backend(name), given, {kind: 1.0})
    reached = {tensor: np.isnan(array).ravel().tolist() for tensor, array in after.items()}
    assert reached == REACHED[kind]
