"""Weights moved in their last place, against numpy's own spacing."""

from __future__ import annotations

import numpy as np
import pytest

from dualtrain.lockstep import nudged, ulp

VALUES = np.array([0, 1e-45, -3e-39, 1e-30, 0.1, -1.0, 1.9999999, 2.0, -3.5, 7e30], np.float32)


def test_an_ulp_of_float32_is_numpys_spacing() -> None:
    assert ulp(VALUES).tolist() == np.abs(np.spacing(np.abs(VALUES))).tolist()


def test_an_ulp_of_float16_is_numpys_spacing() -> None:
    """Of numbers that float16 holds as normal ones."""
    values = np.array([0.1, -1.0, 1.9990234, 2.0, -3.5, 6e4, 1e-4], np.float16)
    expected = np.spacing(np.abs(values)).astype(np.float32)
    assert ulp(values.astype(np.float32), "float16").tolist() == expected.tolist()


def test_an_ulp_of_bfloat16_is_the_last_bit_of_the_upper_half() -> None:
    values = VALUES[np.abs(VALUES) >= np.finfo(np.float32).tiny]
    upper = np.abs(values).view(np.uint32) & 0xFFFF0000
    expected = (upper + 0x10000).view(np.float32) - upper.view(np.float32)
    assert ulp(values, "bfloat16").tolist() == expected.tolist()


@pytest.mark.parametrize("ulps", [1, 8])
def test_every_number_moves_up_or_down_by_that_many_at_most(ulps: int) -> None:
    weights = {"w": np.full((100, 100), 1.5, np.float32), "b": np.zeros(100, np.float32)}
    moved = nudged(weights, seed=3, ulps=ulps)
    steps = (moved["w"] - weights["w"]) / np.spacing(np.float32(1.5))
    assert set(np.unique(steps)) == {step for step in range(-ulps, ulps + 1) if step}
    assert abs(np.mean(steps > 0) - 0.5) < 0.02
    assert np.all(moved["b"] != 0)


def test_the_seed_decides_which_way() -> None:
    weights = {"w": np.ones(64, np.float32)}
    first, again, other = (nudged(weights, seed=seed)["w"] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
