"""What cannot be judged is no proof: with a status of its own, after any difference."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain.cli import main
from dualtrain.parity import Comparison, WeightSet, compare, compare_with_plan
from dualtrain.report._words import remarks, verdict
from dualtrain.trace import End, Trace
from tests.changes import both, header, same, update
from tests.traces import make_spec, make_trace, make_weights, with_update, without_plan, write_run

TASK: dict[str, Any] = {
    "task": {
        "name": "text_classification",
        "train": "train.csv",
        "eval": "eval.csv",
        "text": "text",
        "label": "label",
        "model": {"path": "here", "max_length": 8},
    },
    "batch": {"size": 2, "accumulate": 2},
}


def without(**fields: Any) -> Callable[[Trace], Trace]:
    """The trace with these values in every update."""
    return lambda trace: replace(
        trace, updates=tuple(replace(one, **fields) for one in trace.updates)
    )


def unevaluated(trace: Trace) -> Trace:
    return replace(trace, evaluations=())


def said(comparison: Comparison) -> tuple[str, str]:
    assert comparison.first is not None, verdict(comparison)
    assert verdict(comparison).startswith(f"No proof: {comparison.first.detail}. Look at ")
    return comparison.verdict, f"{comparison.first.stage}: {comparison.first.detail}"


MISSING = {
    "batches: not recorded: digests of the batches of each update": update(1, batches=()),
    "initial weights: not recorded: digests of the initial weights": header(initial_digest={}),
    "initial output: not recorded: logits of the first batch": header(probe=None),
    "loss: not recorded: losses of the micro-batches of each update": update(1, micro_losses=()),
    "accumulation: not recorded: the gradient norm of each update": update(1, grad_norm=None),
    "clip: not recorded: the norm after clipping of each update, and the spec clips": update(
        1, clipped_norm=None
    ),
    "evaluation: not recorded: an evaluation, and the spec has task.eval": unevaluated,
}


@pytest.mark.parametrize("text", MISSING)
def test_evidence_that_neither_side_has_is_missed(text: str) -> None:
    a, b = (MISSING[text](make_trace(name, **TASK)) for name in ("torch", "paddle"))
    for x, y in ((a, b), (b, a)):
        assert said(compare(x, y)) == ("no proof", text)
    assert compare(*map(without_plan, (a, b))).agrees, "a script records what it can"
    if "clip" not in text:  # there the plan says what the norm must have been
        assert said(compare_with_plan(a)) == ("no proof", text)


def test_a_loop_of_ones_own_never_had_it() -> None:
    """It is not given the data; nor does a spec without `clip` owe a norm after clipping."""
    unseen = both(header(data_digest=None, probe=None), without(batches=(), micro_losses=()))
    loop = both(unseen, unevaluated)(make_trace(**TASK))
    assert compare(loop, loop).agrees
    unclipped = without(clipped_norm=None)(make_trace(clip=None))
    assert compare(unclipped, unclipped).agrees


def test_decisions_of_one_side_only_prove_nothing() -> None:
    a = make_trace()
    assert a.header.plan is not None
    b = header(plan=replace(a.header.plan, decisions=()))(a)
    text = "decay: what was decided for each parameter, of one side only"
    assert said(compare(a, b)) == said(compare(b, a)) == ("no proof", text)


def test_weights_of_one_side_only_prove_nothing() -> None:
    a, weights = make_trace(), make_weights()
    for pair in ((weights, None), (None, weights)):
        comparison = compare(a, a, weights=pair)
        assert said(comparison) == ("no proof", "update: the weights of one side only")
    assert compare(a, a).agrees
    assert compare(a, without_plan(a), weights=(weights, None)).agrees


@pytest.mark.parametrize(
    "end",
    [End(reason="done", weights="a.safetensors"), End(reason="done", averages="a.safetensors")],
)
def test_weights_without_a_digest_are_told_of(end: End) -> None:
    """A trace of an earlier version may have none: whose weights they are is not known."""
    trace, weights = replace(make_trace(), end=end), make_weights()
    assert compare(trace, trace, weights=(weights, weights)).not_compared[-1] == (
        "whether the weights are those of the run (not both traces have their digest)"
    )


def test_averages_that_neither_side_has_are_missed() -> None:
    a, weights = make_trace(ema={"decay": 0.9}), make_weights()
    text = "averages: not recorded: averages, and the spec has ema"
    assert said(compare(a, a, weights=(weights, weights))) == ("no proof", text)
    assert compare(a, a).agrees


def test_weights_that_never_moved_prove_nothing() -> None:
    for initial in (make_weights().initial, {}):
        still = WeightSet(initial, initial)
        comparison = compare(make_trace(), make_trace(), weights=(still, still))
        assert said(comparison) == ("no proof", "update: no weight moved on either side")


def test_a_tolerance_of_a_whole_movement_proves_nothing() -> None:
    """A run whose floor is a fifth of its movement lets any other pass; equal ones are equal."""
    a, chaos = make_weights(), make_weights(0.3)
    for noise, expected in (
        (0.0, "agrees"),
        (0.1, "no proof"),
        (1.0, "no proof"),
        (-30.0, "differs"),
    ):
        comparison = compare(
            make_trace(),
            make_trace(),
            weights=(a, make_weights(noise)),
            floors=[(make_trace(), chaos)],
        )
        assert comparison.verdict == expected, noise
        assert "Tolerances raised by the chaos floor: update." in remarks(comparison)


def test_updates_below_the_rounding_of_the_weights_prove_nothing() -> None:
    """The weights are near 1e4, moved by 1e-3: by one ULP of float32, up or down."""
    initial = np.full((4, 4), 1e4, np.float32)
    up, down = np.nextafter(initial, np.float32(np.inf)), np.nextafter(initial, np.float32(0))
    sets = [WeightSet({"w": initial}, {"w": final}) for final in (up, initial)]
    comparison = compare(make_trace(), make_trace(), weights=(sets[0], sets[0]))
    assert comparison.agrees
    mixed = np.where(np.eye(4, dtype=bool), down, up)
    sets[1] = WeightSet({"w": initial}, {"w": mixed})
    many = replace(make_trace(), updates=make_trace().updates * 8)
    comparison = compare(many, many, weights=(sets[0], sets[1]))
    assert comparison.verdict == "no proof"
    assert "which no movement at all would keep to" in verdict(comparison)


def test_a_difference_counts_before_what_proves_nothing() -> None:
    lost = {"loss": math.nan, "micro_losses": (math.nan, math.nan)}
    a = update(2, **lost)(make_trace())
    for b in (update(1, lr=1.0)(a), update(4, lr=1.0)(a), header(data_digest="x")(a)):
        for comparison in (compare(a, b), compare(b, a)):
            assert comparison.verdict == "differs"
            assert comparison.first is not None
            assert comparison.first.stage in ("learning rate", "batches")
            assert "numbers" in {f.stage for f in comparison.findings if f.verdict == "no proof"}


@pytest.mark.parametrize("field", ["clipped_norm", "micro_losses", "grad_norm", "loss"])
def test_a_number_lost_in_one_field_alone_is_lost(field: str) -> None:
    value: Any = (math.inf, 0.26) if field == "micro_losses" else math.inf
    a = with_update(make_trace(), 3, **{field: value})
    found, text = said(compare(a, a))
    assert found == "no proof"
    assert "both sides left the finite numbers at update 3: " in text


def with_nan(name: str, place: int, noise: float = 0.0) -> WeightSet:
    made = make_weights(noise)
    array = made.final[name].copy()
    array.flat[place] = np.nan
    return WeightSet(made.initial, {**made.final, name: array})


def test_numbers_that_are_none_on_one_side_only_are_a_difference() -> None:
    comparison = compare(
        make_trace(), make_trace(), weights=(with_nan("dense.bias", 0), make_weights())
    )
    assert comparison.first is not None
    assert (comparison.first.stage, comparison.first.verdict) == ("update", "differs")
    assert comparison.first.detail == "not finite: dense.bias"


def test_weights_that_exploded_on_both_sides_prove_nothing() -> None:
    """At other places, in other tensors, and what is left of them apart: neither is to blame."""
    a = with_nan("dense.bias", 0)
    for b in (with_nan("dense.bias", 1, 0.5), with_nan("dense.weight", 3, 0.5)):
        for pair in ((a, b), (b, a)):
            comparison = compare(make_trace(), make_trace(), weights=pair)
            found, text = said(comparison)
            assert found == "no proof"
            assert text.startswith("numbers: both sides end with weights that are not finite: d")
            assert comparison.first is not None
            assert comparison.first.knob == "optimizer.lr, clip, amp.loss_scale"


@pytest.mark.parametrize(
    ("left", "right", "where"),
    [
        ({"loss": math.nan}, {"grad_norm": math.inf}, "update 2: loss nan and 0.3333333"),
        ({"micro_losses": (math.inf, 1.0)}, {"loss": math.nan}, "update 2: loss 0.3333333 and nan"),
    ],
)
def test_each_side_leaves_the_numbers_in_its_own_field(
    left: dict[str, Any], right: dict[str, Any], where: str
) -> None:
    a, b = with_update(make_trace(), 2, **left), with_update(make_trace(), 2, **right)
    found, text = said(compare(a, b))
    assert found == "no proof"
    assert f"both sides left the finite numbers at {where}" in text


@pytest.mark.parametrize(("later", "verdict"), [(1, "no proof"), (3, "no proof"), (4, "differs")])
def test_one_side_leaves_the_numbers_some_updates_later(later: int, verdict: str) -> None:
    """Explosions are a matter of few updates; a side that goes on for longer is another run."""
    a, b = make_trace(), make_trace()
    for t in range(1, 6):
        a = with_update(a, t, loss=math.nan, micro_losses=(math.nan,))
        huge = math.inf if t >= 1 + later else 1e30
        b = with_update(b, t, loss=huge, micro_losses=(huge,))
    for comparison in (compare(a, b), compare(b, a)):
        assert comparison.verdict == verdict
        if verdict == "no proof":
            assert (
                f"both sides left the finite numbers at updates 1 and {1 + later}: "
                in (said(comparison)[1])
            )


def test_averages_that_are_not_finite_prove_nothing() -> None:
    made = make_weights(averages=0.0)
    assert made.averages is not None
    lost = np.full((4,), np.nan, np.float32)
    weights = WeightSet(made.initial, made.final, {**made.averages, "dense.bias": lost})
    trace = make_trace(ema={"decay": 0.9})
    text = "numbers: both sides end with averages that are not finite: dense.bias"
    assert said(compare(trace, trace, weights=(weights, weights))) == ("no proof", text)


def test_what_made_the_tolerances_wider_is_said() -> None:
    a, b = make_trace("torch", amp={"dtype": "bfloat16"}), make_trace("paddle")
    told = (
        "Tolerances are those of the coarser type in which the sides computed: "
        "torch in bfloat16 O1, paddle in float32."
    )
    assert told in remarks(compare(a, b))
    assert not any("Tolerances" in remark for remark in remarks(compare(b, b)))


# The command


def diff(*arguments: object) -> Any:
    with pytest.raises(SystemExit) as caught:
        main(["diff", *map(str, arguments)])
    return caught.value.code


CUT = End(reason="interrupted")


def stopped(trace: Trace) -> Trace:
    return replace(trace, updates=trace.updates[:4], evaluations=(), end=CUT)


@pytest.mark.parametrize(
    ("change", "status"),
    [(same, 0), (update(0, lr=0.5), 1), (stopped, 4)],
    ids=["agrees", "differs", "no proof"],
)
def test_each_verdict_has_its_status(
    change: Callable[[Trace], Trace],
    status: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of two traces, of one and its plan, of one and another's plan."""
    a = write_run(tmp_path / "a.jsonl", change(make_trace()), make_weights())
    same_kind = stopped if status == 4 else same
    b = write_run(tmp_path / "b.jsonl", same_kind(make_trace()), make_weights())
    spec = tmp_path / "spec.json"
    spec.write_text(make_spec().model_dump_json())
    for arguments in ((a, b), (b, a), (a,), (a, "--plan", spec)):
        assert diff(*arguments) == status
        last = " ".join(capsys.readouterr().out.split())
        assert ("No proof: interrupted after 4 updates" in last) == (status == 4)


@pytest.mark.parametrize("command", ["diff", "parity"])
def test_the_help_says_the_statuses(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "Status 0: they agree; 1: they differ; 4: no proof" in text


@pytest.mark.parametrize("word", [True, False])
def test_an_early_stop_is_an_end_where_the_spec_has_one(word: bool) -> None:
    """On both sides alike; without the word no run may have ended so."""
    trace = make_trace(early_stopping={"patience": 1}) if word else make_trace()
    end = End(reason="early stopping: loss no better for 1 evaluation; the best after 1 updates")
    short = replace(trace, updates=trace.updates[:2], evaluations=(), end=end)
    ends = [one.agrees for one in compare(short, short).findings if one.stage == "end"]
    assert False not in ends if word else ends == [False]
