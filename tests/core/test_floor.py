"""The chaos floor: what it raises, of several the largest, and what is none."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain.errors import TraceError
from dualtrain.parity import WeightSet, compare, compare_files, compare_headers
from dualtrain.trace import End, Evaluation, Trace
from tests.changes import evaluation
from tests.traces import (
    make_trace,
    make_weights,
    weight_set,
    with_losses,
    with_update,
    write_run,
    write_trace,
)


def test_the_chaos_floor_is_that_of_judged_tensors() -> None:
    a = weight_set(w=([0.0], [1.0]), key=([0.0], [5e-6]))
    floor = weight_set(w=([0.0], [1.0 + 2.0**-20]), key=([0.0], [-5e-6]))
    weights = compare(
        make_trace(), make_trace(), weights=(a, a), floors=[(make_trace(), floor)]
    ).weights
    assert weights is not None
    assert pytest.approx(weights.floor) == 2.0**-20


@pytest.mark.parametrize(
    ("moved", "again", "still"),
    [(0.1, -0.1, True), (0.1, 0.1 + 1e-3, False), (0.4, -0.4, False)],
    ids=["noise", "reproducible", "noise as large as the rest"],
)
def test_a_floor_that_shows_noise_lets_a_tensor_move_farther(
    moved: float, again: float, still: bool
) -> None:
    a, b, floor = (
        weight_set(w=([0.0] * 9, [1.0] * 9), key=([0.0], [end])) for end in (moved, -moved, again)
    )
    weights = compare(
        make_trace(), make_trace(), weights=(a, b), floors=[(make_trace(), floor)]
    ).weights
    assert weights is not None
    assert still == ("key" in [tensor.name for tensor in weights.by_rounding])
    assert weights.chaotic != still


def test_the_chaos_floor_of_another_model_is_refused() -> None:
    a, other = make_weights(), weight_set(w=([0.0], [1.0]))
    with pytest.raises(TraceError, match=r"same parameters. Received: 1 parameters against 2"):
        compare(make_trace(), make_trace(), weights=(a, a), floors=[(make_trace(), other)])


@pytest.mark.parametrize(
    ("again", "other", "verdict"),
    [
        # Nothing apart by itself: the plain tolerance, and one answer.
        ({}, {"loss": 0.5 + 2e-5}, "differs"),
        ({}, {"correct": 62}, "agrees"),
        ({}, {"correct": 63}, "differs"),
        # Thirty times 1e-3 of a loss below 1, which are 0.08 of 80 answers.
        ({"loss": 0.501}, {"loss": 0.5299}, "agrees"),
        ({"loss": 0.501}, {"loss": 0.5301}, "differs"),
        ({"loss": 0.501}, {"correct": 63}, "agrees"),
        ({"loss": 0.501}, {"correct": 64}, "differs"),
        ({"loss": 0.501}, {"metrics": {"f1": 0.9}}, "differs"),
        # Thirty times 1 answer; a loss that parts by 0.005 lets 0.4 of 80 fall otherwise.
        ({"correct": 60}, {"correct": 31}, "agrees"),
        ({"correct": 60}, {"correct": 30}, "differs"),
        ({"correct": 60}, {"loss": 0.5 + 2e-5}, "differs"),
        ({"loss": 0.505}, {"correct": 73}, "agrees"),
        ({"loss": 0.505}, {"correct": 74}, "differs"),
        # What is exact stays exact, and a floor that is no number raises nothing.
        ({"loss": 0.52, "correct": 59}, {"examples": 81}, "differs"),
        ({"loss": math.nan}, {"loss": 0.51}, "differs"),
    ],
)
def test_a_measured_floor_raises_the_bars_of_the_evaluation(
    again: dict[str, Any], other: dict[str, Any], verdict: str
) -> None:
    """A run that magnifies rounding ends with another held-out loss, too, when it is made again."""
    a, weights = make_trace(), weight_set(w=([0.0], [1.0]))
    floor = evaluation(**again)(a), weights
    comparison = compare(
        a, evaluation(**other)(a), weights=(weights, weights), floors=[floor] if floor else []
    )
    assert comparison.verdict == verdict
    assert [f.stage for f in comparison.findings if f.verdict != "agrees"] == (
        [] if verdict == "agrees" else ["evaluation"]
    )


def test_an_evaluation_has_the_floor_of_those_up_to_it() -> None:
    early, late = Evaluation(t=3, examples=80, loss=0.6), Evaluation(t=15, examples=80, loss=0.5)

    def run(first: float, last: float) -> Trace:
        pair = replace(early, loss=first), replace(late, loss=last)
        return replace(make_trace(), evaluations=pair)

    a, weights = run(0.6, 0.5), weight_set(w=([0.0], [1.0]))
    floor = run(0.6, 0.501), weights
    verdicts = [
        compare(a, b, weights=(weights, weights), floors=[floor] if floor else []).verdict
        for b in (run(0.6, 0.52), run(0.6001, 0.5))
    ]
    assert verdicts == ["agrees", "differs"]


def test_a_measured_floor_raises_the_bars_of_training() -> None:
    """Thirty times what the run shows against itself, up to the same update.

    What it shows only later proves nothing: one of two runs crosses a kink first, by chance.
    """
    a, again = make_trace(), with_losses(make_trace(), {2: 1e-5})
    weights = weight_set(w=([0.0], [1.0]))

    def first(b: Trace, floor: tuple[Trace, WeightSet] | None) -> str | None:
        found = compare(a, b, weights=(weights, weights), floors=[floor] if floor else []).first
        return None if found is None else f"{found.verdict} {found.stage} {found.first_update}"

    late, early = with_losses(a, {3: 5e-5}), with_losses(a, {1: 5e-5})
    assert first(late, None) == "differs loss 3"
    assert first(late, (again, weights)) is None
    assert first(early, None) == "differs loss 1"
    assert first(early, (again, weights)) == "no proof loss 1"
    assert first(with_losses(a, {3: 29e-5}), (again, weights)) is None
    for update in (1, 3):
        far = with_losses(a, {update: 31e-5})
        assert first(far, (again, weights)) == f"differs loss {update}"


def test_what_side_a_alone_is_apart_by_is_no_floor() -> None:
    """The nudged run and side b say the same: then side a is not the run that was nudged."""
    again, weights = make_trace(), weight_set(w=([0.0], [1.0]))
    near = with_losses(again, {1: 1e-6})
    for by, told in ((29e-6 * 30, None), (31e-6 * 30, "loss 3"), (0.5, "loss 3")):
        a = with_losses(again, {3: by})
        first = compare(a, near, weights=(weights, weights), floors=[(again, weights)]).first
        assert told == (first and f"{first.stage} {first.first_update}")


def test_what_the_floor_allows_is_not_blamed_on_the_tail() -> None:
    """Apart by 0.6% in an epoch's short group: beyond the bar, within thirty times the floor."""
    a, weights = make_trace(), weight_set(w=([0.0], [1.0]))
    b, again = (with_update(a, 2, grad_norm=2 / 3 * (1 + x)) for x in (6e-3, 5e-4))
    for floor, knob in ((None, "batch.tail"), ((again, weights), None)):
        comparison = compare(a, b, weights=(weights, weights), floors=[floor] if floor else [])
        (finding,) = (f for f in comparison.findings if f.stage == "accumulation")
        assert ("only in groups of another size" in finding.detail) == (floor is None)
        assert knob == (comparison.first.knob if comparison.first else None)


