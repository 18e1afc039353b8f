"""What the same numbers mean in each library; the claims about the libraries are in tests/parity.

Sizes here: 10 micro-batches of which 4 make an update, 2 epochs.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from dualtrain.dialects import DIALECTS, Contrast, contrast, rate_distance
from dualtrain.plan import Plan
from tests import builders
from tests.builders import PLATEAU

plan_of = partial(
    builders.plan_of,
    schedule={"name": "linear"},
    warmup={"proportion": 0.3},
    batch={"accumulate": 4},
    duration={"epochs": 2},
)


def compared(plan: Plan, *names: str) -> tuple[Contrast, ...]:
    return contrast(plan, [DIALECTS[name] for name in names or DIALECTS])


def sizes(one: Contrast) -> tuple[int, int, int]:
    plan = one.reading.plan
    assert plan is not None
    return plan.total_updates, plan.updates_per_epoch, plan.warmup_updates


def test_the_four_dialects() -> None:
    """0.3 of 6 updates are 1.8; the floor of it, and the ceiling. PaddleNLP's Trainer makes 4."""
    expected = {
        "paddlenlp": (6, 3, 1),
        "paddlenlp-trainer": (4, 2, 1),
        "hf4": (6, 3, 2),
        "hf5": (6, 3, 2),
    }
    assert expected == {one.reading.dialect.name: sizes(one) for one in compared(plan_of())}


def test_epochs_that_are_no_whole_number() -> None:
    """2.5 of 3 updates are 7.5, of the Trainer's 2 they are 5; whole ones are whole."""
    expected = {"paddlenlp": 8, "paddlenlp-trainer": 5, "hf4": 8, "hf5": 8}
    plan = plan_of(duration={"epochs": 2.5})
    assert expected == {one.reading.dialect.name: sizes(one)[0] for one in compared(plan)}
    (trainer,) = compared(plan_of(duration={"epochs": 1.25}), "paddlenlp-trainer")
    assert sizes(trainer)[0] == 2  # 2.5, rounded down
    assert plan_of(duration={"epochs": 2.0}) == plan_of()
    assert (
        plan_of().spec.model_dump_json() == plan_of(duration={"epochs": 2.0}).spec.model_dump_json()
    )


def test_what_differs_from_the_spec() -> None:
    """Rates of the spec: 0 .1 .08 .06 .04 .02; of hf4: 0 .05 .1 .075 .05 .025."""
    paddlenlp, trainer, hf4, _ = compared(plan_of())
    assert (
        paddlenlp.distance is not None and trainer.distance is not None and hf4.distance is not None
    )
    assert (paddlenlp.distance.largest, paddlenlp.distance.first) == (0.0, None)
    # 0 .1 .0667 .0333, and then nothing
    assert (trainer.distance.largest_at, trainer.distance.first) == (3, 2)
    assert trainer.distance.largest == pytest.approx(0.06 - 0.1 / 3)
    assert (hf4.distance.largest, hf4.distance.largest_at, hf4.distance.first) == (0.05, 1, 1)


def test_a_run_that_ends_earlier_differs_where_it_ends() -> None:
    plan = plan_of(schedule={"name": "constant"}, warmup=None)
    (one,) = compared(plan, "paddlenlp-trainer")
    assert one.distance is not None
    assert (one.distance.largest, one.distance.largest_at, one.distance.first) == (0.0, None, 4)


def test_the_distance_of_rates_is_nothing_for_the_same_plan() -> None:
    apart = rate_distance(plan_of(), plan_of())
    assert (apart.largest, apart.largest_at, apart.first) == (0.0, None, None)


def test_the_leak_is_told() -> None:
    (one,) = compared(plan_of(), "paddlenlp-trainer")
    assert one.reading.leak == 2
    assert (
        "has 2 left over of each epoch's micro-batches: they leak into the first update of the "
        "next, which then has 6 and is divided by 4 all the same; those of the last epoch are "
        "never used"
    ) in one.remarks


def test_full_groups_do_not_leak() -> None:
    (one,) = compared(plan_of(12), "paddlenlp-trainer")
    assert (one.reading.leak, sizes(one)) == (0, (6, 3, 1))
    assert not any("leak" in remark for remark in one.remarks)


def test_paddlenlps_trainer_shrinks_accumulate_to_the_epoch() -> None:
    (one,) = compared(plan_of(3, warmup=None), "paddlenlp-trainer")
    assert sizes(one) == (2, 1, 0)
    assert "accumulate becomes 3: an epoch has no more micro-batches" in one.remarks


