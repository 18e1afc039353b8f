"""Numbers of a page beside new ones: what counts as the same."""

from __future__ import annotations

import pytest

from benchmarks.stated import kept, same_order


@pytest.mark.parametrize(
    ("measured", "stated", "same"),
    [
        (2e-3, 1e-3, True),
        (3.1e-3, 1e-3, True),
        (3.2e-3, 1e-3, False),  # sqrt(10) = 3.162...
        (1e-3, 3.2e-3, False),
        (0.0, 1e-6, True),
        (0.0, 1.1e-6, False),
        (0.0, 0.0, True),
        (9e-7, 1e-12, True),
    ],
)
def test_half_a_power_of_ten_or_rounding(measured: float, stated: float, same: bool) -> None:
    assert same_order(measured, stated, rounding=1e-6) is same
    assert kept(measured, stated, rounding=1e-6) == (stated if same else measured)


def test_what_is_not_yet_stated_is_what_was_measured() -> None:
    assert kept(2e-3, None, rounding=1e-6) == 2e-3