def test_a_measured_floor_raises_the_bar_of_its_own_tensor() -> None:
    """Thirty times what the tensor shows against itself, or what all show together."""
    a = weight_set(v=([0.0], [1.0]), w=([0.0], [1.0]))
    b = weight_set(v=([0.0], [1.0]), w=([0.0], [1.001]))
    for v, w, agrees in (
        (0.0, 5e-5, True),
        (0.0, 2.5e-5, False),  # together, over both tensors' movement: 1.8e-5
        (5.5e-5, 0.0, True),  # 3.9e-5 together
        (4e-5, 0.0, False),
    ):
        again = weight_set(v=([0.0], [1.0 + v]), w=([0.0], [1.0 + w]))
        found = compare(make_trace(), make_trace(), weights=(a, b), floors=[(make_trace(), again)])
        assert found.agrees == agrees, (v, w)


def test_of_several_floors_the_largest_counts_and_a_smaller_multiple_of_it() -> None:
    """Each is a draw; three are rarely all small by chance."""
    a = weight_set(w=([0.0], [1.0]))
    sizes = (1e-5, 2e-5, 1e-4)
    floors = [(make_trace(), weight_set(w=([0.0], [1.0 + size]))) for size in sizes]
    for count, factor in ((1, 30), (2, 16), (3, 12)):
        for share, agrees in ((0.97, True), (1.03, False)):
            apart = share * factor * sizes[count - 1]
            b = weight_set(w=([0.0], [1.0 + apart]))
            for chosen in (floors[:count], floors[:count][::-1]):
                found = compare(make_trace(), make_trace(), weights=(a, b), floors=chosen)
                assert found.agrees == agrees, (count, share)


