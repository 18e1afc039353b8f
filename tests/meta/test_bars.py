"""Where each bar of a comparison stands: just below it two runs agree, just beyond they do not.

A bar that is moved, a fifth up or down, fails here. The numbers are written out; `_tolerances.py`
gives the reasons for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dualtrain.parity import Comparison, WeightSet, compare
from dualtrain.trace import Evaluation, Trace
from tests.changes import evaluation, header
from tests.traces import make_trace, weight_set, with_losses, with_update

FLOAT32: dict[str, Any] = {}
FLOAT16: dict[str, Any] = {"amp": {"dtype": "float16"}}
BFLOAT16: dict[str, Any] = {"amp": {"dtype": "bfloat16"}}
LOW = ((FLOAT16, 2.0**-10), (BFLOAT16, 2.0**-7))
"""A type, and its ULP of 1."""

Pair = tuple[Trace, Trace]


def logits(spec: dict[str, Any], apart: float) -> Pair:
    a = make_trace(**spec)
    return a, header(probe=((0.25, -0.5), (1.5, 2.0 * (1 - apart))))(a)


def small_logits(spec: dict[str, Any], apart: float) -> Pair:
    """Below 1 a logit is measured as if it were 1."""
    a = make_trace(**spec)
    return a, header(probe=((0.25 + apart, -0.5), (1.5, 2.0)))(a)


def losses(spec: dict[str, Any], apart: float) -> Pair:
    """Below 1 a loss is measured as if it were 1: those of update 3 are near 0.25."""
    a = make_trace(**spec)
    return a, with_update(a, 3, micro_losses=tuple(x + apart for x in a.updates[3].micro_losses))


def norms(spec: dict[str, Any], apart: float) -> Pair:
    a = make_trace(**spec)
    return a, with_update(a, 1, grad_norm=1.0 - apart)


def clipped_norms(spec: dict[str, Any], apart: float) -> Pair:
    a = make_trace(**spec)
    return a, with_update(a, 1, clipped_norm=1.0 - apart)


def small_norms(spec: dict[str, Any], apart: float) -> Pair:
    a = with_update(make_trace(**spec), 1, grad_norm=0.0, clipped_norm=0.0)
    return a, with_update(a, 1, grad_norm=apart)


def held_out_losses(spec: dict[str, Any], apart: float) -> Pair:
    a = make_trace(**spec)
    return a, evaluation(loss=0.5 + apart)(a)


def metrics(spec: dict[str, Any], apart: float) -> Pair:
    a = evaluation(metrics={"f1": 0.5})(make_trace(**spec))
    return a, evaluation(metrics={"f1": 0.5 + apart})(a)


def answers(spec: dict[str, Any], apart: float) -> Pair:
    """Of 6,400 examples."""
    held_out = Evaluation(t=6, examples=6400, loss=0.5, correct=3200)
    a = replace(make_trace(**spec), evaluations=(held_out,))
    return a, evaluation(correct=3200 + round(apart))(a)


BARS: dict[str, tuple[Callable[[dict[str, Any], float], Pair], dict[str, Any], float]] = {
    "logits": (logits, FLOAT32, 2.0**-13),
    "logits near 0": (small_logits, FLOAT32, 2.0**-13),
    "losses": (losses, FLOAT32, 1e-5),
    "norms": (norms, FLOAT32, 1e-3),
    "clipped norms": (clipped_norms, FLOAT32, 1e-3),
    "norms near 0": (small_norms, FLOAT32, 1e-6),
    "held-out losses": (held_out_losses, FLOAT32, 1e-5),
    "metrics": (metrics, FLOAT32, 1e-5),
} | {
    f"{spec['amp']['dtype']}: {name}": (pair, spec, ulps * ulp)
    for spec, ulp in LOW
    for name, pair, ulps in (
        ("logits", logits, 4),
        ("losses", losses, 4),
        ("norms", norms, 48),
        ("clipped norms", clipped_norms, 48),
        ("held-out losses", held_out_losses, 4),
        ("metrics", metrics, 4),
        ("answers", answers, 4 * 6400),
    )
}
"""What is put apart, in which type, and how far it may be."""


@pytest.mark.parametrize("name", BARS)
def test_a_bar_stands_where_it_stood(name: str) -> None:
    pair, spec, bar = BARS[name]
    assert compare(*pair(spec, 0.9 * bar)).agrees
    assert compare(*pair(spec, 1.1 * bar)).verdict == "differs"


def test_in_float32_one_answer_may_be_another() -> None:
    assert [compare(*answers(FLOAT32, n)).agrees for n in (0, 1, 2)] == [True, True, False]


def ended(spec: dict[str, Any], a: WeightSet, b: WeightSet, *floors: WeightSet) -> Comparison:
    trace = make_trace(**spec)
    return compare(trace, trace, weights=(a, b), floors=[(trace, again) for again in floors])


@pytest.mark.parametrize(
    ("spec", "bar"),
    [(FLOAT32, 1e-5), *((spec, 16 * ulp) for spec, ulp in LOW)],
    ids=["float32", "float16", "bfloat16"],
)
def test_the_bar_of_the_final_weights(spec: dict[str, Any], bar: float) -> None:
    """Of a movement of 1."""
    a = weight_set(w=([0.0], [1.0]))
    near, far = (weight_set(w=([0.0], [1.0 - times * bar])) for times in (0.9, 1.1))
    assert ended(spec, a, near).agrees
    assert ended(spec, a, far).verdict == "differs"


@pytest.mark.parametrize(
    ("name", "bar"),
    [
        # sqrt(1000) x 2^-24, and for what decays 1000 x 3e-8, times weights of 1000, and 1e-5
        ("dense.bias", 1.895e-3),
        ("dense.weight", 3.190e-2),
    ],
    ids=["storage", "storage and decay"],
)
def test_the_bar_of_rounding_in_a_thousand_updates(name: str, bar: float) -> None:
    spec: dict[str, Any] = {"duration": {"updates": 1000}}
    a = weight_set(**{name: ([999.0], [1000.0])})
    near, far = (weight_set(**{name: ([999.0], [1000.0 - x * bar])}) for x in (0.9, 1.1))
    assert ended(spec, a, near).agrees
    assert ended(spec, a, far).verdict == "differs"


@pytest.mark.parametrize(
    ("again", "share"),
    [(None, 0.05), (lambda moved: moved * 0.6, 0.05), (lambda moved: -moved, 0.25)],
    ids=["no floor", "a floor of 0.4", "a floor of 2"],
)
def test_the_share_up_to_which_a_tensor_stands_still(
    again: Callable[[float], float] | None, share: float
) -> None:
    """Of the whole: 999 elements that moved by 1, each by 1 ULP of rounding apart in the floor."""

    def run(end: float, by: float = 1.0) -> WeightSet:
        return weight_set(w=([0.0] * 999, [by] * 999), key=([0.0], [end]))

    for times, still in ((0.9, True), (1.1, False)):
        moved = times * share
        floors = [] if again is None else [run(again(moved), 1.02)]
        found = ended(FLOAT32, run(moved), run(-moved), *floors).weights
        assert found is not None
        assert still == ("key" in [tensor.name for tensor in found.by_rounding])


@pytest.mark.parametrize(("floors", "factor"), [(1, 30.0), (2, 16.0), (3, 12.0)])
def test_how_many_floors_are_allowed(floors: int, factor: float) -> None:
    a, again = weight_set(w=([0.0], [1.0])), weight_set(w=([0.0], [1.0 - 1e-3]))
    for times, agrees in ((0.98, True), (1.02, False)):
        b = weight_set(w=([0.0], [1.0 - times * factor * 1e-3]))
        assert agrees == ended(FLOAT32, a, b, *[again] * floors).agrees


def test_a_held_out_loss_has_a_quarter_of_the_losses_floors_before_it() -> None:
    """It is a mean over many samples, and may come out equal by chance: 30 x 1e-3 / 4."""
    a, still = make_trace(), weight_set(w=([0.0], [1.0]))
    again = with_losses(a, {1: 1e-3}), still
    for times, agrees in ((0.98, True), (1.02, False)):
        b = evaluation(loss=0.5 + times * 7.5e-3)(a)
        assert agrees == compare(a, b, weights=(still, still), floors=[again]).agrees
