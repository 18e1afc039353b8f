"""Half (a) over passes of plain numpy: honest sums in another order are silent, faults are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dualtrain.lockstep import Led, Pass, Reading, Shown, judge_gradients
from tests.passes import Net, initial, led, shown

SEED = 3
NET, WEIGHTS = Net.of(SEED), initial(SEED)
LEADING = NET.passed(WEIGHTS)
OTHER = NET.reordered()


def judged(net: Net, **how: Any) -> list[Reading]:
    """What is said of a net against `NET`; how: as `shown` takes it, for the net."""
    a, b = shown(NET, WEIGHTS, LEADING), shown(net, WEIGHTS, LEADING, **how)
    return judge_gradients(led(WEIGHTS, LEADING), a, b)


def grave(readings: list[Reading]) -> list[Reading]:
    return [reading for reading in readings if reading.outcome != "agrees"]


def worst(readings: list[Reading], what: str = "gradient") -> Reading:
    return max((r for r in readings if r.what == what), key=lambda reading: reading.times)


def scaled(by: float, *names: str) -> Callable[[Pass], Pass]:
    """A fault of float32 alone: some gradients come out this much too large."""
    return lambda made: replace(
        made,
        gradients={
            n: (g * np.float32(1 + by) if n in names else g) for n, g in made.gradients.items()
        },
    )


class TestHonest:
    @pytest.mark.parametrize("seed", range(40))
    def test_sums_in_another_order_agree(self, seed: int) -> None:
        net, weights = Net.of(seed), initial(seed)
        leading = net.passed(weights)
        a, b = (shown(n, weights, leading) for n in (net, net.reordered()))
        readings = judge_gradients(led(weights, leading), a, b)
        assert not grave(readings)
        assert {reading.what for reading in readings} == {"gradient", "loss", "statistic"}
        assert len(readings) == 2 * (6 + 1 + 2), "each quantity in float64 and in float32"

    def test_a_gradient_of_noise_is_held_against_the_whole(self) -> None:
        """That of a bias before batch norm: as far apart as it is large, on both sides."""
        other = OTHER.passed(WEIGHTS).gradients["first.bias"]
        mine = LEADING.gradients["first.bias"]
        assert np.linalg.norm(other - mine) > 0.5 * np.linalg.norm(mine)
        readings = [r for r in judged(OTHER) if r.tensor == "first.bias"]
        assert [r.outcome for r in readings] == ["agrees", "agrees"]

    def test_without_float64_nudges_show_the_noise(self) -> None:
        a, b = (shown(net, WEIGHTS, LEADING, wide=False) for net in (NET, OTHER))
        assert len(b.nudges) == 3
        assert not b.reached
        readings = judge_gradients(led(WEIGHTS, LEADING), a, b)
        assert [r.what for r in grave(readings)] == ["float64", "float64"]
        assert {r.outcome for r in grave(readings)} == {"told"}

    def test_near_sides_are_nudged_not_at_all(self) -> None:
        assert not shown(OTHER, WEIGHTS, LEADING).nudges

    def test_losses_in_the_thousands_may_be_two_ulp_apart(self) -> None:
        large = replace(NET, x=NET.x * np.float32(3000))
        weights = WEIGHTS | {"second.weight": WEIGHTS["second.weight"] * np.float32(300)}
        leading = large.passed(weights)
        loss = np.float32(leading.losses[0])
        assert loss > 5e3

        def apart(made: Pass) -> Pass:
            return replace(made, losses=(float(loss + 2 * np.spacing(loss)),))

        a, b = (
            shown(net, weights, leading, single=single)
            for net, single in ((large, lambda made: made), (large.reordered(), apart))
        )
        assert a.passed.losses != b.passed.losses
        assert not grave(judge_gradients(led(weights, leading), a, b))


class TestFaults:
    """How many times the bar, at least: in float32 and in float64. Measured: twice as much."""

    @pytest.mark.parametrize(
        ("change", "single", "double"),
        [
            ({"kept": np.where(np.arange(32) == 3, 0.0, 1.0)}, 900, 15_000),
            ({"smoothing": 1e-4}, 11, 180),
            ({"eps": 2e-5}, 0, 4),
        ],
        ids=["one sample of 32 missing", "label smoothing 1e-4", "eps 2e-5 for 1e-5"],
    )
    def test_is_found(self, change: dict[str, Any], single: float, double: float) -> None:
        net = replace(OTHER, **change)
        found = worst(judged(net))
        assert (found.outcome, found.times > double) == ("differs", True), found
        a, b = (shown(n, WEIGHTS, LEADING, wide=False) for n in (NET, net))
        blunt = worst(judge_gradients(led(WEIGHTS, LEADING), a, b))
        assert blunt.times > single, blunt

    def test_a_fault_below_float32_is_told(self) -> None:
        readings = grave(judged(replace(OTHER, smoothing=1e-8)))
        assert {reading.outcome for reading in readings} == {"told"}
        assert all("a constant of float32 in a kernel" in reading.detail for reading in readings)

    def test_knobs(self) -> None:
        """A loss that differs, a sum that lacks a part, and one factor in all are three things."""
        smoothed = worst(judged(replace(OTHER, smoothing=1e-4)))
        assert smoothed.knob == "loss, task.model"
        missing = worst(judged(replace(OTHER, kept=np.where(np.arange(32) == 3, 0.0, 1.0))))
        assert missing.knob.startswith("batch.accumulate, batch.normalise, task.model")
        halved = worst(judged(replace(OTHER, kept=np.full(32, 31 / 32))))
        assert "the second side's is 0.96875 times the first's" in halved.detail
        assert "amp.loss_scale" in halved.knob


class TestKinks:
    """A unit of a ReLU that one side's rounding puts on the other side."""

    def test_is_told_where_nudges_do_the_same(self) -> None:
        a, b, update = KINK
        readings = grave(judge_gradients(update, a, b))
        assert {(r.outcome, r.excuse) for r in readings} == {("told", "kink")}
        assert max(r.times for r in readings) > 100

    def test_without_float64_too(self) -> None:
        a, b = (replace(side, wide=None) for side in KINK[:2])
        kinks = [r for r in grave(judge_gradients(KINK[2], a, b)) if r.what != "float64"]
        assert {(r.outcome, r.excuse) for r in kinks} == {("told", "kink")}

    def test_is_different_where_no_nudge_does_the_same(self) -> None:
        a, b = (replace(side, wide=None, reached={}) for side in KINK[:2])
        assert worst(judge_gradients(KINK[2], a, b)).outcome == "differs"

    def test_float64_shows_which_side_it_is_on(self) -> None:
        a, b = (replace(side, reached={}) for side in KINK[:2])
        readings = grave(judge_gradients(KINK[2], a, b))
        assert {(r.outcome, r.excuse) for r in readings} == {("told", "kernel")}
        assert {r.side for r in readings} <= {"a", "b"}

    @pytest.mark.parametrize("wide", [True, False])
    def test_none_is_called_different(self, wide: bool) -> None:
        """Every unit at which the two part, of 16 x 32 that stand where the ReLU switches."""
        pairs = list(at_kinks(wide=wide))
        assert len(pairs) > 50
        for a, b, update in pairs:
            outcomes = {reading.outcome for reading in judge_gradients(update, a, b)}
            assert outcomes <= {"agrees", "told"}


