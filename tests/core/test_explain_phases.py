"""Explanations: where each phase of the rate begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, reject

from dualtrain.dialects import DIALECTS, contrast
from dualtrain.errors import PlanError
from dualtrain.explain import MOST_SPANS, explain, spans
from dualtrain.plan import Plan
from dualtrain.report import dialect_lines, explanation_lines
from dualtrain.spec import Spec
from tests.plain_plans import CYCLE, RESTARTS, WSD, plan_of, schedule, steps
from tests.plateaus import PLATEAU
from tests.schedules import parts


def told(plan: Plan) -> list[tuple[str, int, int]]:
    return [(span.what, span.begin, span.end) for span in spans(plan)]


PHASES = [
    {"schedule": {"name": "constant"}, "updates": 30},
    {"schedule": {"name": "linear"}},
]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [("linear", 0, 100)]),
        (steps(10), [("warmup", 0, 10), ("linear", 10, 100)]),
        (
            {**steps(10), "horizon": 60},
            [("warmup", 0, 10), ("linear", 10, 60), ("past the horizon", 60, 100)],
        ),
        (
            {**schedule("step", every=30, gamma=0.1), **steps(10, counted="before")},
            [("warmup", 0, 10), ("step", 10, 40), ("step 1", 40, 70), ("step 2", 70, 100)],
        ),
        (
            {**schedule("step", every=30, gamma=0.1), **steps(40)},
            [("warmup", 0, 40), ("step 1", 40, 60), ("step 2", 60, 90), ("step 3", 90, 100)],
        ),
        (
            {**schedule("warmup_stable_decay", stable=0, **WSD | {"decay": 90}), **steps(10)},
            [("warmup", 0, 10), ("decay", 10, 100)],
        ),
        (
            {**schedule("cyclic", **CYCLE), **steps(12), "duration": {"updates": 20}},
            [("warmup", 0, 12), ("down 1", 12, 15), ("up 2", 15, 20)],
        ),
        (
            schedule("multistep", milestones=[30, 80, 120], gamma=0.1),
            [("multistep", 0, 30), ("past milestone 30", 30, 80), ("past milestone 80", 80, 100)],
        ),
        (
            schedule("piecewise", boundaries=[40], values=[0.1, 0.01]),
            [("piecewise", 0, 40), ("past boundary 40", 40, 100)],
        ),
        (
            schedule("cosine_with_restarts", cycles=3.0),
            [
                ("cosine_with_restarts", 0, 34),
                ("restart 1", 34, 67),
                ("restart 2", 67, 100),
            ],
        ),
        (
            {**schedule("polynomial", power=1.0, end_lr=0.0, cycle=True), "horizon": 40},
            [
                ("polynomial", 0, 41),
                ("lengthened 1 times", 41, 81),
                ("lengthened 2 times", 81, 100),
            ],
        ),
        (
            {**schedule("warmup_stable_decay", **WSD), **steps(10)},
            [("warmup", 0, 10), ("stable", 10, 70), ("decay", 70, 100)],
        ),
        (
            schedule("warmup_stable_decay", stable=20, **WSD),
            [("stable", 0, 20), ("decay", 20, 50), ("at min_lr", 50, 100)],
        ),
        (
            schedule("one_cycle", start_lr=0.01, end_lr=0.0, rise=0.3, shape="cosine"),
            [("rise", 0, 29), ("fall", 29, 100)],
        ),
        (  # the peak is at 28.5
            schedule("one_cycle", start_lr=0.01, end_lr=0.0, rise=0.295, shape="linear"),
            [("rise", 0, 29), ("fall", 29, 100)],
        ),
        (
            schedule(
                "one_cycle", start_lr=0.01, end_lr=0.0, rise=0.3, shape="linear", three_phase=True
            ),
            [("rise", 0, 29), ("fall", 29, 58), ("last fall", 58, 100)],
        ),
        (
            {**schedule("cyclic", **CYCLE), "duration": {"updates": 20}},
            [("up 1", 0, 10), ("down 1", 10, 15), ("up 2", 15, 20)],
        ),
        (
            schedule("cosine_annealing_warm_restarts", **RESTARTS),
            [
                ("cosine_annealing_warm_restarts", 0, 10),
                ("restart 1", 10, 30),
                ("restart 2", 30, 70),
                ("restart 3", 70, 100),
            ],
        ),
        (schedule("noam", d_model=64, warmup_steps=20), [("rise", 0, 20), ("fall", 20, 100)]),
        (
            {**schedule("sequential", phases=PHASES), **steps(10)},
            [("warmup", 0, 10), ("constant", 10, 30), ("linear", 30, 100)],
        ),
        (
            {
                **schedule("step", every=3, gamma=0.1, per="epoch"),
                "batch": {"accumulate": 2},
                "duration": {"epochs": 7},
            },
            [("step", 0, 15), ("step 1", 15, 30), ("step 2", 30, 35)],
        ),
        ({"schedule": PLATEAU}, []),
    ],
    ids=lambda value: str(value)[:60],
)
def test_where_each_phase_begins(changes: Any, expected: list[tuple[str, int, int]]) -> None:
    assert expected == told(plan_of(**changes))


def test_the_peaks_and_restarts_are_where_the_curve_has_them() -> None:
    """Each phase after the first begins where the curve turns up or down, or jumps."""
    for changes in (
        schedule("cosine_with_restarts", cycles=3.0),
        schedule("cyclic", **CYCLE),
        schedule("one_cycle", start_lr=0.01, end_lr=0.0, rise=0.3, shape="cosine"),
        {**schedule("polynomial", power=1.0, end_lr=0.0, cycle=True), "horizon": 40},
        schedule("cosine_annealing_warm_restarts", **RESTARTS),
    ):
        plan = plan_of(**changes)
        curve = plan.lr_curve()
        for span in spans(plan)[1:]:
            before, here = curve[span.begin - 1] - curve[span.begin - 2], curve[span.begin]
            after = curve[span.begin + 1] - here
            assert before * after < 0 or abs(here - curve[span.begin - 1]) > 3 * abs(after)


def test_rates_are_those_of_the_first_and_last_update_of_a_phase() -> None:
    plan = plan_of(**steps(10))
    warmup, linear = spans(plan)
    assert (warmup.first_lr, warmup.last_lr) == (plan.lr_at(0), plan.lr_at(9))
    assert (linear.first_lr, linear.last_lr) == (plan.lr_at(10), plan.lr_at(99))


def test_only_the_first_phases_of_many_are_told() -> None:
    plan = plan_of(**schedule("step", every=1, gamma=0.99), duration={"updates": 10**6})
    found = spans(plan)
    assert (len(found), found[-1].end) == (MOST_SPANS, MOST_SPANS)


@given(values=parts())
def test_any_run_is_told_without_a_gap(values: dict[str, Any]) -> None:
    """From update 0 to the last one, or to the last phase that is told; and compared."""
    try:
        plan = Plan.of(Spec(**values), micro_batches_per_epoch=10)
    except PlanError:
        reject()
    explanation = explain(plan)
    found = explanation.spans

    assert found[0].begin == 0
    assert [span.end for span in found[:-1]] == [span.begin for span in found[1:]]
    assert len(found) == MOST_SPANS or found[-1].end == plan.total_updates
    assert all(list(lines) for lines in (explanation_lines(explanation), compared(plan)))


def compared(plan: Plan) -> Iterator[str]:
    return dialect_lines(plan, contrast(plan, DIALECTS.values()), counted=True)
