"""Explanations: what each rule fires at, and where it is silent."""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.explain import ADVICE_RULES, Concern, explain
from dualtrain.plan import Plan
from tests.builders import PLATEAU
from tests.plain_plans import CYCLE, RESTARTS, WSD, plan_of, schedule, steps


def concerns_of(plan: Plan) -> dict[str, Concern]:
    return {concern.rule: concern for concern in explain(plan).concerns}


def decay(value: float = 0.1, **fields: Any) -> dict[str, Any]:
    return {"weight_decay": {"value": value, **fields}}


def adamw(lr: float) -> dict[str, Any]:
    return {"optimizer": {"name": "adamw", "lr": lr}}


def task(dropout: float) -> dict[str, Any]:
    model = {"family": "bert", "hidden_size": 8, "layers": 1, "heads": 2, "max_length": 8}
    fields = {"name": "text_classification", "train": "t.csv", "text": "a", "label": "b"}
    return {"task": {**fields, "model": {**model, "dropout": dropout}}, "batch": {"size": 4}}


EPOCH_CUT: dict[str, Any] = {"duration": {"updates": 49}}
"""Five epochs of 10 updates, but for the last update."""

LARS = {"optimizer": {"name": "lars", "lr": 0.1, "momentum": 0.9}}
LAMB = {"optimizer": {"name": "lamb", "lr": 0.1, "betas": [0.9, 0.999], "eps": 1e-6}}

