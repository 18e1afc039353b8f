"""The state machine of loss scaling, update by update."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualtrain.plan import Scaling
from dualtrain.spec import Amp, LossScale


def scales(settings: LossScale, pattern: str) -> list[float]:
    """The scale of each update; "." had finite gradients, "x" not."""
    scaling = Scaling.of(Amp(dtype="float16", loss_scale=settings))
    assert scaling is not None
    used = []
    for update in pattern:
        used.append(scaling.scale)
        scaling = scaling.after(finite=update == ".")
    return used


def column(text: str) -> list[float]:
    return [float(line.split()[0]) for line in text.strip().splitlines()]


def test_it_grows_and_backs_off() -> None:
    """Growth after three good updates in a row, counted anew after each change."""
    expected = column(
        """
        8
        8
        8
        16   # three good ones
        16
        8    # a bad one ...
        8
        8
        16   # ... after which three good ones count again
        8    # the first bad one in a row
        4    # the second
        """
    )
    settings = LossScale(init=8.0, growth_interval=3)

    assert expected == scales(settings, "....x...xx.")


def test_it_backs_off_after_an_interval_of_bad_updates() -> None:
    """Paddle's `decr_every_n_nan_or_inf`: a good update in between starts the count anew."""
    expected = column(
        """
        64
        64   # one bad update is not enough
        64   # nor are two with a good one between them
        64
        32   # two in a row
        32
        32   # the bad one before broke the row of two good ones
        32
        64
        """
    )
    settings = LossScale(init=64.0, growth_interval=2, backoff_interval=2)

    assert expected == scales(settings, "x.xx.x..x")


def test_it_stops_at_the_floor_and_comes_back() -> None:
    settings = LossScale(init=4.0, growth_interval=1, growth_factor=4.0, floor=1.5)

    assert scales(settings, "xxxx..") == [4.0, 2.0, 1.5, 1.5, 1.5, 6.0]


def test_it_stops_at_the_ceiling_and_comes_back() -> None:
    settings = LossScale(init=4.0, growth_interval=1, growth_factor=4.0, ceiling=24.0)

    assert scales(settings, "...x.") == [4.0, 16.0, 24.0, 24.0, 12.0]


def test_floor_and_ceiling_can_hold_it() -> None:
    """Paddle's `use_dynamic_loss_scaling=False`: the scale stays, bad updates are skipped."""
    settings = LossScale(init=8.0, growth_interval=1, floor=8.0, ceiling=8.0)

    assert scales(settings, "..xx..") == [8.0] * 6


def test_the_defaults_are_those_of_both_frameworks() -> None:
    """65536, doubled after 2,000 good updates, halved after a bad one."""
    used = scales(LossScale(), "." * 2001 + "x.")

    assert [used[i] for i in (1999, 2000, 2001, 2002)] == [65536.0, 131072.0, 131072.0, 65536.0]


def test_the_defaults_never_reach_0_or_infinity() -> None:
    settings = LossScale(growth_interval=1)

    assert (scales(settings, "." * 200)[-1], scales(settings, "x" * 200)[-1]) == (2.0**24, 1.0)


@given(
    pattern=st.text("x.", max_size=60),
    growth=st.floats(1.01, 8.0),
    backoff=st.floats(0.1, 0.99),
    intervals=st.tuples(st.integers(1, 5), st.integers(1, 5)),
)
def test_it_stays_a_float32_number_within_its_bounds(
    pattern: str, growth: float, backoff: float, intervals: tuple[int, int]
) -> None:
    settings = LossScale(
        growth_factor=growth,
        backoff_factor=backoff,
        growth_interval=intervals[0],
        backoff_interval=intervals[1],
    )
    for scale in scales(settings, pattern):
        assert settings.floor <= scale <= settings.ceiling
        assert scale == float(np.float32(scale))


@pytest.mark.parametrize("amp", [None, Amp(dtype="bfloat16")])
def test_only_float16_is_scaled(amp: Amp | None) -> None:
    assert Scaling.of(amp) is None
