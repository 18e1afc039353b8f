"""What holds for every schedule, over random specs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from dualtrain.errors import PlanError
from dualtrain.plan import Plan
from dualtrain.schedules import Cyclic, OneCycle
from dualtrain.spec import Duration, Horizon, Spec, Warmup
from tests.schedules import NAMES, parts

U = 3
"""Updates per epoch."""

# Those that end at the horizon; a polynomial without cycle does too.
ENDING = (
    "constant",
    "linear",
    "cosine",
    "cosine_with_restarts",
    "cosine_with_min_lr",
    "linear_annealing",
    "cosine_annealing",
    "warmup_stable_decay",
    "one_cycle",
)
FALLING = (
    "linear",
    "inverse_sqrt",
    "step",
    "multistep",
    "exponential",
    "natural_exp",
    "inverse_time",
    "linear_annealing",
    "cosine_annealing",
)
MADE = ("sequential", "product", "table")
BEGINNING_AT_1 = tuple(name for name in NAMES if name not in ("one_cycle", "noam", *MADE))
ABOVE_1 = ("piecewise", "cyclic", *MADE)


@st.composite
def plans(draw: st.DrawFn, names: tuple[str, ...] = NAMES, *, joined: bool = False) -> Plan:
    """Any plan of up to 200 updates with a schedule of these names.

    joined: the schedule begins where the rise ends, at the update that says so.
    """
    values = draw(parts(names))
    if joined:
        warmup = values["warmup"]
        if warmup is not None and warmup["counted"] in ("over", "times"):
            warmup["counted"] = "before"
        values["shift"] = 0
    return planned(values)


def planned(values: dict[str, Any]) -> Plan:
    try:
        return Plan.of(Spec(**values), micro_batches_per_epoch=U)
    except PlanError:
        reject()


@given(plan=plans())
def test_the_curve_has_a_rate_for_each_update(plan: Plan) -> None:
    curve = plan.lr_curve()

    assert curve.dtype == np.float64
    assert curve.shape == (plan.total_updates,)
    assert np.isfinite(curve).all()
    assert (curve >= 0).all()


@given(plan=plans())
def test_the_curve_is_lr_at_to_the_last_bit(plan: Plan) -> None:
    """What is computed in blocks is what is computed alone."""
    alone = [plan.spec.optimizer.lr * plan.curve.factor_at(t) for t in range(plan.total_updates)]

    assert plan.lr_curve().tolist() == alone
    assert [plan.lr_at(t) for t in range(plan.total_updates)] == alone


@given(plan=plans(), t=st.integers(0, 400))
def test_a_rate_does_not_depend_on_when_training_ends(plan: Plan, t: int) -> None:
    """Past the table of a plan the rate is that of a longer run with the same horizon."""
    unit = U if plan.spec.schedule.per == "epoch" else 1
    form = plan.spec.warmup
    before = form is not None and form.counted == "before"
    length = plan.horizon - (plan.warmup_updates if before else 0)
    longer = plan.spec.model_copy(
        update={"duration": Duration(updates=401), "horizon": Horizon(counts=length // unit)}
    )

    assert Plan.of(longer, micro_batches_per_epoch=U).lr_at(t) == plan.lr_at(t)


@settings(max_examples=60)
@given(values=parts(), t=st.integers(0, 69_999) | st.sampled_from([32_767, 32_768, 65_536]))
def test_a_long_curve_is_its_single_factors(values: dict[str, Any], t: int) -> None:
    """A curve is computed block by block, of 32,768 updates each."""
    values |= {"duration": {"updates": 70_000}, "horizon": 65_600}
    plan = planned(values)

    assert plan.factor_at(t) == plan.curve.factor_at(t)


@given(plan=plans(), t=st.integers(0, 400))
def test_a_rate_is_the_base_rate_times_the_factor(plan: Plan, t: int) -> None:
    assert plan.lr_at(t) == plan.spec.optimizer.lr * plan.factor_at(t)


@given(plan=plans(tuple(name for name in NAMES if name not in ABOVE_1)), t=st.integers(0, 400))
def test_no_rate_is_above_the_base_rate(plan: Plan, t: int) -> None:
    """But for the last bits, where rates are divided by the base rate."""
    assert 0 <= plan.factor_at(t) <= 1 + 2**-51


@given(plan=plans(("cyclic",)), t=st.integers(0, 400))
def test_a_cycle_stays_between_its_rates(plan: Plan, t: int) -> None:
    schedule, lr = plan.spec.schedule, plan.spec.optimizer.lr
    assert isinstance(schedule, Cyclic)
    at = plan.lr_at(t + plan.warmup_updates)

    assert lr * (1 - 2**-50) <= at <= schedule.max_lr * (1 + 2**-50)


@given(plan=plans(BEGINNING_AT_1, joined=True))
def test_warmup_rises_to_the_base_rate(plan: Plan) -> None:
    """From `start`, never down; and the schedule takes over where the rise ends, or the count."""
    peak = plan.warmup_updates
    rise = [plan.factor_at(t) for t in range(peak)]
    form = plan.spec.warmup or Warmup(steps=0)

    assert rise == sorted(rise)
    assert rise[:1] == ([form.start] if peak else [])
    if form.counted == "before" or not peak:
        assert plan.factor_at(peak) == pytest.approx(1, rel=2**-51)


@given(plan=plans(FALLING, joined=True))
def test_some_never_rise_after_warmup(plan: Plan) -> None:
    """But for the last bits, where rates are divided by the base rate."""
    fall = [plan.factor_at(t) for t in range(plan.warmup_updates, plan.horizon + 2)]

    assert all(b <= a + 2**-51 for a, b in pairwise(fall))


@given(plan=plans((*ENDING, "polynomial"), joined=True), past=st.integers(1, 10**9))
def test_some_stay_where_they_end(plan: Plan, past: int) -> None:
    if getattr(plan.spec.schedule, "cycle", False):
        reject()

    assert plan.lr_at(plan.horizon + past) == plan.lr_at(plan.horizon)


@given(plan=plans(("one_cycle", "cosine", "cosine_with_min_lr", "linear", "cyclic"), joined=True))
def test_no_rate_jumps(plan: Plan) -> None:
    """The largest step is one of 1 / the shortest stretch, times a cosine's steepest slope."""
    schedule, unit = plan.spec.schedule, U if plan.spec.schedule.per == "epoch" else 1
    top, waves = 1.0, getattr(schedule, "half_waves", 1.0)
    span = (plan.horizon - plan.warmup_updates) / unit
    shortest = span
    if isinstance(schedule, OneCycle):
        falls = (1 - schedule.rise * (2 if schedule.three_phase else 1)) * span
        shortest = min(schedule.rise * span - 1, falls)
    if isinstance(schedule, Cyclic):
        top = schedule.max_lr / plan.spec.optimizer.lr
        shortest = min(schedule.up, schedule.down)
    first = plan.warmup_updates
    factors = [plan.factor_at(t) for t in range(first, plan.horizon + 20, unit)]
    steps = np.abs(np.diff(factors))

    assert (steps <= top * max(1.0, waves * np.pi / 2) / shortest + 2**-40).all()


