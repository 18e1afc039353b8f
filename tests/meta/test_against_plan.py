"""A trace beside a plan: a run that did what its spec says agrees, any other is found out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dualtrain.cli import main
from dualtrain.errors import TraceError
from dualtrain.parity import compare_with_plan
from dualtrain.plan import Plan
from dualtrain.report import write_report
from dualtrain.report._words import remarks, verdict
from dualtrain.trace import End, PlanFacts, Trace
from tests.builders import plateau_spec
from tests.traces import (
    make_spec,
    make_trace,
    with_decision,
    with_parameter,
    with_update,
    without_plan,
    write_trace,
)

AMP: dict[str, Any] = {"amp": {"dtype": "float16", "loss_scale": {"init": 1024.0}}}


def scaled(**amp: Any) -> Trace:
    """Update 1 overflows: the scale is halved and the clock holds, or goes on."""
    trace = make_trace(amp={**AMP["amp"], **amp})
    assert trace.header.plan is not None
    plan, updates, t = trace.header.plan.resolved(), [], 0
    for n, update in enumerate(trace.updates):
        scale, skipped = 1024.0 if n < 2 else 512.0, n == 1
        updates.append(replace(update, t=t, lr=plan.lr_at(t), loss_scale=scale, skipped=skipped))
        t += not (skipped and plan.holds_on_skip)
    return replace(trace, updates=tuple(updates), evaluations=())


def test_a_run_that_followed_its_plan_agrees() -> None:
    comparison = compare_with_plan(make_trace())
    assert verdict(comparison) == "torch and the plan agree in 5 stages over 6 updates."
    assert [finding.stage for finding in comparison.findings] == [
        "plan",
        "decay",
        "learning rate",
        "accumulation",
        "clip",
    ]
    assert comparison.not_compared == ("loss scale (AMP is off on both sides)",)


@pytest.mark.parametrize("on_skip", ["hold", "advance"])
def test_a_skip_moves_scale_and_clock_as_the_plan_says(on_skip: str) -> None:
    comparison = compare_with_plan(scaled(on_skip=on_skip))
    assert comparison.agrees, comparison.first
    other = "advance" if on_skip == "hold" else "hold"
    first = compare_with_plan(replace_updates(scaled(on_skip=on_skip), scaled(on_skip=other))).first
    assert first is not None
    assert (first.stage, first.first_update) == ("learning rate", 2)


def replace_updates(trace: Trace, by: Trace) -> Trace:
    return replace(trace, updates=by.updates)


def with_plan(trace: Trace, **changes: Any) -> Trace:
    assert trace.header.plan is not None
    return replace(trace, header=replace(trace.header, plan=replace(trace.header.plan, **changes)))


OTHERWISE: dict[str, tuple[Callable[[Trace], Trace], str, int | None, str]] = {
    "a rate off by one ULP": (
        lambda trace: with_update(trace, 4, lr=math.nextafter(0.1 * 2 / 3, 1)),
        "learning rate",
        4,
        "update 4, lr: 0.06666666666666668 against 0.06666666666666667",
    ),
    "stepped once before the first update": (
        lambda trace: replace(
            trace,
            updates=tuple(
                replace(u, lr=v.lr)
                for u, v in zip(trace.updates, (*trace.updates[1:], trace.updates[0]), strict=True)
            ),
        ),
        "learning rate",
        0,
        "update 0, lr: 0.03333333333333333 against 0.0",
    ),
    "a momentum that nobody asked for": (
        lambda trace: with_update(trace, 3, momentum=0.9),
        "learning rate",
        3,
        "update 3, momentum: 0.9 against None",
    ),
    "a bias that decays": (
        lambda trace: with_parameter(trace, "dense.bias", effective_decay=0.01),
        "decay",
        None,
        "dense.bias: effective decay 0.01 against 0.0",
    ),
    "a multiplier that is not in effect": (
        lambda trace: with_decision(trace, "dense.bias", lr_multiplier=0.5),
        "decay",
        None,
        "dense.bias: effective lr multiplier 1.0 against 0.5",
    ),
    "a frozen parameter that trains": (
        lambda trace: with_decision(trace, "dense.bias", frozen=True),
        "decay",
        None,
        "dense.bias: effective decay 0.0 against None; effective lr multiplier 1.0 against None; "
        "trainable True against False",
    ),
    "one warmup update more": (
        lambda trace: with_plan(trace, warmup_updates=4),
        "plan",
        None,
        "warmup_updates 4 against 3",
    ),
    "an update less": (
        lambda trace: replace(trace, updates=trace.updates[:-1]),
        "plan",
        None,
        "updates recorded 5 against 6",
    ),
    "a tail joined to the group before": (
        lambda trace: with_update(trace, 2, micro_losses=(0.3, 0.4)),
        "accumulation",
        2,
        "update 2: 2 micro-batches against 1",
    ),
    "not clipped": (
        lambda trace: with_update(trace, 0, clipped_norm=2.0),
        "clip",
        0,
        "update 0, norm after clipping: 2 against 1",
    ),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_run_that_did_otherwise_is_found_out(name: str) -> None:
    change, stage, update, detail = OTHERWISE[name]
    comparison = compare_with_plan(change(make_trace()))
    differing = [finding.stage for finding in comparison.findings if not finding.agrees]
    assert differing == [stage]
    first = comparison.first
    assert first is not None
    assert (first.first_update, first.detail) == (update, detail)


def test_another_loss_scale_is_found_out() -> None:
    first = compare_with_plan(with_update(scaled(), 3, loss_scale=1024.0)).first
    assert first is not None
    assert (first.stage, first.first_update) == ("loss scale", 4)  # the update of t = 3
    assert first.detail.startswith("update 4 (t = 3): made at scale 1024.0 against made at scale")


def test_a_skip_without_a_loss_scale_is_found_out() -> None:
    """Nothing of such a plan can skip an update; so it is where the run parts from it."""
    first = compare_with_plan(with_update(make_trace(), 2, skipped=True)).first
    assert first is not None
    assert (first.stage, first.first_update) == ("loss scale", 2)
    assert first.detail == "update 2: skipped at scale None against made at scale None"


def test_a_model_that_holds_a_parameter_still_follows_its_plan() -> None:
    held = {"trainable": False, "effective_decay": None, "effective_lr_multiplier": None}
    assert compare_with_plan(with_parameter(make_trace(), "dense.bias", **held)).agrees


def test_a_run_that_was_not_done_is_no_proof_of_the_rest() -> None:
    trace = replace(make_trace(), updates=make_trace().updates[:4], evaluations=(), end=None)
    for end, told in ((None, "cut"), (End(reason="interrupted"), "interrupted")):
        comparison = compare_with_plan(replace(trace, end=end))
        assert comparison.verdict == "no proof"
        assert verdict(comparison) == (
            f"No proof: {told} after 4 updates. Look at what was not done."
        )
    assert "The trace of torch was cut after 4 updates." in remarks(compare_with_plan(trace))
    wrong = compare_with_plan(with_update(trace, 2, lr=1.0))
    assert wrong.verdict == "differs", "a difference counts before what proves nothing"


def test_a_run_that_left_the_finite_numbers_is_no_proof() -> None:
    comparison = compare_with_plan(with_update(make_trace(), 2, loss=math.nan))
    assert comparison.verdict == "no proof"
    assert "the run left the finite numbers at update 2: loss nan." in verdict(comparison)


def test_a_run_without_an_update_is_no_proof() -> None:
    run = scaled()
    skipped = replace(run, updates=tuple(replace(u, t=0, skipped=True) for u in run.updates))
    found = {f.stage: f for f in compare_with_plan(skipped).findings}
    assert found["updates made"].verdict == "no proof"
    assert found["updates made"].detail == "every update was skipped, all 6, so that nothing moved"


def test_a_script_is_compared_with_the_plan_it_is_given() -> None:
    script = without_plan(make_trace("paddle"))
    plan = Plan.of(make_spec(), micro_batches_per_epoch=5)
    comparison = compare_with_plan(script, plan)
    assert comparison.agrees
    assert comparison.not_compared[0] == "decay (without the model's ledger a plan does not say it)"
    other = Plan.of(make_spec(warmup={"steps": 2}), micro_batches_per_epoch=5)
    first = compare_with_plan(script, other).first
    assert first is not None
    assert (first.stage, first.first_update, first.knob) == (
        "learning rate",
        1,
        "optimizer.lr, schedule, warmup, horizon, shift",
    )


def test_a_trace_without_a_plan_needs_one() -> None:
    with pytest.raises(TraceError, match=r"compared with the plan of a spec\. Received: none"):
        compare_with_plan(without_plan(make_trace()))


def test_rates_that_metrics_decide_are_not_compared() -> None:
    trace = make_trace()
    plan = Plan.of(plateau_spec(duration={"updates": 6}), micro_batches_per_epoch=5)
    trace = replace(trace, header=replace(trace.header, plan=PlanFacts.of(plan)))
    comparison = compare_with_plan(trace)
    assert "learning rate (metrics decide it in training)" in comparison.not_compared


def test_a_report_against_a_plan_has_the_rates_only(tmp_path: Path) -> None:
    write_report(tmp_path, compare_with_plan(make_trace()))
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "loss.png").exists()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [side["backend"] for side in summary["sides"]] == ["torch"]


# The command


def diff(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["diff", *map(str, arguments)])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def spec_file(folder: Path, **changes: Any) -> Path:
    path = folder / "spec.json"
    path.write_text(make_spec(**changes).model_dump_json())
    return path


def test_diff_of_one_trace_is_with_its_own_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diff(write_trace(tmp_path / "a.jsonl", make_trace())) == 0
    assert "torch and the plan agree in 5 stages" in capsys.readouterr().out
    assert diff(write_trace(tmp_path / "b.jsonl", with_update(make_trace(), 4, lr=1.0))) == 1
    assert "update 4, lr: 1.0 against" in " ".join(capsys.readouterr().out.split())


def test_diff_with_a_spec_takes_the_sizes_of_the_trace(tmp_path: Path) -> None:
    trace = write_trace(tmp_path / "a.jsonl", make_trace())
    assert diff(trace, "--plan", spec_file(tmp_path)) == 0
    assert diff(trace, "--plan", spec_file(tmp_path, warmup=None)) == 1


def test_diff_of_a_script_with_a_spec_needs_the_sizes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = write_trace(tmp_path / "a.jsonl", without_plan(make_trace()))
    in_updates = spec_file(tmp_path, duration={"updates": 6})
    assert diff(trace, "--plan", in_updates, "--micro-batches", 5) == 0
    assert diff(trace, "--plan", in_updates) == 2
    assert "decide how large its last group is" in " ".join(
        capsys.readouterr().err.replace("│", " ").split()
    )
    single = spec_file(tmp_path, duration={"updates": 6}, batch={"accumulate": 1})
    assert diff(trace, "--plan", single) == 1  # two micro-batches an update
    assert diff(trace) == 2
    told = f"{trace}: a trace without a plan of its own is compared with another, "
    assert capsys.readouterr().err.endswith(
        f"{told}or with the spec that --plan names. Received: neither\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--plan", "spec.json", "b.jsonl"], "takes the place of B. Received: both"),
        (["--floor", "b.jsonl"], "is for two traces. Received: one"),
        (["--micro-batches", "5"], "is for the spec that --plan names. Received: no --plan"),
        (["--report", __file__], "a report is a folder. Received: a file"),
    ],
)
def test_options_without_anything_to_do_are_refused(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diff(write_trace(tmp_path / "a.jsonl", make_trace()), *arguments) == 2
    assert told in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_another_plan_is_held_against_the_spec_too() -> None:
    """No rate, size or norm tells of another optimizer."""
    made = make_trace()
    assert compare_with_plan(made, planned(make_spec())).agrees
    optimizer = {"name": "adamw", "lr": 0.1, "eps": 1e-6}
    first = compare_with_plan(made, planned(make_spec(optimizer=optimizer))).first
    assert first is not None
    assert first.stage == "spec"
    assert first.detail == "optimizer.eps 1e-08 against 1e-06"


def test_a_run_that_did_not_clip_is_found_out() -> None:
    """By the norm before clipping, with a plan of the run's own: a script may not record more."""
    made = make_trace()
    made = replace(made, updates=tuple(replace(u, clipped_norm=None) for u in made.updates))
    for trace, found in ((made, True), (without_plan(made), False)):
        first = compare_with_plan(trace, planned(make_spec())).first
        assert (first is not None and first.stage == "clip") == found


def test_a_trace_cut_early_in_a_long_run_takes_no_table_of_it(tmp_path: Path) -> None:
    """10^12 rates have no room anywhere, and what is recorded needs a thousand."""
    begun = replace(make_trace(duration={"updates": 10**12}), evaluations=(), end=None)
    assert len(begun.updates) == 1000
    comparison = compare_with_plan(begun)
    assert comparison.verdict == "no proof"
    write_report(tmp_path, comparison)
    assert (tmp_path / "lr.png").is_file()
    first = compare_with_plan(with_update(begun, 4, lr=1.0)).first
    assert first is not None
    assert (first.stage, first.first_update) == ("learning rate", 4)


def test_a_trace_that_has_only_begun_is_told_as_such() -> None:
    comparison = compare_with_plan(replace(make_trace(), updates=(), evaluations=(), end=None))
    assert "learning rate (no update is recorded)" in comparison.not_compared


def planned(spec: Any) -> Plan:
    own = make_trace().header.plan
    assert own is not None
    return Plan.of(spec, micro_batches_per_epoch=own.micro_batches_per_epoch)
