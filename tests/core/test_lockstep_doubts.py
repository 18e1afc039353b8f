"""What nobody can compare is said as that, and what one side alone does is a difference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dualtrain.lockstep import Led, Pass, Reading, Shown, judge_gradients
from tests.passes import Net, initial, led, shown

NET, WEIGHTS = Net.of(3), initial(3)
LEADING = NET.passed(WEIGHTS)
UPDATE = led(WEIGHTS, LEADING)
A, B = (shown(net, WEIGHTS, LEADING) for net in (NET, NET.reordered()))


def said(a: Shown = A, b: Shown = B, update: Led = UPDATE) -> list[Reading]:
    return [r for r in judge_gradients(update, a, b) if r.outcome != "agrees"]


def only(a: Shown = A, b: Shown = B, update: Led = UPDATE) -> Reading:
    (reading,) = said(a, b, update)
    return reading


def with_gradient(made: Pass, name: str, array: Any) -> Pass:
    return replace(made, gradients={**made.gradients, name: array})


def lost(side: Shown, value: float = np.nan) -> Shown:
    """A side whose pass left the numbers in one gradient."""
    array = np.full_like(side.passed.gradients["norm.bias"], value)
    return replace(side, passed=with_gradient(side.passed, "norm.bias", array))


def test_nothing_is_said_of_honest_sides() -> None:
    assert said() == []


class TestBatches:
    @pytest.mark.parametrize("side", ["a", "b"])
    def test_others_are_no_matter_of_gradients(self, side: str) -> None:
        other = {"a": A, "b": B}
        other[side] = replace(other[side], batches=("another",))
        found = only(other["a"], other["b"])
        assert (found.what, found.side, found.outcome) == ("batches", side, "differs")
        assert found.detail == "micro-batch 0 is not that of the leading run"
        assert found.knob == "task, batch.size, seed"

    def test_a_missing_one_is_named(self) -> None:
        update = replace(UPDATE, batches=("0", "1"))
        found = only(replace(A, batches=("0", "1")), B, update)
        assert found.detail == "micro-batch 1 is not that of the leading run"


class TestRandomness:
    def test_of_both_sides_is_no_proof(self) -> None:
        found = said(replace(A, random="made twice"), replace(B, random="made twice"))
        assert [(r.side, r.outcome) for r in found] == [("a", "no proof"), ("b", "no proof")]
        assert found[0].detail == "the model is random: set its dropout to 0 (made twice)"

    def test_of_one_side_is_another_model(self) -> None:
        found = only(b=replace(B, random="made twice"))
        assert (found.side, found.outcome) == ("b", "differs")
        assert "set its dropout to 0" in found.detail


class TestReplay:
    """The leading side's own pass again, against the one of its free run."""

    def test_another_pass_is_no_proof(self) -> None:
        other = with_gradient(A.passed, "norm.bias", A.passed.gradients["norm.bias"] * 1.001)
        found = only(replace(A, passed=other))
        assert (found.what, found.side, found.outcome) == ("replay", "a", "no proof")
        assert found.tensor == "norm.bias"
        assert "no part of the state" in found.detail

    def test_kernels_that_add_up_in_any_order_are_told(self) -> None:
        again = replace(A, passed=NET.reordered(seed=9).passed(WEIGHTS))
        found = only(again)
        assert (found.what, found.outcome) == ("replay", "told")
        assert found.times < 1

    def test_another_update_is_no_proof(self) -> None:
        tensors = replace(UPDATE.after.tensors, weights=WEIGHTS | {"norm.bias": np.ones(16)})
        after = replace(UPDATE.after, tensors=tensors)
        found = only(replace(A, moved=replace(A.moved, after=after)))
        assert (found.what, found.outcome, found.tensor) == ("replay", "no proof", "norm.bias")
        assert "another update, in weights/norm.bias" in found.detail