@given(values=parts(), steps=st.integers(0, 40), t=st.integers(0, 300))
def test_warmup_before_only_moves_the_schedule(values: dict[str, Any], steps: int, t: int) -> None:
    """To the last bit."""
    schedule = values["schedule"]
    first = schedule.get("phases", [values])[0]["schedule"]
    if any(one["name"] in ("one_cycle", "noam") for one in [first, *first.get("schedules", [])]):
        reject()
    alone = planned(values | {"warmup": None, "shift": 0})
    moved = planned(values | {"warmup": {"steps": steps, "counted": "before"}, "shift": 0})

    assert moved.lr_at(t + moved.warmup_updates) == alone.lr_at(t)


@given(values=parts(), t=st.integers(0, 300), counted=st.sampled_from(["over", "times"]))
def test_a_schedule_that_knows_no_warmup(values: dict[str, Any], t: int, counted: str) -> None:
    """It is what it is without one, to the last bit, and the rise what it is before a constant."""
    if values["warmup"] is None:
        reject()
    form = values["warmup"] | {"counted": counted}
    constant = {"name": "constant", "per": values["schedule"]["per"]}
    both = planned(values | {"warmup": form})
    alone = planned(values | {"warmup": None})
    rise = planned(values | {"schedule": constant, "warmup": form})
    risen = both.spec.shift * both.curve.updates_per_count + t >= both.warmup_updates

    if counted == "times":
        assert both.factor_at(t) == rise.factor_at(t) * alone.factor_at(t)
    else:
        assert both.factor_at(t) == (alone if risen else rise).factor_at(t)