def test_a_tail_that_the_spec_leaks_is_an_update_in_hf() -> None:
    plan = plan_of(batch={"accumulate": 4, "tail": "leak"})
    assert plan.total_updates == 4
    assert sizes(compared(plan, "hf4")[0])[0] == 6
    assert sizes(compared(plan, "paddlenlp-trainer")[0])[0] == 4


def test_a_tail_that_the_spec_drops_is_an_update_in_hf() -> None:
    plan = plan_of(batch={"accumulate": 4, "tail": "drop"})
    assert plan.total_updates == 4
    assert sizes(compared(plan, "hf4")[0])[0] == 6


@pytest.mark.parametrize(
    ("name", "asked", "expected"),
    [
        ("paddlenlp", 2.0, [2.0]),
        ("paddlenlp", 4.0, [4.0, 2.0]),
        ("paddlenlp", 1.0, [None, 2.0]),  # num_cycles 0.5: AssertionError
        ("hf4", 1.0, [1.0]),
        ("hf4", 2.0, [2.0, 1.0]),
    ],
)
def test_a_cosine_given_and_left_out(name: str, asked: float, expected: list[Any]) -> None:
    plan = plan_of(schedule={"name": "cosine", "half_waves": asked})
    readings = [one.reading for one in compared(plan, name)]
    found = [None if r.plan is None else r.plan.spec.schedule.waves for r in readings]
    assert expected == found
    assert [r.left_out for r in readings] == [(), ("half_waves",)][: len(expected)]


def test_hf4_drops_the_timescale_that_hf5_takes() -> None:
    plan = plan_of(schedule={"name": "inverse_sqrt", "timescale": 5})
    hf4, hf5, _ = compared(plan, "hf4", "hf5")
    scales = [one.reading.plan.spec.schedule.timescale for one in (hf4, hf5)]  # type: ignore[union-attr]
    assert scales == [None, 5]
    assert "has no schedule.timescale, and drops 5 without a word" in hf4.remarks


def test_without_warmup_the_timescale_left_out_is_10000() -> None:
    plan = plan_of(schedule={"name": "inverse_sqrt", "timescale": 5}, warmup=None)
    readings = [one.reading for one in compared(plan, "hf5")]
    assert [r.plan.spec.schedule.timescale for r in readings] == [5, 10_000]  # type: ignore[union-attr]


def test_a_schedule_that_a_library_does_not_have() -> None:
    plan = plan_of(schedule={"name": "inverse_sqrt"})
    for one in compared(plan, "paddlenlp", "paddlenlp-trainer"):
        assert (one.reading.plan, one.distance) == (None, None)
        assert one.reading.refusal == "has no schedule 'inverse_sqrt'"


def test_a_curve_that_follows_a_metric_is_not_compared() -> None:
    (one,) = compared(plan_of(schedule=PLATEAU), "hf4")
    assert one.reading.refusal == "the rate follows a metric: there is no curve to compare"


def test_the_trainers_count_no_epochs() -> None:
    """In a loop of your own a schedule may step once an epoch."""
    plan = plan_of(schedule={"name": "linear", "per": "epoch"}, warmup=None)
    own, hf4 = compared(plan, "paddlenlp", "hf4")
    assert own.distance is not None
    assert (own.distance.first, hf4.reading.refusal) == (
        None,
        "moves its schedule at every update. Received: per 'epoch'",
    )


def test_a_polynomial_that_never_ends_is_paddles_own() -> None:
    plan = plan_of(schedule={"name": "polynomial", "power": 1.0, "end_lr": 0.0, "cycle": True})
    assert compared(plan, "hf4")[0].reading.refusal == (
        "cycle must be false: there is no such argument. Received: True"
    )


def test_a_default_that_cannot_be_is_a_refusal_with_the_rule() -> None:
    """lr_end is 1e-7 unless given, and the base rate is lower."""
    low = {"name": "polynomial", "power": 1.0, "end_lr": 0.0}
    plan = plan_of(schedule=low, optimizer={"name": "adamw", "lr": 1e-8})
    given, bare = compared(plan, "hf4")
    assert given.reading.refusal is None
    assert "end_lr: must be below optimizer.lr" in str(bare.reading.refusal)


def test_the_horizon_is_the_last_update_in_the_trainers() -> None:
    plan = plan_of(horizon=3)
    for name, horizon in (("paddlenlp", 3), ("hf4", 6)):
        (one,) = compared(plan, name)
        assert one.reading.plan is not None
        assert one.reading.plan.horizon == horizon