FIRES: list[tuple[str, dict[str, Any], str]] = [
    ("warmup-is-long", steps(51), "W = 51 of T = 100 updates"),
    (
        "warmup-rounds-to-nothing",
        {"warmup": {"proportion": 0.0099}},
        "there will be no warmup: 0.0099 x 100 updates is 0.99, which is rounded to 0; rounding: "
        "ceil makes it 1",
    ),
    (
        "warmup-rounds-to-nothing",
        {
            "duration": {"epochs": 4},
            "warmup": {"proportion": 0.1, "counted": "before"},
            **schedule("linear", per="epoch"),
        },
        "there will be no warmup: 0.1 x 4 epochs is 0.4, which is rounded to 0; rounding: ceil "
        "makes it 1",
    ),
    ("clock-is-shifted", {"shift": 1, **steps(10)}, "the first update has the rate of t = 1, 0.01"),
    ("clock-is-shifted", {"shift": -1}, "updates 0 to 1 have the first rate, 0.1"),
    (
        "clock-is-shifted",
        {"shift": -1, "duration": {"epochs": 10}, **schedule("linear", per="epoch")},
        "updates 0 to 10 have the first rate, 0.1",
    ),
    (
        "first-updates-are-idle",
        {"duration": {"epochs": 10}, **steps(2), **schedule("linear", per="epoch")},
        "updates 0 to 9 have rate 0",
    ),
    (
        "first-updates-are-idle",
        {
            "horizon": 300,
            "duration": {"updates": 10},
            **steps(2),
            **schedule("linear", per="epoch"),
        },
        "updates 0 to 9 have rate 0",
    ),
    (
        "last-updates-are-idle",
        {"horizon": 60},
        "updates 60 to 99 have rate 0",
    ),
    (
        "last-updates-are-idle",
        schedule("piecewise", boundaries=[99], values=[0.1, 0]),
        "update 99 has rate 0",
    ),
    (
        "rate-jumps-after-warmup",
        {**schedule("exponential", gamma=0.9), **steps(10)},
        "the rise is to 0.1, and the rate of update 10 is 0.0349",
    ),
    (
        "rate-jumps-after-warmup",
        {**schedule("linear"), **steps(10, counted="over")},
        "the rise is to 0.1, and the rate of update 10 is 0.09",
    ),
    (
        "rate-jumps-after-warmup",
        {**schedule("step", every=2, gamma=0.5, per="epoch"), **steps(2)},
        "the rise is to 0.1, and the rate of update 20 is 0.05",
    ),
    (
        "schedule-never-ends",
        {"horizon": 200},
        "the schedule ends at t = 200, the run before t = 100: its last rate is 0.0505, the "
        "schedule's 0",
    ),
    (
        "schedule-never-ends",
        steps(10, counted="before"),
        "the schedule ends at t = 110, the run before t = 100: its last rate is 0.011, the "
        "schedule's 0",
    ),
    (
        "horizon-has-no-effect",
        {"horizon": 50, **schedule("constant")},
        "horizon 50, and no rate of constant depends on it",
    ),
    (
        "rate-comes-back",
        schedule("cosine", half_waves=2),
        "half_waves 2: the last update has rate 0.0999",
    ),
    (
        "rate-comes-back",
        schedule(
            "sequential",
            phases=[
                {"schedule": {"name": "constant"}, "updates": 50},
                {"schedule": {"name": "cosine", "half_waves": 4}},
            ],
        ),
        "half_waves 4: the last update has rate 0.0984",
    ),
    (
        "wave-is-cut",
        schedule("cosine", half_waves=1.5),
        "half_waves 1.5: the last half-wave is cut short",
    ),
    (
        "last-descent-is-cut",
        schedule("cosine_with_restarts", cycles=0.5),
        "cycles 0.5: the rate before the horizon is 0.0508",
    ),
    (
        "last-cycle-is-cut",
        schedule("cosine_annealing_warm_restarts", **RESTARTS),
        "the last cycle would end at t = 150, and T = 100: 0.0709 is left",
    ),
    (
        "proportion-only-binary",
        {"warmup": {"proportion": 0.07}},
        "0.07 x 100 is 7.000000000000001: floor 7, ceil 8, round 7",
    ),
    (
        "never-reached",
        schedule("multistep", milestones=[30, 100], gamma=0.1),
        "'past milestone 100' would begin at t = 100, and T = 100",
    ),
    (
        "never-reached",
        schedule("step", every=100, gamma=0.1),
        "'step 1' would begin at t = 100, and T = 100",
    ),
    (
        "never-reached",
        {**schedule("warmup_stable_decay", stable=90, **WSD), "horizon": 150},
        "'at min_lr' would begin at t = 120, and T = 100",
    ),
    (
        "does-not-add-up",
        {**schedule("warmup_stable_decay", stable=50, **WSD), **steps(10)},
        "warmup, stable and decay end at t = 90, and T = 100",
    ),
    (
        "does-not-add-up",
        {
            **schedule("warmup_stable_decay", stable=50, **WSD),
            **steps(10, counted="before"),
            "horizon": 80,
        },
        "warmup, stable and decay end at t = 90, and T = 100",
    ),
    ("first-update-is-idle", steps(10), "update 0 has rate 0"),
    (
        "proportion-is-rounded",
        {"warmup": {"proportion": 0.155}},
        "0.155 x 100 is 15.5: floor 15, ceil 16, round 16",
    ),
    (
        "stays-at-its-end",
        {"horizon": 60, **schedule("linear_annealing", min_lr=0.01)},
        "the rate stays at 0.01 for the last 40 updates",
    ),
    (
        "ends-above-zero",
        schedule("polynomial", power=1.0, end_lr=0.01),
        "end_lr 0.01",
    ),
    ("momentum-stays", schedule("cyclic", **CYCLE), "cyclic moves the rate alone"),
    ("waits-for-a-metric", {"schedule": PLATEAU}, "no plan knows its rates"),
    (
        "tail-is-dropped",
        {"batch": {"accumulate": 4, "tail": "drop"}},
        "2 of 10 micro-batches of each epoch are not used",
    ),
    (
        "value-is-the-usual-one",
        decay(0.1, values=[{"pattern": "a.*", "value": 0.2}, {"role": "norm", "value": 0.1}]),
        "norm decays by 0.1, as all others do",
    ),
    (
        "clip-shrinks-more",
        {"clip": {"norm": 1e-5, "rule": "torch"}},
        "at the limit 1e-05 gradients are 0.091 smaller than it says",
    ),
    (
        "adamw-is-the-old-one",
        {"optimizer": {"name": "adamw_transformers", "lr": 0.1, "eps": 1e-6}},
        "adamw_transformers: eps stands before bias correction",
    ),
    (
        "tail-leaks",
        {"batch": {"accumulate": 4, "tail": "leak"}, "duration": {"epochs": 2}},
        "the first update of each epoch has 6 micro-batches, 2 of them from the end of the one "
        "before, and all are divided by 4",
    ),
    (
        "losses-are-summed",
        {"batch": {"accumulate": 4, "normalise": "sum"}},
        "gradients are up to 4 times as large as those of the mean",
    ),
    (
        "group-is-the-epoch",
        {"batch": {"accumulate": 11}},
        "accumulate 11, and an epoch has 10 micro-batches",
    ),
    (
        "averages-are-young",
        {"ema": {"decay": 0.99}},
        "after 100 updates the averages are 37% initial weights",
    ),
    (
        "averages-are-young",
        {"ema": {"decay": 0.99, "start": "first"}},
        "after 100 updates the averages are 37% the first update's weights",
    ),
    (
        "averages-are-too-small",
        {"ema": {"decay": 0.99, "start": "zero"}},
        "after 100 updates the averages are 36.6% too small",
    ),
    ("amp-on-the-cpu", {"amp": {"dtype": "bfloat16"}}, "amp.dtype bfloat16 on cpu"),
    (
        "tail-is-short",
        {"batch": {"accumulate": 4}},
        "the last update of each epoch has 2 of 4 micro-batches: each counts 2 times as much as "
        "the others",
    ),
    (
        "tail-is-short",
        {"batch": {"accumulate": 4, "normalise": "token_mean"}},
        "the last update of each epoch has 2 of 4 micro-batches",
    ),
    (
        "rate-moves-on-skips",
        {"amp": {"dtype": "float16", "on_skip": "advance"}},
        "a skipped update moves the rate",
    ),
    (
        "rate-holds-on-skips",
        {"amp": {"dtype": "float16"}},
        "a skipped update leaves the rate where it is: after k of them the last update has the "
        "rate of t = 99 - k",
    ),
    (
        "epochs-move-on-skips",
        {"amp": {"dtype": "float16"}, **schedule("step", every=1, gamma=0.5, per="epoch")},
        "the schedule goes by epochs: a skipped update counts for it as any other",
    ),
    ("dropout-in-training", task(0.1), "dropout 0.1"),
    (
        "decay-is-too-small",
        {**decay(0.01), **adamw(1e-6)},
        "no weight will decay: lr x weight_decay.value is at most 1e-08, and in float32 1 - 1e-08 "
        "is 1",
    ),
    (
        "everything-decays",
        decay(),
        "no parameter is excluded: biases and the scales of norms decay too",
    ),
    (
        "excluded-by-substring",
        decay(exclude_substrings=["bias", "norm"]),
        "exclude_substrings ['bias', 'norm']",
    ),
    (
        "coupled-decay-in-adam",
        {
            **decay(kind="coupled", exclude=["bias"]),
            "optimizer": {"name": "adam", "lr": 0.1, "betas": [0.9, 0.999], "eps": 1e-8},
        },
        "adam with coupled decay",
    ),
    (
        "decay-apart",
        {
            **decay(kind="decoupled", exclude=["bias"]),
            "optimizer": {"name": "momentum", "lr": 0.1, "momentum": 0.9},
        },
        "momentum with decoupled decay: coupled decay of the same value comes to 10 times as much",
    ),
    (
        "decay-apart",
        {
            **decay(kind="decoupled", exclude=["bias"]),
            "optimizer": {"name": "adagrad", "lr": 0.1, "eps": 1e-10},
        },
        "adagrad with decoupled decay",
    ),
    (
        "betas-are-the-usual-ones",
        {
            "optimizer": {"name": "adamw", "lr": 0.1, "betas": [0.9, 0.99], "eps": 1e-8},
            "own_betas": [
                {"pattern": "head.*", "betas": [0.5, 0.99]},
                {"pattern": "*.weight", "betas": [0.9, 0.99]},
            ],
        },
        "*.weight has betas 0.9 and 0.99, as all others have",
    ),
    ("decays-nothing", decay(0.0), "value 0"),
    ("no-trust-ratio", LARS, "lars without weight decay: every trust ratio is 1"),
    ("no-trust-ratio", LAMB, "lamb without weight decay: every trust ratio is 1"),
    (
        "trust-ratio-of-some",
        {**LAMB, **decay(exclude=["bias"])},
        "lamb: a parameter that is excluded from decay has the trust ratio 1",
    ),
    (
        "floor-is-multiplied",
        {
            **schedule("cosine_annealing", min_lr=0.01),
            "lr_multipliers": [
                {"pattern": "a", "multiplier": 1.0},
                {"pattern": "head.*", "multiplier": 0.1},
            ],
        },
        "min_lr 0.01 is 0.001 for head.*",
    ),
    (
        "floor-is-multiplied",
        {
            **schedule(
                "sequential",
                phases=[
                    {"schedule": {"name": "constant"}, "updates": 50},
                    {"schedule": {"name": "polynomial", "power": 1, "end_lr": 0.02}},
                ],
            ),
            "layer_decay": 0.5,
        },
        "end_lr 0.02 is 0.01 one layer below the head",
    ),
    ("statistics-move", {"freeze": {"patterns": ["a"]}}, "batch_stats: train"),
]