class TestNumbers:
    def test_left_by_both_are_no_proof(self) -> None:
        a = lost(A)
        update = replace(UPDATE, attempt=7, passed=a.passed)
        found = only(a, lost(B, np.inf), update)
        assert (found.what, found.outcome) == ("numbers", "no proof")
        assert found.detail == (
            "both sides left the numbers at update 7: look at optimizer.lr, clip"
        )

    def test_left_by_one_differ(self) -> None:
        found = only(b=lost(B))
        assert (found.side, found.outcome, found.tensor) == ("b", "differs", "norm.bias")
        assert found.times == np.inf

    def test_an_overflow_of_both_sides_is_what_loss_scaling_is_for(self) -> None:
        a = lost(A, np.inf)
        readings = judge_gradients(led(WEIGHTS, a.passed, scale=2.0), a, lost(B, np.inf))
        assert {reading.outcome for reading in readings} == {"agrees"}
        assert {reading.detail for reading in readings} > {"in float64", "both sides overflow"}

    def test_an_overflow_of_one_side_may_be_rounding(self) -> None:
        found = only(b=lost(B, np.inf), update=led(WEIGHTS, LEADING, scale=2.0))
        assert (found.side, found.outcome, found.knob) == ("b", "no proof", "amp.loss_scale")


class TestAbsent:
    @pytest.mark.parametrize(("side", "lacking"), [("a", "b"), ("b", "a")])
    def test_a_gradient_of_one_side_alone_differs(self, side: str, lacking: str) -> None:
        one = {"a": A, "b": B}
        one[side] = replace(one[side], passed=with_gradient(one[side].passed, "x", np.zeros(2)))
        update = replace(UPDATE, passed=one["a"].passed)
        found = only(one["a"], one["b"], update)
        assert (found.tensor, found.side, found.outcome) == ("x", lacking, "differs")

    def test_another_shape_differs(self) -> None:
        other = with_gradient(B.passed, "second.bias", np.zeros(2))
        assert B.wide is not None
        wide = with_gradient(B.wide, "second.bias", np.zeros(2))
        found = only(b=replace(B, passed=other, wide=wide))
        assert (found.tensor, found.outcome, found.times) == ("second.bias", "differs", np.inf)


class TestFloat64:
    @pytest.mark.parametrize("why", ["float32 computes inside the model", ""])
    def test_without_it_the_passes_in_float32_decide(self, why: str) -> None:
        """Where it proves nothing it accuses nobody."""
        assert B.wide is not None
        far = with_gradient(B.wide, "norm.bias", B.wide.gradients["norm.bias"] * (1 + 1e-6))
        found = only(b=replace(B, wide=far if why else None, narrow=why))
        assert (found.what, found.outcome, found.side) == ("float64", "told", "b")
        assert found.detail == (why or "there is no pass in float64")

    def test_a_run_in_float64_is_held_to_it(self) -> None:
        a, b = (
            replace(side, passed=side.wide, wide=None) for side in (A, B) if side.wide is not None
        )
        readings = judge_gradients(replace(UPDATE, passed=a.passed), a, b, u=2.0**-53)
        assert {(r.outcome, r.detail[-10:]) for r in readings} == {("agrees", "in float64")}
        off = with_gradient(b.passed, "norm.bias", b.passed.gradients["norm.bias"] * (1 + 1e-6))
        readings = judge_gradients(
            replace(UPDATE, passed=a.passed), a, replace(b, passed=off), u=2.0**-53
        )
        assert {r.outcome for r in readings} == {"agrees", "differs"}


def test_a_fused_bias_is_judged_in_its_three_parts() -> None:
    """A fault in the key's part is nothing beside the other two, which carry the norm."""
    bias = np.repeat(np.array([1, 1e-9, 1], np.float32), 8)
    wrong = bias.copy()
    wrong[8:16] *= -1
    held = {}
    for side, array in (("a", bias), ("b", wrong)):
        shows = {"a": A, "b": B}[side]
        assert shows.wide is not None
        held[side] = replace(
            shows,
            passed=with_gradient(shows.passed, "attn.in_proj_bias", array),
            wide=with_gradient(shows.wide, "attn.in_proj_bias", array.astype(np.float64)),
        )
    found = only(held["a"], held["b"], replace(UPDATE, passed=held["a"].passed))
    assert (found.tensor, found.outcome) == ("attn.in_proj_bias (key)", "differs")
