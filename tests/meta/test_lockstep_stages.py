"""What was judged in lockstep decides a comparison; what the free runs came to is told."""

from __future__ import annotations

import math
from typing import Any

import pytest

from dualtrain.lockstep import Lockstep
from dualtrain.parity import Comparison, compare
from dualtrain.report._words import remarks, verdict
from tests.builders import PLATEAU
from tests.changes import both, evaluation, plan, update
from tests.lockstep import judging, with_reading
from tests.traces import make_spec, make_trace, make_weights

FREE = ["loss", "accumulation", "clip", "update", "evaluation"]

BETAS: dict[str, Any] = {
    "what": "second_moment",
    "value": 4e6,
    "bar": 4.0,
    "outcome": "differs",
    "knob": "optimizer.betas",
}


def compared(lockstep: Lockstep | None, **others: Any) -> Comparison:
    weights = make_weights(), make_weights()
    given: dict[str, Any] = {"a": make_trace("torch"), "b": make_trace("paddle"), **others}
    return compare(weights=given.pop("weights", weights), lockstep=lockstep, **given)


def chaotic() -> dict[str, Any]:
    """Free runs far apart at their end, as those of a run that magnifies rounding are."""
    late = both(
        update(5, micro_losses=(9.0,), loss=9.0, grad_norm=9.0, clipped_norm=9.0),
        evaluation(correct=0),
    )
    return {"b": late(make_trace("paddle")), "weights": (make_weights(), make_weights(0.5))}


def test_chaos_is_told_and_fails_nothing() -> None:
    without, judged = compared(None, **chaotic()), compared(judging(), **chaotic())
    assert without.verdict == "differs"
    assert judged.agrees
    assert [f.stage for f in judged.illustration] == FREE
    assert not any(f.agrees for f in judged.illustration)
    assert not {f.stage for f in judged.findings} & set(FREE)
    assert judged.weights is not None
    assert verdict(judged) == (
        "torch and paddle agree in 9 stages; of 6 updates 4 were judged, each from one state."
    )


def test_a_difference_names_update_tensor_half_side_and_knob() -> None:
    comparison = compared(with_reading(judging(), 2, **BETAS))
    assert comparison.verdict == "differs"
    assert comparison.first is not None
    assert comparison.first.largest == 1e6
    assert verdict(comparison) == (
        "torch and paddle differ. The first difference is in the stage 'rule': update 2, "
        "dense.weight, paddle: second_moment is 1e+06 times its bar. Look at optimizer.betas."
    )


@pytest.mark.parametrize(
    ("side", "said"), [("a", "dense.weight, torch: "), ("both", "dense.weight: ")]
)
def test_the_side_is_named(side: str, said: str) -> None:
    comparison = compared(with_reading(judging(), 2, **{**BETAS, "side": side}))
    assert comparison.first is not None
    assert comparison.first.detail.startswith(f"update 2, {said}second_moment")


def test_the_earliest_update_decides_then_the_gravest_reading() -> None:
    lockstep = with_reading(judging(), 4, **{**BETAS, "value": math.inf})
    lockstep = with_reading(lockstep, 2, **{**BETAS, "what": "weight", "value": 40.0})
    lockstep = with_reading(lockstep, 2, **BETAS)
    lockstep = with_reading(lockstep, 4, **{**BETAS, "half": "gradients"})
    comparison = compared(lockstep)
    first = comparison.first
    assert first is not None
    assert (first.stage, first.first_update, first.largest) == ("rule", 2, math.inf)
    assert "second_moment is 1e+06 times" in first.detail


def test_an_exact_stage_decides_beside_lockstep() -> None:
    comparison = compared(judging(), b=update(3, lr=0.5)(make_trace("paddle")))
    assert comparison.first is not None
    assert (comparison.first.stage, comparison.first.first_update) == ("learning rate", 3)


def test_what_follows_from_a_skip_is_told() -> None:
    """After it the clock of one side stands, so that rates and scales are no longer the same."""
    amp: dict[str, Any] = {"amp": {"dtype": "float16"}}
    skipped = both(update(3, skipped=True), update(4, lr=0.5, loss_scale=1.0))
    a, b = make_trace("torch", **amp), make_trace("paddle", **amp)
    told = compared(judging(), a=a, b=skipped(b))
    assert told.agrees
    beyond = {f.stage: f.first_update for f in told.illustration if not f.agrees}
    assert beyond == {"learning rate": 4, "loss scale": 3}
    before = compared(judging(), a=a, b=both(skipped, update(2, lr=0.5))(b))
    assert before.first is not None
    assert (before.first.stage, before.first.first_update) == ("learning rate", 2)