Update = tuple[Shown, Shown, Led]


def at_kinks(**how: Any) -> Iterator[Update]:
    """Both sides, from weights at which a unit is off on one of them alone."""
    for unit, sample in np.ndindex(16, 32):
        weights = NET.with_unit_at_zero(WEIGHTS, unit, sample)
        leading, other = NET.passed(weights), OTHER.passed(weights)
        mine, theirs = (made.gradients["norm.bias"][unit] for made in (leading, other))
        if abs(mine - theirs) > 1e-3 * abs(mine):
            a, b = (shown(net, weights, leading, **how) for net in (NET, OTHER))
            yield a, b, led(weights, leading)


KINK = next(update for update in at_kinks() if update[1].reached)


class TestFaultsOfFloat32Alone:
    """A kernel that is right in float64: its own error must not excuse it."""

    FAULT = staticmethod(scaled(1e-3, "norm.weight"))

    def test_is_excused_at_one_update_as_a_kink_may_look_like_it(self) -> None:
        (found,) = grave(judged(OTHER, single=self.FAULT))
        assert (found.outcome, found.excuse, found.side) == ("told", "kernel", "b")
        assert found.tensor == "norm.weight"
        assert found.times > 100

    def test_is_different_without_float64(self) -> None:
        a, b = (
            shown(net, WEIGHTS, LEADING, single=single, wide=False)
            for net, single in ((NET, lambda made: made), (OTHER, self.FAULT))
        )
        assert worst(judge_gradients(led(WEIGHTS, LEADING), a, b)).outcome == "differs"
