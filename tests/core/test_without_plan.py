"""Traces that are facts only: two are compared, one beside a run of dualtrain, one with a plan."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dualtrain.parity import Comparison, compare, compare_headers
from dualtrain.report import write_report
from dualtrain.report._words import remarks, verdict
from dualtrain.trace import Computation, End, Evaluation, Header, Trace, Update
from tests.traces import make_trace, make_weights, with_parameter, with_update, without_plan


def script(backend: str = "torch", **computation: Any) -> Trace:
    """What can be seen of a script from outside: rates and losses."""
    header = Header(
        backend=backend,
        versions={backend: "1.0"},
        device="cpu",
        computation=Computation(**{"dtype": "float32", **computation}),
        parameters=(),
        initial_digest={},
    )
    updates = tuple(
        Update(attempt=u.attempt, t=u.t, lr=u.lr, loss=u.loss) for u in make_trace().updates
    )
    return Trace(header, updates, (), End(reason="done"))


def stages(comparison: Comparison, *, agrees: bool = True) -> list[str]:
    return [f.stage for f in comparison.findings if f.agrees == agrees]


def test_two_scripts_are_compared_by_what_they_record() -> None:
    comparison = compare(script("torch"), script("paddle"))
    assert stages(comparison) == ["plan", "learning rate", "accumulation"]
    assert comparison.agrees
    assert "spec (not both traces have one)" in comparison.not_compared
    assert verdict(comparison) == "torch and paddle agree in 3 stages over 6 updates."


def test_another_rate_or_loss_is_found() -> None:
    for change, stage in (({"lr": 0.5}, "learning rate"), ({"loss": 9.0}, "accumulation")):
        first = compare(script(), with_update(script(), 2, **change)).first
        assert first is not None
        assert (first.stage, first.first_update) == (stage, 2)


def test_what_only_one_trace_records_is_no_difference() -> None:
    """A run of dualtrain beside a script: no digests, norms or evaluation there."""
    for a, b in ((make_trace(), script("paddle")), (script("paddle"), make_trace())):
        comparison = compare(a, b)
        assert (stages(comparison), comparison.agrees) == (
            ["plan", "learning rate", "accumulation"],
            True,
        )
        told = " ".join(comparison.not_compared)
        for stage in ("batches", "decay", "initial weights", "initial output", "loss", "clip"):
            assert f"{stage} (not both traces record it)" in told
        assert "evaluation (not both traces have one)" in told
    assert (comparison.a.header.plan, comparison.b) == (None, make_trace()), "given as they were"


def test_a_loop_that_never_showed_its_data_is_compared_with_one_that_did() -> None:
    """Both have a plan; what only the data tells is no difference, all else is."""
    a = make_trace()
    loop = replace(
        a,
        header=replace(a.header, probe=None, data_digest=None),
        updates=tuple(replace(u, batches=()) for u in a.updates),
        evaluations=(),
    )
    for x, y in ((a, loop), (loop, a)):
        comparison = compare(x, y)
        assert comparison.first is None, comparison.first
        assert "initial output (not both traces record it)" in comparison.not_compared
    unmeasured = replace(loop, updates=tuple(replace(u, grad_norm=None) for u in loop.updates))
    assert stages(compare(a, unmeasured), agrees=False) == ["accumulation"]


def test_without_plans_the_facts_of_parameters_are_compared() -> None:
    a = without_plan(make_trace())
    b = with_parameter(a, "dense.weight", effective_decay=0.0)
    for other in (b, make_trace()):
        assert compare(a, other).agrees == (other is not b)
    first = compare(a, b).first
    assert first is not None
    assert (first.stage, first.detail, first.knob) == (
        "decay",
        "dense.weight: effective decay 0.01 against 0.0",
        "weight_decay, lr_multipliers, own_betas, layer_decay, freeze",
    )


def test_tolerances_follow_from_the_recorded_types() -> None:
    """Of the coarser one; and what the specs cannot say the stage `computation` does."""
    a = script(dtype="bfloat16", level="O1")
    b = with_update(a, 2, loss=a.updates[2].loss * (1 + 48 * 2.0**-7 * 0.9))
    assert compare(a, b).agrees
    coarse = replace(script(), updates=b.updates)
    for x, y in ((a, coarse), (coarse, a)):
        comparison = compare(x, y)
        assert stages(comparison, agrees=False) == ["computation"]
    assert comparison.first is not None
    assert comparison.first.detail == "float32 against bfloat16 O1"
    assert stages(compare(coarse, script()), agrees=False) == ["accumulation"]


def test_the_tail_is_told_by_the_longest_group() -> None:
    a = without_plan(make_trace())
    first = compare(a, with_update(a, 2, grad_norm=9.0)).first
    assert first is not None
    assert (first.stage, first.knob) == ("accumulation", "batch.tail")


def test_a_report_of_two_scripts_can_be_written(tmp_path: Path) -> None:
    write_report(tmp_path, compare(script("torch"), script("paddle")))
    for name in ("lr.png", "loss.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "summary.md").read_text()
    assert "- paddle: paddle 1.0; cpu; float32" in text


def test_headers_of_scripts_tell_whether_they_start_alike() -> None:
    a, b = script().header, script(dtype="float16").header
    assert compare_headers(a, a).starts_alike
    assert not compare_headers(a, b).starts_alike


# Runs that were not done


def cut(trace: Trace, count: int, end: End | None = None) -> Trace:
    return replace(trace, updates=trace.updates[:count], evaluations=(), end=end)


@pytest.mark.parametrize("meant", [True, False], ids=["with a plan", "without"])
@pytest.mark.parametrize(
    ("end", "told", "remark"),
    [
        (None, "cut after 4 updates", "The trace of paddle was cut after 4 updates."),
        (
            End(reason="error: DataError: no such class"),
            "error: DataError: no such class after 4 updates",
            "The run of paddle was not done after 4 updates (error: DataError: no such class).",
        ),
        (
            End(reason="interrupted"),
            "interrupted after 4 updates",
            "The run of paddle was not done after 4 updates (interrupted).",
        ),
    ],
    ids=["cut", "error", "interrupted"],
)
def test_a_run_that_is_done_beside_one_that_is_not(
    end: End | None, told: str, remark: str, meant: bool
) -> None:
    """It proves nothing, and nothing that training arrived at is compared."""
    a, b = make_trace("torch"), cut(make_trace("paddle"), 4, end)
    a, b = (a, b) if meant else (without_plan(a), without_plan(b))
    for comparison in (
        compare(a, b, weights=(make_weights(), make_weights(1.0))),
        compare(b, a, weights=(make_weights(1.0), make_weights())),
    ):
        assert stages(comparison, agrees=False) == ["end"]
        assert comparison.first is not None
        assert (comparison.first.first_update, comparison.first.largest) == (4, 2)
        assert told in verdict(comparison)
        assert "done after 6 updates" in verdict(comparison)
        assert verdict(comparison).startswith("No proof: ")
        assert remark in remarks(comparison)
        assert "update (one side was not done)" in comparison.not_compared
        assert "evaluation (one side was not done)" in comparison.not_compared


def test_what_parts_before_the_cut_comes_first() -> None:
    first = compare(make_trace(), cut(with_update(make_trace(), 2, lr=1.0), 4)).first
    assert first is not None
    assert (first.stage, first.first_update) == ("learning rate", 2)


@pytest.mark.parametrize("end", [None, End(reason="interrupted"), End(reason="closed after 4")])
def test_two_runs_that_stopped_alike_prove_nothing(end: End | None) -> None:
    """They agree as far as they go; nobody saw the rest."""
    a, b = cut(make_trace("torch"), 4, end), cut(make_trace("paddle"), 4, end)
    comparison = compare(a, b)
    assert (comparison.verdict, stages(comparison, agrees=False)) == ("no proof", ["end"])
    assert verdict(comparison) == (
        f"No proof: {a.outcome} after 4 updates on both sides. Look at what was not done."
    )
    weights = make_weights(), make_weights(1.0)
    assert compare(a, b, weights=weights).verdict == "differs", "as far as both came"


def test_a_cut_trace_is_told_of() -> None:
    comparison = compare(cut(make_trace("torch"), 4), cut(make_trace("paddle"), 4))
    assert "The trace of torch was cut after 4 updates." in remarks(comparison)


# Evaluations


def evaluated(*evaluations: Evaluation) -> Trace:
    return replace(make_trace(), evaluations=evaluations)


def test_a_metric_is_compared_by_its_name() -> None:
    def of(**metrics: float) -> Trace:
        return evaluated(Evaluation(t=6, examples=9, loss=0.5, metrics=metrics))

    assert compare(of(mae=1e3), of(mae=1e3 * (1 + 9e-6))).agrees
    for other, detail in (
        (of(mae=1e3 * (1 + 11e-6)), f"mae 1000.0 against {1e3 * (1 + 11e-6)}"),
        (of(mae=math.nan), "mae 1000.0 against nan"),
        (of(), "mae 1000.0 against None"),
        (of(mae=1e3, r2=0.5), "r2 None against 0.5"),
    ):
        first = compare(of(mae=1e3), other).first
        assert first is not None
        assert (first.stage, first.detail) == ("evaluation", detail)
    assert "Held-out loss: torch (a) 0.5 over 9 examples" in " ".join(remarks(compare(of(), of())))


def test_evaluations_during_training_are_compared_too() -> None:
    early = Evaluation(t=3, examples=9, loss=0.9)
    last = Evaluation(t=6, examples=9, loss=0.5)
    a = evaluated(early, last)
    for b, detail in (
        (evaluated(replace(early, loss=0.8), last), "at t = 3, evaluation loss 0.9 against 0.8"),
        (evaluated(early), "evaluation: one of 9 against none"),
        (
            evaluated(early, replace(last, examples=8)),
            "9 examples against 8",
        ),
    ):
        first = compare(a, b).first
        assert first is not None
        assert first.detail == detail


# The series of a stage


def test_a_finding_keeps_what_was_measured_at_each_update() -> None:
    a = make_trace()
    b = with_update(with_update(a, 1, lr=math.nextafter(a.updates[1].lr, 1)), 4, batches=("x", "y"))
    series = {f.stage: f.series for f in compare(a, b).findings}
    assert series["learning rate"].updates == (0, 1, 2, 3, 4, 5)
    assert series["learning rate"].values == (0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    assert series["batches"].values == (0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    assert series["clip"].bounds == (1e-3,) * 6
    assert series["decay"].updates == ()


def test_a_series_shows_where_the_floor_lets_more_pass() -> None:
    a = make_trace()
    again = with_update(a, 3, micro_losses=tuple(x + 1e-5 for x in a.updates[3].micro_losses))
    weights = make_weights()
    found = compare(a, a, weights=(weights, weights), floors=[(again, weights)]).findings
    (series,) = (f.series for f in found if f.stage == "loss")
    assert series.bounds[:3] == (1e-5,) * 3
    assert series.bounds[3:] == pytest.approx((30e-5,) * 3)