def test_a_rate_that_metrics_decide_is_told() -> None:
    a, b = (make_trace(name) for name in ("torch", "paddle"))
    rate = both(plan(spec=make_spec(schedule=PLATEAU, warmup=None)), update(3, lr=0.5))
    comparison = compared(
        judging(), a=plan(spec=make_spec(schedule=PLATEAU, warmup=None))(a), b=rate(b)
    )
    assert comparison.agrees, verdict(comparison)
    assert "learning rate" in {f.stage for f in comparison.illustration}


@pytest.mark.parametrize("half", ["gradients", "rule"])
def test_an_update_that_cannot_be_judged_is_no_agreement(half: str) -> None:
    said = {"half": half, "tensor": "", "outcome": "no proof", "knob": "optimizer.lr, clip"}
    detail = "both sides left the numbers at update 4"
    comparison = compared(with_reading(judging(), 4, what="gradient", detail=detail, **said))
    assert comparison.verdict == "no proof"
    assert comparison.first is not None
    assert (comparison.first.stage, comparison.first.first_update) == (half, 4)
    assert verdict(comparison) == (
        f"No proof: update 4, paddle: gradient: {detail}. Look at optimizer.lr, clip."
    )
    assert any(text.startswith("No proof here: update 4") for text in remarks(comparison))


def test_a_difference_counts_before_what_is_no_proof() -> None:
    lockstep = with_reading(judging(), 2, outcome="no proof", detail="it is random")
    comparison = compared(with_reading(lockstep, 4, **BETAS))
    assert comparison.first is not None
    assert (comparison.verdict, comparison.first.first_update) == ("differs", 4)


def test_a_kink_is_told_and_fails_nothing() -> None:
    kink = {"half": "gradients", "what": "gradient", "value": 2.0, "bar": 1.0, "side": "both"}
    comparison = compared(with_reading(judging(), 2, outcome="told", detail="a kink", **kink))
    assert comparison.agrees
    gradients = next(f for f in comparison.findings if f.stage == "gradients")
    assert gradients.largest == pytest.approx(0.1)
    told = "Told: update 2, dense.weight: gradient is 2 times its bar; a kink."
    assert told in remarks(comparison)


def test_a_half_that_was_not_judged_is_no_proof() -> None:
    for lockstep in (Lockstep(updates=(), total=6), judging()):
        rule_only = Lockstep(
            updates=tuple(
                type(one)(attempt=one.attempt, t=one.t, readings=one.readings[1:])
                for one in lockstep.updates
            ),
            total=6,
        )
        comparison = compared(rule_only)
        assert comparison.first is not None
        assert comparison.verdict == "no proof"
        assert (comparison.first.stage, comparison.first.detail) == (
            "gradients",
            "nothing was judged",
        )


def test_the_knob_is_narrowed_to_what_the_specs_have_otherwise() -> None:
    """To fields of the reading's own, else of its half; where only rounding differs, to none."""
    b = make_trace("paddle", optimizer={"name": "adamw", "lr": 0.1, "eps": 1e-6})
    for knob, expected in (
        ("optimizer", "optimizer.eps"),
        ("weight_decay", "optimizer.eps"),
        ("", ""),
    ):
        comparison = compared(with_reading(judging(), 0, **{**BETAS, "knob": knob}), b=b)
        first = comparison.first
        assert first is not None
        assert (first.stage, first.knob) == ("rule", expected)
        assert ("the specs differ: optimizer.eps" in first.detail) == bool(expected)
        assert ("Look at" in verdict(comparison)) == bool(expected)


def test_what_was_judged_and_how_near_it_came_is_said() -> None:
    assert remarks(compared(judging()))[:3] == [
        "Judged in lockstep, each from one state: 0, 2, 4, 5 of 6 updates.",
        "Nearest to its bar in the stage gradients: update 0, dense.weight: gradient is 0.1 times "
        "its bar.",
        "Nearest to its bar in the stage rule: update 0, dense.weight, paddle: weight is 0.5 times "
        "its bar.",
    ]
    many = judging(*range(0, 270, 13), 269, total=270)
    assert remarks(compared(many))[0] == (
        "Judged in lockstep, each from one state: 0, 13, 26 ... 269, 22 of 270 updates."
    )