AMP = {"dtype": "float16", "on_skip": "advance"}


@pytest.mark.parametrize(
    ("name", "changes", "remark"),
    [
        ("hf4", {"horizon": 3}, "has no horizon: its schedules end with the run, not at t = 3"),
        (
            "hf4",
            {"horizon": 2, "schedule": {"name": "linear", "per": "epoch"}},
            "has no horizon: its schedules end with the run, not at t = 6",
        ),
        ("hf4", {}, "clips by global norm 1 unless max_grad_norm is 0"),
        (
            "hf4",
            {"clip": {"global_norm": 1.0}},
            "clips by c / (norm + 1e-06), not by c / max(norm, c)",
        ),
        (
            "paddlenlp-trainer",
            {"clip": {"global_norm": 1.0, "rule": "torch"}},
            "clips by c / max(norm, c), not by c / (norm + 1e-06)",
        ),
        ("hf5", {"clip": {"value": 1.0}}, "clips by the global norm only"),
        (
            "paddlenlp-trainer",
            {"amp": AMP},
            "starts with a loss scale of 32768 if none is given, the spec with 65536",
        ),
        (
            "hf5",
            {"amp": AMP},
            "holds the schedule at a skipped update, where the spec advances it",
        ),
        (
            "paddlenlp-trainer",
            {"weight_decay": {"value": 0.1}},
            "does not decay parameters with 'bias' or 'norm' in their structured name",
        ),
        (
            "paddlenlp-trainer",
            {},
            "logs the next update's rate, not the one used, rounded to four digits",
        ),
        (
            "hf4",
            {"batch": {"normalise": "token_mean"}},
            "takes token_mean for causal language models only, and counts the targets before the "
            "shift, so the first label of each sequence too",
        ),
        (
            "hf5",
            {"batch": {"normalise": "token_mean"}},
            "takes token_mean for causal language models only",
        ),
        (
            "hf5",
            {"batch": {"accumulate": 4, "normalise": "sum"}},
            "divides the loss by the number of micro-batches",
        ),
        ("hf5", {}, "takes token_mean for causal language models, whatever is asked"),
        (
            "paddlenlp-trainer",
            {"batch": {"normalise": "token_mean"}},
            "has no token_mean: it takes the mean of the micro-batches' means",
        ),
        (
            "hf4",
            {"optimizer": {"name": "momentum", "lr": 0.1, "momentum": 0.9}},
            "cannot make the optimizer 'momentum' with the spec's numbers",
        ),
        ("hf5", {"layer_decay": 0.8}, "has no argument for layer_decay"),
        (
            "paddlenlp-trainer",
            {"loss": {"label_smoothing": 0.1}},
            "has no argument for loss.label_smoothing",
        ),
        (
            "paddlenlp",
            {"loss": {"shift_labels": True}},
            "does not shift labels: its causal models want them shifted in the data",
        ),
        (
            "paddlenlp",
            {"warmup": {"steps": 2, "shape": "cosine"}},
            "has warmup.shape 'linear', always; 'cosine' cannot be said",
        ),
        (
            "hf4",
            {
                "schedule": {
                    "name": "warmup_stable_decay",
                    "decay": 2,
                    "shape": "linear",
                    "min_lr": 0.02,
                }
            },
            "has warmup.start 0.2, always; 0.0 cannot be said",
        ),
    ],
)
def test_what_has_no_number_is_remarked(name: str, changes: Any, remark: str) -> None:
    """And only where it applies: a spec without it gets no such remark."""
    assert remark in compared(plan_of(**changes), name)[0].remarks


def test_a_loop_of_your_own_has_nothing_to_remark() -> None:
    for clip in ("global_norm", "norm", "value"):
        plan = plan_of(clip={clip: 1.0}, amp=AMP, weight_decay={"value": 0.1}, layer_decay=0.8)
        assert compared(plan, "paddlenlp")[0].remarks == ()


def test_nothing_is_remarked_that_does_not_apply() -> None:
    plan = plan_of(12, clip={"global_norm": 1.0}, batch={"accumulate": 1})
    (one,) = compared(plan, "hf5")
    assert one.remarks == ("clips by c / (norm + 1e-06), not by c / max(norm, c)",)
    plan = plan_of(12, clip={"global_norm": 1.0, "rule": "torch"}, batch={"accumulate": 1})
    (one,) = compared(plan, "hf5")
    assert one.remarks == ()
