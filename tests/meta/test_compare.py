"""The comparer must object: for every stage, runs that differ there and only there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualtrain.cli import main
from dualtrain.parity import Comparison, WeightSet, compare, compare_headers
from dualtrain.parity._spec import IRRELEVANT
from dualtrain.parity._stages import differing_fields
from dualtrain.trace import Trace
from tests.changes import both, decided, evaluation, header, in_effect, plan, same, update
from tests.traces import (
    make_spec,
    make_trace,
    make_weights,
    write_run,
)

AMP: dict[str, Any] = {"amp": {"dtype": "float16"}}
PARAMETER_RULES = "weight_decay, lr_multipliers, own_betas, layer_decay, freeze"


@dataclass(frozen=True)
class Case:
    """How the second run differs from the first, and what the comparison must say."""

    stage: str
    detail: str
    knob: str
    change: Callable[[Trace], Trace] = same
    first_update: int | None = None
    weights: WeightSet | None = None
    averages: tuple[float | None, float | None] | None = None
    spec: dict[str, Any] | None = None


CASES = {
    "one more epoch planned": Case(
        "plan",
        "total_updates 6 against 9",
        "duration, batch, warmup, horizon",
        plan(total_updates=9),
    ),
    "one more warmup update": Case(
        "plan",
        "warmup_updates 3 against 4",
        "duration, batch, warmup, horizon",
        plan(warmup_updates=4),
    ),
    "another horizon": Case(
        "plan",
        "horizon 6 against 7",
        "duration, batch, warmup, horizon",
        plan(horizon=7),
    ),
    "other data": Case(
        "plan",
        "micro_batches_per_epoch 5 against 6",
        "duration, batch, warmup, horizon",
        plan(micro_batches_per_epoch=6),
    ),
    "stopped early": Case(
        "plan",
        "updates recorded 6 against 5",
        "duration, batch, warmup, horizon",
        lambda trace: replace(trace, updates=trace.updates[:-1]),
    ),
    "prepared otherwise": Case(
        "batches",
        "data digest 000000aa against 000000ab",
        "task, batch.size, seed",
        header(data_digest="000000ab"),
    ),
    "data digest on one side only": Case(
        "batches",
        "data digest 000000aa against None",
        "task, batch.size, seed",
        header(data_digest=None),
    ),
    "shuffled otherwise": Case(
        "batches",
        "update 1, micro-batch 1: digest 00000003 against 00000009",
        "task, batch.size, seed",
        update(1, batches=("00000002", "00000009")),
        first_update=1,
    ),
    "two micro-batches of one update exchanged": Case(
        "batches",
        "update 1, micro-batch 0: digest 00000002 against 00000003",
        "task, batch.size, seed",
        update(1, batches=("00000003", "00000002")),
        first_update=1,
    ),
    "decays otherwise": Case(
        "decay",
        "dense.weight: decay 0.01 against 0.0; effective decay 0.01 against 0.0",
        PARAMETER_RULES,
        both(decided(decay=0.0), in_effect(effective_decay=0.0)),
    ),
    "decays otherwise in the live optimizer only": Case(
        "decay",
        "dense.weight: effective decay 0.01 against 0.0",
        PARAMETER_RULES,
        in_effect(effective_decay=0.0),
    ),
    "another role": Case(
        "decay",
        "dense.weight: roles () against ('embedding',)",
        PARAMETER_RULES,
        decided(roles=("embedding",)),
    ),
    "learns otherwise": Case(
        "decay",
        "dense.weight: lr multiplier 1.0 against 0.1",
        PARAMETER_RULES,
        decided(lr_multiplier=0.1),
    ),
    "learns otherwise in the live optimizer only": Case(
        "decay",
        "dense.weight: effective lr multiplier 1.0 against 0.1",
        PARAMETER_RULES,
        in_effect(effective_lr_multiplier=0.1),
    ),
    "averages otherwise": Case(
        "decay",
        "dense.weight: betas None against (0.5, 0.9)",
        PARAMETER_RULES,
        decided(betas=(0.5, 0.9)),
    ),
    "frozen by one spec": Case(
        "decay",
        "dense.weight: frozen False against True; trainable True against False",
        PARAMETER_RULES,
        both(decided(frozen=True), in_effect(trainable=False)),
    ),
    "frozen on one side": Case(
        "decay",
        "dense.weight: trainable True against False",
        PARAMETER_RULES,
        in_effect(trainable=False),
    ),
    "another name": Case(
        "decay",
        "dense.weight: the parameter is on one side only, "
        "kernel: the parameter is on one side only",
        PARAMETER_RULES,
        both(decided(name="kernel"), in_effect(name="kernel")),
    ),
    "other initial weights": Case(
        "initial weights",
        "dense.weight: digest 00000002 against 00000003",
        "task.model, seed",
        header(initial_digest={"dense.bias": "00000001", "dense.weight": "00000003"}),
        weights=WeightSet(make_weights().final, make_weights().final),
    ),
    "square weight transposed": Case(
        "initial output",
        "sample 1, class 0: 1.5 against 1.5004",
        "task.model",
        header(probe=((0.25, -0.5), (1.5004, 2.0))),
    ),
    "other classes": Case(
        "initial output",
        "the logits have another shape",
        "task.model",
        header(probe=((0.25, -0.5, 0.0), (1.5, 2.0, 0.0))),
    ),
    "logits on one side only": Case(
        "initial output",
        "the logits are on one side only",
        "task.model",
        header(probe=None),
    ),
    "momentum on one side only": Case(
        "learning rate",
        "update 4, momentum: None against 0.9",
        "optimizer.lr, schedule, warmup, horizon, shift",
        update(4, momentum=0.9),
        first_update=4,
    ),
    "rate off by one ULP": Case(
        "learning rate",
        f"update 4, lr: 0.06666666666666667 against {np.nextafter(0.1 * 2 / 3, 1)!s}",
        "optimizer.lr, schedule, warmup, horizon, shift",
        update(4, lr=float(np.nextafter(0.1 * 2 / 3, 1))),
        first_update=4,
    ),
    "micro-batch loss": Case(
        "loss",
        "update 3, micro-batch 1, loss: 0.26 against 0.26004",
        "loss, task.model.dropout, amp",
        update(3, micro_losses=(0.25, 0.26004)),
        first_update=3,
    ),
    "loss became nan": Case(
        "loss",
        "update 3, micro-batch 0, loss: 0.25 against nan",
        "loss, task.model.dropout, amp",
        update(3, micro_losses=(float("nan"), 0.26)),
        first_update=3,
    ),
    "a micro-batch lost": Case(
        "loss",
        "update 3: 2 micro-batches against 1",
        "loss, task.model.dropout, amp",
        update(3, micro_losses=(0.25,)),
        first_update=3,
    ),
    "accumulated sum, not mean": Case(
        "accumulation",
        "update 1, gradient norm: 1 against 2",
        "batch.accumulate, batch.normalise, batch.tail",
        update(1, grad_norm=2.0),
        first_update=1,
    ),
    "loss divided otherwise": Case(
        "accumulation",
        "update 3, loss of the update: 0.255 against 0.51",
        "batch.accumulate, batch.normalise, batch.tail",
        update(3, loss=0.51),
        first_update=3,
    ),
    "tail divided by the full group": Case(
        "accumulation",
        "update 2, gradient norm: 0.6666667 against 0.3333333; "
        "only in groups of another size than batch.accumulate",
        "batch.tail",
        lambda trace: update(5, grad_norm=1 / 6)(update(2, grad_norm=1 / 3)(trace)),
        first_update=2,
    ),
    "not clipped": Case(
        "clip",
        "update 0, norm after clipping: 1 against 2",
        "clip",
        update(0, clipped_norm=2.0),
        first_update=0,
    ),
    "clipped norm on one side only": Case(
        "clip",
        "update 0, norm after clipping: 1 against none",
        "clip",
        update(0, clipped_norm=None),
        first_update=0,
    ),
    "another loss scale": Case(
        "loss scale",
        "update 2: made at scale 65536.0 against made at scale 32768.0",
        "amp",
        update(2, loss_scale=32768.0),
        first_update=2,
        spec=AMP,
    ),
    "skipped on one side": Case(
        "loss scale",
        "update 2: made at scale 65536.0 against skipped at scale 65536.0",
        "amp",
        update(2, skipped=True),
        first_update=2,
        spec=AMP,
    ),
    "weights farther apart than rounding": Case(
        "update",
        "dense.bias (moved 8.6e-02)",
        "optimizer, weight_decay",
        weights=make_weights(1e-4),
    ),
    "averages farther apart than rounding": Case(
        "averages", "dense.bias (moved 4.3e-02)", "ema", averages=(0.0, 1e-4)
    ),
    "averages on one side only": Case(
        "averages", "averages of the weights on one side only", "ema", averages=(None, 0.0)
    ),
    "two more right": Case(
        "evaluation",
        "61 of 80 correct against 63 of 80",
        "task.eval",
        evaluation(correct=63),
    ),
    "another split": Case(
        "evaluation",
        "61 of 80 correct against 61 of 81",
        "task.eval",
        evaluation(examples=81),
    ),
    "evaluation loss": Case(
        "evaluation",
        "evaluation loss 0.5 against 0.51",
        "task.eval",
        evaluation(loss=0.51),
    ),
    "evaluated on one side only": Case(
        "evaluation",
        "evaluation: one of 80 against none",
        "task.eval",
        lambda trace: replace(trace, evaluations=()),
    ),
    "an eps that no stage shows": Case(
        "spec",
        "optimizer.eps 1e-08 against 1e-06",
        "the fields in which the specs differ",
        plan(spec=make_spec(optimizer={"name": "adamw", "lr": 0.1, "eps": 1e-6})),
    ),
    "mixed precision on one side": Case(
        "spec",
        "amp.dtype None against 'bfloat16', amp.float32_operators None against [], "
        "amp.level None against 'O1', and 1 more",
        "the fields in which the specs differ",
        plan(spec=make_spec(amp={"dtype": "bfloat16"})),
    ),
}

REFUSED = {
    "one more epoch planned": "1: header plan.total_updates of its spec is 6. Received: 9",
    "one more warmup update": "1: header plan.warmup_updates of its spec is 3. Received: 4",
    "another horizon": "1: header plan.horizon of its spec is 6. Received: 7",
    "other data": "4: update batches has its 2 micro-batches, by the plan. Received: 1",
    "stopped early": "8: the first line announces total_updates 6. Received: 5 updates before the "
    "end",
    "decays otherwise": "1: header plan.decisions, 'dense.weight': by the rule default the decay "
    "is 0.01. Received: 0",
    "learns otherwise": "1: header plan.decisions, 'dense.weight': by the rule default the "
    "multiplier is 1. Received: 0.1",
    "averages otherwise": "1: header plan.decisions, 'dense.weight': by the rule default the betas "
    "are the optimizer's. Received: 0.5 and 0.9",
    "frozen by one spec": "1: header plan.decisions, 'dense.weight': by the rule default it is not "
    "frozen. Received: frozen True",
    "another name": "1: header initial_digest has each parameter. Received: none of 'kernel'",
    "a micro-batch lost": "5: update micro_losses has one for each micro-batch, 2. Received: 1",
    "mixed precision on one side": "1: header computation is that of the spec, amp: bfloat16 O1. "
    "Received: float32",
}
"""Cases that no run writes, since they contradict themselves -> where, the rule and the value."""


def runs(case: Case) -> tuple[tuple[Trace, Trace], tuple[WeightSet, WeightSet]]:
    spec = case.spec or {}
    traces = make_trace("torch", **spec), case.change(make_trace("paddle", **spec))
    if case.averages is not None:
        a, b = (make_weights(averages=off) for off in case.averages)
        return traces, (a, b)
    return traces, (make_weights(), case.weights or make_weights())


def differing(comparison: Comparison) -> list[str]:
    return [finding.stage for finding in comparison.findings if not finding.agrees]


@pytest.mark.parametrize("name", CASES)
def test_a_difference_is_found_in_its_stage_and_in_no_other(name: str) -> None:
    case = CASES[name]
    (a, b), weights = runs(case)
    comparison = compare(a, b, weights=weights)
    assert [case.stage] == differing(comparison)
    first = comparison.first
    assert first is not None
    expected = (case.stage, case.first_update, case.detail, case.knob, "different")
    assert expected == (first.stage, first.first_update, first.detail, first.knob, first.parity)


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_is_the_same_from_the_other_side(name: str) -> None:
    case = CASES[name]
    (a, b), (x, y) = runs(case)
    comparison = compare(b, a, weights=(y, x))
    assert [case.stage] == differing(comparison)
    assert comparison.first is not None
    assert case.first_update == comparison.first.first_update


@pytest.mark.parametrize("name", [name for name in CASES if name not in REFUSED])
def test_diff_names_the_stage_and_exits_with_1(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    (a, b), (x, y) = runs(case)
    files = write_run(tmp_path / "a.jsonl", a, x), write_run(tmp_path / "b.jsonl", b, y)
    with pytest.raises(SystemExit) as caught:
        main(["diff", *map(str, files)])
    assert caught.value.code == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"torch and paddle differ. The first difference is in the stage '{case.stage}'" in said


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_contradicts_itself_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (a, b), (x, y) = runs(CASES[name])
    b = evaluation(t=min(6, len(b.updates)))(b)
    files = write_run(tmp_path / "a.jsonl", a, x), write_run(tmp_path / "b.jsonl", b, y)
    with pytest.raises(SystemExit) as caught:
        main(["diff", *map(str, files)])
    assert caught.value.code == 2
    assert capsys.readouterr().err in [f"{file}:{REFUSED[name]}\n" for file in files]


def test_what_the_specs_may_have_otherwise_is_no_difference() -> None:
    batch = {"size": 2, "accumulate": 2}
    task: dict[str, Any] = {
        "name": "text_classification",
        **{field: f"{field} here" for field in ("train", "eval", "text", "label")},
        "model": {"path": "here", "max_length": 8},
    }
    there: dict[str, Any] = {
        field: str(value).replace("here", "there") for field, value in task.items()
    }
    there |= {"name": "text_classification", "model": {"path": "there", "max_length": 8}}
    own = {"name": "module", "train": "a", "module": "torch_task.py:Make"}
    a, c = make_trace(task=task, batch=batch), make_trace(task=own, batch=batch)
    assert a.header.plan is not None
    stated = {**batch, "micro_batches_per_epoch": a.header.plan.micro_batches_per_epoch}
    kept: dict[str, Any] = {"every": {"updates": 5}, "keep": 3}
    other = {"duration": {"epochs": 2, "time_limit": 60.0}, "checkpoint": kept, "device": "cuda"}
    b = plan(spec=make_spec(task=there, batch=stated, **other))(a)
    d = plan(spec=make_spec(task=own | {"module": "paddle_task.py:Make"}, batch=batch))(c)
    differing = set[str]()
    for x, y in ((a, b), (c, d)):
        assert x.header.spec is not None
        assert y.header.spec is not None
        differing |= differing_fields(x.header.spec, y.header.spec).keys()
        assert compare(x, y).agrees
    assert IRRELEVANT.keys() == differing


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_both_sides_without_finite_numbers_prove_nothing(value: float) -> None:
    """From there on nothing is compared: neither losses, nor weights, nor the evaluation."""
    left = update(2, loss=value, micro_losses=(value,), grad_norm=value, clipped_norm=value)
    a, b = left(make_trace("torch")), left(make_trace("paddle"))
    b = evaluation(correct=0)(update(4, micro_losses=(9.0, 9.0))(b))
    comparison = compare(a, b, weights=(make_weights(), make_weights(1.0)))
    assert differing(comparison) == ["numbers"]
    first = comparison.first
    assert first is not None
    assert (first.first_update, first.knob) == (2, "optimizer.lr, clip, amp.loss_scale")
    assert first.detail == (
        f"both sides left the finite numbers at update 2: loss {value} and {value}, "
        f"gradient norm {value} and {value}, and 2 more"
    )
    assert comparison.verdict == "no proof"
    assert comparison.weights is None
    assert "update (both sides left the finite numbers)" in comparison.not_compared


@pytest.mark.parametrize(
    "change",
    [evaluation(loss=math.nan), header(probe=((math.inf, -0.5), (1.5, 2.0)))],
    ids=["evaluation", "probe"],
)
def test_a_number_that_is_none_outside_training_proves_nothing(
    change: Callable[[Trace], Trace],
) -> None:
    a = change(make_trace())
    assert compare(a, a).verdict == "no proof"
    assert compare(a, make_trace()).verdict == "differs"


def test_a_number_that_one_side_lacks_is_that_stages_difference() -> None:
    a = make_trace()
    b = update(2, loss=math.nan, micro_losses=(math.nan,))(a)
    for comparison in (compare(a, b), compare(b, a)):
        assert comparison.first is not None
        assert (comparison.first.stage, comparison.first.first_update) == ("loss", 2)


def test_a_skipped_update_is_no_end_of_the_numbers() -> None:
    """float16: its gradients overflowed, so nothing of it is left in the weights."""
    a = update(2, skipped=True, loss=math.inf, grad_norm=None)(make_trace(**AMP))
    assert compare(a, a).agrees


def test_one_infinite_weight_excuses_no_other() -> None:
    """It stands at the same place on both sides; another tensor is 0.5 of its movement off."""

    def overflow(weights: WeightSet) -> WeightSet:
        bias = weights.final["dense.bias"].copy()
        bias[0] = np.inf
        return WeightSet(weights.initial, {**weights.final, "dense.bias": bias})

    a, b = overflow(make_weights()), overflow(make_weights(0.5))
    alike, apart = (compare(make_trace(), make_trace(), weights=(a, x)) for x in (a, b))
    assert alike.first is not None
    assert (alike.verdict, differing(alike)) == ("no proof", ["numbers"])
    assert alike.first.detail == ("both sides end with weights that are not finite: dense.bias")
    assert apart.first is not None
    assert (apart.verdict, apart.first.stage) == ("differs", "update")
    assert apart.weights is not None
    bias, weight = apart.weights.judged
    assert [bias.difference, weight.difference] == pytest.approx([0.5 / 1.5] * 2, rel=1e-3)


def test_diff_of_equal_runs_exits_with_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [
        write_run(tmp_path / f"{name}.jsonl", make_trace(name), make_weights())
        for name in ("torch", "paddle")
    ]
    with pytest.raises(SystemExit) as caught:
        main(["diff", *map(str, files)])
    assert caught.value.code == 0
    assert capsys.readouterr().out.endswith("torch and paddle agree in 12 stages over 6 updates.\n")


def test_every_stage_has_a_case() -> None:
    amp = make_trace(**AMP)
    comparison = compare(amp, amp, weights=(make_weights(averages=0), make_weights(averages=0)))
    assert {finding.stage for finding in comparison.findings} == {c.stage for c in CASES.values()}
    assert comparison.not_compared == ()


def test_the_first_difference_is_the_earliest_update_then_the_earliest_stage() -> None:
    a = make_trace()
    late_rate = update(4, lr=0.5)(a)
    all_three = update(3, grad_norm=9.0, clipped_norm=9.0)(late_rate)
    for b, stage, moment in (
        (late_rate, "learning rate", 4),
        (all_three, "accumulation", 3),
        (header(data_digest="x")(all_three), "batches", None),
        (evaluation(correct=0)(all_three), "accumulation", 3),
    ):
        first = compare(a, b).first
        assert first is not None
        assert (stage, moment) == (first.stage, first.first_update)


def test_a_difference_of_the_specs_is_the_knob() -> None:
    first = compare(make_trace(), make_trace(warmup={"steps": 2})).first
    assert first is not None
    assert first.knob == "warmup.proportion, warmup.steps"
    assert first.detail == (
        "warmup_updates 3 against 2; the specs differ: "
        "warmup.proportion 0.5 against None, warmup.steps None against 2"
    )


def test_only_the_stages_own_fields_are_its_knob() -> None:
    a, b = make_trace(), make_trace(optimizer={"name": "adamw", "lr": 0.2}, clip=None)
    first = compare(a, b).first
    assert first is not None
    assert (first.stage, first.knob) == ("learning rate", "optimizer.lr")


def test_headers_alone_tell_whether_two_runs_start_alike() -> None:
    a = make_trace().header
    alike = compare_headers(a, a)
    assert (alike.starts_alike, alike.verdict) == (True, "no proof"), "nothing was trained"
    for stage in ("plan", "batches", "decay", "initial weights", "initial output"):
        case = next(c for c in CASES.values() if c.stage == stage and c.first_update is None)
        changed = case.change(make_trace()).header
        if changed != a:  # "stopped early" changes no header
            comparison = compare_headers(a, changed)
            assert (False, [stage, "end"]) == (comparison.starts_alike, differing(comparison))
            assert comparison.verdict == "differs"


def test_a_difference_in_training_is_not_one_of_the_start() -> None:
    a = make_trace()
    assert compare(a, update(0, lr=1.0)(a)).starts_alike


def test_what_neither_run_records_is_said_not_to_be_compared() -> None:
    bare = header(probe=None, data_digest=None)(make_trace(clip=None))
    unmeasured = [replace(u, batches=(), grad_norm=None, clipped_norm=None) for u in bare.updates]
    bare = replace(bare, updates=tuple(unmeasured), evaluations=())
    assert compare(bare, bare).not_compared == (
        "batches (not both traces record it)",
        "initial output (not both traces record it)",
        "clip (neither spec has one)",
        "loss scale (AMP is off on both sides)",
        "update (no weights beside the traces)",
        "evaluation (not both traces have one)",
    )


def test_what_both_skipped_may_overflow_in_its_own_way() -> None:
    a = update(2, skipped=True, grad_norm=float("inf"), clipped_norm=float("nan"))
    b = update(2, skipped=True, grad_norm=float("nan"), clipped_norm=float("nan"))
    assert compare(a(make_trace(**AMP)), b(make_trace(**AMP))).agrees