def test_what_a_nudge_itself_moves_is_no_floor() -> None:
    """In bfloat16 a nudge of 1 ULP is as large as many updates: only what follows it counts."""
    a = weight_set(w=([1.0], [1.5]))
    for begun, ended, floor in ((1 + 2.0**-7, 1.5 + 2.0**-7, 0.0), (1 - 2.0**-7, 1.5, 2.0**-6)):
        again = weight_set(w=([begun], [ended]))
        found = compare(make_trace(), make_trace(), weights=(a, a), floors=[(make_trace(), again)])
        assert found.weights is not None
        assert found.weights.floor == pytest.approx(floor, rel=0.02)


def test_an_initial_output_has_its_floor() -> None:
    """A deep model's logits part by more than a shallow one's; its own nudge says how much."""
    a = make_trace()
    b, again = (
        replace(a, header=replace(a.header, probe=((0.25, -0.5), (1.5 + apart, 2.0))))
        for apart in (4e-3, 3e-4)
    )
    assert not compare(a, b).starts_alike
    assert compare(a, b, floors=[(again, WeightSet({}, {}))]).starts_alike
    assert compare_headers(a.header, b.header, [again.header]).starts_alike
    far = replace(a.header, probe=((0.25, -0.5), (1.52, 2.0)))
    assert not compare_headers(a.header, far, [again.header]).starts_alike


def test_an_evaluation_that_is_equal_by_chance_has_the_floor_of_the_losses() -> None:
    """One number may come out alike though the run is chaotic: losses 1e-2 apart in training."""
    a, weights = make_trace(), weight_set(w=([0.0], [1.0]))
    again = with_losses(a, {2: 1e-2})
    for apart, agrees in ((0.06, True), (0.08, False)):
        b = evaluation(loss=0.5 + apart)(a)
        found = compare(a, b, weights=(weights, weights), floors=[(again, weights)])
        assert found.agrees == agrees


def nudged(weights: WeightSet, name: str = "dense.weight", ulps: int = 1) -> WeightSet:
    """The same run, begun with one tensor some ULP higher."""
    array = weights.initial[name]
    for _ in range(ulps):
        array = np.nextafter(array, np.float32(np.inf))
    return WeightSet({**weights.initial, name: array}, weights.final, weights.averages)


def test_no_other_run_is_a_chaos_floor(tmp_path: Path) -> None:
    """Any other would excuse a difference by its own distance."""
    weights = make_weights()
    a = write_run(tmp_path / "a.jsonl", make_trace(), weights)
    both = nudged(nudged(weights), "dense.bias")
    again_file = write_run(tmp_path / "both.jsonl", make_trace(), both)
    assert compare_files(a, a, floors=[again_file]).agrees
    redone = with_update(make_trace(), 1, batches=("00000003", "00000002"))
    faster = with_update(make_trace(), 1, lr=1.0)
    broken = replace(make_trace(), end=End(reason="interrupted"))
    for index, (trace, again, received) in enumerate(
        (
            (make_trace(), weights, "one with the same initial weights"),
            (make_trace(), nudged(weights, ulps=2), "'dense.weight' moved farther than that"),
            (make_trace("paddle"), nudged(weights), "one with another backend, versions"),
            (make_trace(seed=7), nudged(weights), "one with another spec"),
            (redone, nudged(weights), "one with another batches"),
            (faster, nudged(weights), "one with another rates"),
            (
                with_update(make_trace(), 1, momentum=0.9),
                nudged(weights),
                "one with another momentum",
            ),
            (broken, nudged(weights), "one with another end"),
        )
    ):
        floor = write_run(tmp_path / f"{index}.jsonl", trace, again)
        with pytest.raises(TraceError) as caught:
            compare_files(a, a, floors=[again_file, floor])
        assert str(caught.value) == (
            f"{floor}: a chaos floor is the run of side a again, with weights moved by 1 ULP of "
            f"float32 before training. Received: {received}"
        )


def test_the_chaos_floor_needs_all_weights(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a.jsonl", make_trace(), make_weights())
    bare = write_trace(tmp_path / "bare.jsonl", make_trace())
    again = write_run(tmp_path / "again.jsonl", make_trace(), nudged(make_weights()))
    assert compare_files(a, a, floors=[again]).agrees
    for b, floor in ((bare, again), (a, bare)):
        with pytest.raises(TraceError, match=r"bare\.jsonl: .* needs the weights of all its runs"):
            compare_files(a, b, floors=[floor])