@given(values=parts(), t=st.integers(0, 300))
def test_a_shift_moves_the_clock(values: dict[str, Any], t: int) -> None:
    """To the last bit; the first rate holds before there is another."""
    shifted, plain = planned(values), planned(values | {"shift": 0})
    unit = U if plain.spec.schedule.per == "epoch" else 1
    assert shifted.lr_at(t) == plain.lr_at(max(0, t + shifted.spec.shift * unit))


@given(values=parts(), t=st.integers(0, 300))
def test_per_epoch_is_the_same_curve_held_for_an_epoch(values: dict[str, Any], t: int) -> None:
    """To the last bit."""
    values |= {"horizon": counts(values) or 50}
    if values["warmup"] is not None and values["warmup"].keys() & {"updates", "epochs"}:
        reject()  # which rise at every update
    held = planned(values | {"schedule": counting(values["schedule"], "epoch")})
    plain = planned(values | {"schedule": counting(values["schedule"], "update")})

    assert held.lr_at(t) == plain.lr_at(t // U)


def counts(values: dict[str, Any]) -> int | None:
    """The horizon, if it is in what the schedule counts."""
    return horizon if isinstance(horizon := values["horizon"], int) else None


def counting(schedule: dict[str, Any], per: str) -> dict[str, Any]:
    """The schedule by updates or epochs; of a product each of its schedules."""
    within = [one | {"per": per} for one in schedule.get("schedules", [])]
    return schedule | {"per": per} | ({"schedules": within} if within else {})


@given(values=parts(("sequential",)), t=st.integers(0, 300))
def test_a_phase_is_the_schedule_alone(values: dict[str, Any], t: int) -> None:
    """With the phase's length as its horizon, to the last bit."""
    values |= {"warmup": None, "horizon": counts(values) or 200, "shift": 0}
    values["schedule"] |= {"per": "update"}
    whole = planned(values)
    begin, phases = 0, values["schedule"]["phases"]
    lengths = [phase.get("updates", 0) for phase in phases]
    lengths[-1] = values["horizon"] - sum(lengths)
    while t >= begin + lengths[0] and len(lengths) > 1:
        begin += lengths.pop(0)
    phase, length = phases[-len(lengths)], lengths[0]
    if phase["schedule"]["name"] == "piecewise":
        reject()  # alone it must begin with the base rate
    own = phase.get("lr") or values["optimizer"]["lr"]
    optimizer = values["optimizer"] | {"lr": own}
    alone = planned(
        values | {"schedule": phase["schedule"], "horizon": length, "optimizer": optimizer}
    )

    if own == values["optimizer"]["lr"]:
        assert whole.lr_at(t) == alone.lr_at(t - begin)
    else:  # its factor is over another base rate
        assert whole.lr_at(t) == pytest.approx(alone.lr_at(t - begin), rel=2**-50)


@given(parts())
def test_a_spec_as_text_says_the_same(values: dict[str, Any]) -> None:
    """A trace's header and a worker's task hold specs as text."""
    spec = Spec(**values)
    assert Spec.model_validate_json(spec.model_dump_json()) == spec
    assert Spec(**spec.model_dump()) == spec