SILENT: list[tuple[str, dict[str, Any]]] = [
    ("floor-is-multiplied", schedule("cosine_annealing", min_lr=0.01)),
    ("floor-is-multiplied", {**schedule("cosine_annealing", min_lr=0.0), "layer_decay": 0.5}),
    ("floor-is-multiplied", {**schedule("cosine_annealing", min_lr=0.01), "layer_decay": 1.0}),
    ("warmup-is-long", steps(50)),
    ("warmup-rounds-to-nothing", {"warmup": {"proportion": 0.01}}),
    ("warmup-rounds-to-nothing", {"warmup": {"proportion": 0.0099, "rounding": "ceil"}}),
    ("warmup-rounds-to-nothing", {"warmup": {"proportion": 0.0}}),
    ("warmup-rounds-to-nothing", steps(0)),
    ("first-updates-are-idle", steps(10)),
    ("first-update-is-idle", steps(10, start=0.1)),
    ("last-updates-are-idle", {}),
    (
        "rate-jumps-after-warmup",
        {**schedule("exponential", gamma=0.9), **steps(10, counted="before")},
    ),
    ("rate-jumps-after-warmup", {**schedule("step", every=11, gamma=0.5), **steps(10)}),
    (
        "rate-jumps-after-warmup",
        {**schedule("exponential", gamma=0.9), **steps(100), "horizon": 200},
    ),
    ("rate-jumps-after-warmup", {**schedule("polynomial", power=2, end_lr=0.003), **steps(7)}),
    ("rate-jumps-after-warmup", {"schedule": PLATEAU, **steps(10)}),
    ("rate-jumps-after-warmup", {**schedule("linear"), **steps(10, counted="times")}),
    ("clock-is-shifted", {"shift": 0}),
    ("schedule-never-ends", {"horizon": 200, **schedule("constant")}),
    ("schedule-never-ends", {**EPOCH_CUT, **schedule("linear", per="epoch")}),
    ("horizon-has-no-effect", {"horizon": 50}),
    (
        "horizon-has-no-effect",
        {"horizon": 50, **schedule("polynomial", power=1, end_lr=0.0, cycle=True)},
    ),
    ("horizon-has-no-effect", {"horizon": 50, "warmup": {"proportion": 0.1}}),
    ("rate-comes-back", schedule("cosine", half_waves=3)),
    ("wave-is-cut", schedule("cosine", half_waves=2)),
    ("last-descent-is-cut", schedule("cosine_with_restarts", cycles=2.0)),
    (
        "last-cycle-is-cut",
        {**schedule("cosine_annealing_warm_restarts", **RESTARTS), "duration": {"updates": 70}},
    ),
    (
        "last-cycle-is-cut",
        {
            **schedule("cosine_annealing_warm_restarts", per="epoch", **RESTARTS | {"first": 5}),
            **EPOCH_CUT,
        },
    ),
    (
        "last-cycle-is-cut",
        {
            **schedule("cosine_annealing_warm_restarts", **RESTARTS),
            **steps(100, counted="before"),
        },
    ),
    ("proportion-only-binary", {"warmup": {"proportion": 0.155}}),
    ("proportion-is-rounded", {"warmup": {"proportion": 0.07}}),
    ("proportion-is-rounded", {"warmup": {"proportion": 0.1}}),
    ("never-reached", schedule("multistep", milestones=[30, 99], gamma=0.1)),
    ("never-reached", schedule("warmup_stable_decay", stable=70, **WSD)),
    (
        "never-reached",
        {
            **schedule("warmup_stable_decay", per="epoch", stable=2, **WSD | {"decay": 3}),
            **EPOCH_CUT,
        },
    ),
    ("does-not-add-up", schedule("warmup_stable_decay", stable=70, **WSD)),
    (
        "does-not-add-up",
        {
            **schedule("warmup_stable_decay", stable=60, **WSD),
            **steps(10, counted="before"),
        },
    ),
    ("stays-at-its-end", {"horizon": 60}),
    ("ends-above-zero", schedule("polynomial", power=1.0, end_lr=0.0)),
    ("tail-is-dropped", {"batch": {"accumulate": 5, "tail": "drop"}}),
    ("tail-leaks", {"batch": {"accumulate": 5, "tail": "leak"}}),
    ("tail-leaks", {"batch": {"accumulate": 4, "tail": "leak"}, "duration": {"epochs": 1}}),
    ("clip-shrinks-more", {"clip": {"global_norm": 1.0, "rule": "torch"}}),
    ("clip-shrinks-more", {"clip": {"global_norm": 1e-5}}),
    ("clip-shrinks-more", {"clip": {"value": 1e-9}}),
    ("losses-are-summed", {"batch": {"normalise": "sum"}}),
    ("group-is-the-epoch", {"batch": {"accumulate": 10}}),
    ("averages-are-young", {"ema": {"decay": 0.97}}),
    ("averages-are-young", {"ema": {"decay": 0.99, "start": "debiased"}}),
    ("averages-are-too-small", {"ema": {"decay": 0.9, "start": "zero"}}),
    ("averages-are-too-small", {"ema": {"decay": 0.99, "start": "debiased"}}),
    ("averages-are-young", {"ema": {"decay": 0.999, "warmup": True}}),
    ("amp-on-the-cpu", {"amp": {"dtype": "bfloat16"}, "device": "cuda"}),
    ("tail-is-short", {"batch": {"accumulate": 5}}),
    ("tail-is-short", {"batch": {"accumulate": 11}}),
    ("rate-moves-on-skips", {"amp": {"dtype": "float16"}}),
    # bfloat16 is not scaled, so nothing is skipped
    ("rate-moves-on-skips", {"amp": {"dtype": "bfloat16", "on_skip": "advance"}}),
    ("rate-holds-on-skips", {"amp": {"dtype": "bfloat16"}}),
    ("rate-holds-on-skips", {"amp": {"dtype": "float16", "on_skip": "advance"}}),
    (
        "rate-holds-on-skips",
        {"amp": {"dtype": "float16"}, **schedule("step", every=1, gamma=0.5, per="epoch")},
    ),
    (
        "epochs-move-on-skips",
        {"amp": {"dtype": "bfloat16"}, **schedule("step", every=1, gamma=0.5, per="epoch")},
    ),
    ("epochs-move-on-skips", {"amp": {"dtype": "float16"}}),
    ("dropout-in-training", task(0.0)),
    ("decay-is-too-small", {**decay(0.01), **adamw(1e-4)}),
    ("no-trust-ratio", {**LAMB, **decay()}),
    ("no-trust-ratio", {**LARS, **decay()}),
    ("no-trust-ratio", {}),
    ("trust-ratio-of-some", {**LAMB, **decay()}),
    ("everything-decays", decay(exclude_below_ndim=2)),
    ("adamw-is-the-old-one", decay(0.1)),
    ("everything-decays", decay(exclude_regex=["bias"])),
    ("everything-decays", decay(values=[{"role": "norm", "value": 0.0}])),
    ("value-is-the-usual-one", decay(values=[{"role": "norm", "value": 0.0}])),
    ("decays-nothing", decay(0.0, values=[{"role": "norm", "value": 0.1}])),
    ("everything-decays", decay(0.0)),
    ("excluded-by-substring", decay(exclude=["bias"])),
    ("statistics-move", {"freeze": {"patterns": ["a"], "batch_stats": "keep"}}),
    ("statistics-move", {"freeze": {"patterns": ["a"]}, **task(0.0)}),
]


@pytest.mark.parametrize(("rule", "changes", "found"), FIRES, ids=lambda value: str(value)[:40])
def test_a_rule_fires_and_says_what_it_found(
    rule: str, changes: dict[str, Any], found: str
) -> None:
    assert found == concerns_of(plan_of(**changes))[rule].found


@pytest.mark.parametrize(("rule", "changes"), SILENT, ids=lambda value: str(value)[:40])
def test_a_rule_is_silent_at_its_boundary(rule: str, changes: dict[str, Any]) -> None:
    assert rule not in concerns_of(plan_of(**changes))


def test_every_rule_is_tested_and_has_its_own_name() -> None:
    names = [rule.name for rule in ADVICE_RULES]
    assert len(names) == len(set(names))
    assert {rule for rule, _, _ in FIRES} == set(names)


def test_a_plain_run_has_no_concern() -> None:
    assert explain(plan_of()).concerns == ()


def test_warnings_come_before_notes() -> None:
    levels = [c.level for c in explain(plan_of(**steps(10), **decay(), horizon=60)).concerns]
    assert levels == ["warning", "warning", "note"]
