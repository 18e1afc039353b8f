"""Where the bars of lockstep stand: just below one an update agrees, just beyond it differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dualtrain.lockstep import Move, Reading, judge_gradients, judge_rule
from dualtrain.lockstep._nudges import bar
from dualtrain.plan import Plan
from dualtrain.state import RunState, TensorState
from dualtrain.trace import Decision
from tests.builders import spec_of
from tests.passes import Net, initial, led, shown

U = 2.0**-24
"""Half a float32 ULP of 1."""
DECISION = Decision(
    name="w",
    roles=(),
    rule="default",
    decay=0.0,
    lr_rule="default",
    lr_multiplier=1.0,
    freeze_rule="default",
    frozen=False,
)


def judged(move: Move, **spec: Any) -> Mapping[str, Reading]:
    """What is judged -> its reading, of an update of one tensor `w` by SGD."""
    plan = Plan.of(spec_of(optimizer={"name": "sgd", "lr": 0.5}, **spec), micro_batches_per_epoch=1)
    readings = judge_rule(move, side="b", plan=plan, decisions={"w": DECISION})
    return {f"{r.what} {r.tensor}".strip(): r for r in readings}


def moved(w: Any, g: Any, *, used: Any = None, after: Any = None, norm: Any = None) -> Move:
    """w - 0.5 g in float32, or what is said of it."""
    w, g = np.asarray(w, np.float32), np.asarray(g, np.float32)
    used = g if used is None else np.asarray(used, np.float32)
    after = w - np.float32(0.5) * used if after is None else np.asarray(after, np.float32)
    before = RunState(
        backend="torch",
        rule="sgd",
        t=0,
        attempts=0,
        skipped=0,
        epoch=0,
        micro_batch=0,
        tensors=TensorState(weights={"w": w}),
    )
    return Move(
        before=before,
        handed={"w": g},
        lr=0.5,
        momentum=None,
        skipped=False,
        norm=norm,
        clipped={"w": used},
        scalars={},
        after=replace(before, t=1, attempts=1, epoch=1, tensors=TensorState(weights={"w": after})),
    )


def test_an_honest_update_is_silent() -> None:
    random = np.random.default_rng(0)
    made = judged(moved(random.normal(size=1000), random.normal(size=1000)))
    assert {reading.outcome for reading in made.values()} == {"agrees"}


@pytest.mark.parametrize(("steps", "agrees"), [(1, True), (2, True), (3, False)])
def test_the_coefficient_of_a_clip(steps: int, agrees: bool) -> None:
    """Four units: a half, times 2, some float32 above 1; each is two units."""
    used = np.array([1.0 + steps * 2.0**-23, 0.0])
    made = judged(moved(np.zeros(2), [2.0, 0.0], used=used, norm=2.0), clip={"global_norm": 1.0})
    assert (made["clip"].outcome == "agrees") == agrees


@pytest.mark.parametrize(("units", "agrees"), [(60.0, True), (70.0, False)])
def test_a_norm_against_its_own(units: float, agrees: bool) -> None:
    made = judged(moved(np.zeros(2), [2.0, 0.0], norm=2.0 * (1 + units * U)))
    assert (made["norm"].outcome == "agrees") == agrees


@pytest.mark.parametrize(("steps", "agrees"), [(0, True), (1, True), (10, False)])
def test_a_weight_against_the_rule(steps: int, agrees: bool) -> None:
    """Four honest roundings: 0 - 0.5 x 1, some float32 below it; each is two of them."""
    made = judged(moved([0.0, 0.0], [1.0, 1.0], after=[-0.5 - steps * 2.0**-24, -0.5]))
    assert (made["weight w"].outcome == "agrees") == agrees


@pytest.mark.parametrize(("units", "agrees"), [(13.0, True), (20.0, False)])
def test_a_rate_over_a_whole_tensor(units: float, agrees: bool) -> None:
    g = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    after = -0.5 * (1 + units * U) * g.astype(np.float64)
    made = judged(moved(np.zeros(10_000), g, after=after))
    assert (made["rate w"].outcome == "agrees") == agrees


@pytest.mark.parametrize(("units", "agrees"), [(0.7, True), (1.5, False)])
def test_a_decay_over_a_whole_tensor(units: float, agrees: bool) -> None:
    """Under the rounding of each weight: it shows in the mean of many."""
    random = np.random.default_rng(0)
    w, g = (random.normal(size=10_000).astype(np.float32) for _ in range(2))
    wide = w.astype(np.float64)
    made = judged(moved(w, g, after=wide * (1 - units * U) - 0.5 * g.astype(np.float64)))
    assert (made["decay w"].outcome == "agrees") == agrees


def test_the_bar_of_gradients_in_float32() -> None:
    """64 units, or eight times what rounding was seen to do."""
    assert bar(U, ()) == 64 * U
    assert bar(U, [1e-3, 2e-4]) == pytest.approx(8e-3)


@pytest.mark.parametrize(
    ("apart", "outcome"),
    [(0.5e-9, "agrees"), (2e-9, "told"), (3.5 * U, "told"), (5 * U, "differs")],
)
def test_the_bars_of_gradients_in_float64(apart: float, outcome: str) -> None:
    weights = initial(3)
    leading = Net.of(3).passed(weights)
    a, b = (shown(net, weights, leading) for net in (Net.of(3), Net.of(3).reordered()))
    assert a.wide is not None
    off = {n: g * (1 + apart) for n, g in a.wide.gradients.items()}
    b = replace(b, wide=replace(a.wide, gradients=off))
    readings = judge_gradients(led(weights, leading), a, b)
    found = [r.outcome for r in readings if r.what == "gradient" and "float64" in r.detail]
    assert outcome in found
    assert {*found} <= {outcome, "agrees"}  # that of a bias before batch norm is 0
