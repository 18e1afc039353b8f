"""Random specs against the rules, update by update; `python -m tests.oracle` is the long form.

Seeded: every run has the same cases.
"""

from __future__ import annotations

import pytest

from tests.oracle.check import check, words
from tests.oracle.specs import NAMES, OPTIMIZERS, Case, draw
from tests.oracle.update import leaked

# Paddle's batch norm says so in every forward pass.
pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track")

SEED, COUNT, CHUNK = 211, 96, 16
CASES = [draw(SEED, index) for index in range(COUNT)]


@pytest.mark.parametrize("first", range(0, COUNT, CHUNK))
def test_every_update_is_what_the_spec_says(backend: str, first: int) -> None:
    found = []
    for case in CASES[first : first + CHUNK]:
        outcome = check(case, backend)
        found.append(outcome.trouble(case, backend))
        assert outcome.refused is not None or outcome.verdict.updates > 0 or found[-1]
    trouble = [text for text in found if text is not None]
    assert not trouble, "\n".join(trouble)


def test_a_case_follows_from_its_seed_and_number() -> None:
    assert draw(SEED, 7) == CASES[7]
    assert draw(SEED + 1, 7) != CASES[7]


CHOICES = {
    "optimizer.name": OPTIMIZERS,
    "schedule.name": NAMES,
    "schedule.between": ["hold", "linear"],
    "schedule.per": ["update", "epoch"],
    "schedule.mode": ["triangular", "triangular2", "exp_range", "min", "max"],
    "schedule.scale_per": ["cycle", "update"],
    "schedule.shape": ["linear", "cosine", "one_minus_sqrt"],
    "schedule.three_phase": [True, False],
    "schedule.cycle": [True, False],
    "schedule.threshold_mode": ["rel", "abs"],
    "warmup.rounding": ["floor", "ceil", "round"],
    "warmup.shape": ["linear", "cosine", "one_minus_sqrt"],
    "warmup.counted": ["inside", "before", "over", "times"],
    "weight_decay.kind": ["coupled", "decoupled"],
    "weight_decay.exclude": ["bias", "norm", "embedding", "one_dimensional"],
    "weight_decay.exclude_regex": [r"^encoder\.layer\.\d\.norm\.", r"dense\.(bias|w)"],
    "weight_decay.values.role": ["norm"],
    "weight_decay.values.pattern": ["embeddings.*", "encoder.*.weight"],
    "own_betas.pattern": ["embeddings.*", "*.bias", "encoder.layer.1.*"],
    "clip.rule": ["paddle", "torch"],
    "batch.normalise": ["micro_mean", "token_mean", "sum"],
    "batch.tail": ["flush", "drop", "leak"],
    "freeze.batch_stats": ["keep", "train"],
    "ema.warmup": [True, False],
    "ema.start": ["initial", "first", "zero", "debiased"],
    "ema.statistics": [True, False],
    "batch_norm": ["paddle", "torch"],
    "loss.shift_labels": [True, False],
    "amp.on_skip": ["hold", "advance"],
    "optimizer.amsgrad": [True, False],
    "optimizer.nesterov": [True, False],
    "optimizer.centered": [True, False],
    "optimizer.correct_bias": [True, False],
}
FIELDS = [
    *(
        "horizon",
        "horizon.epochs",
        "shift",
        "layer_decay.rate",
        "lr_multipliers.multiplier",
        "lr_multipliers.lr",
        "own_betas.betas",
        "duration.epochs",
        "duration.updates",
        "batch.micro_batches_per_epoch",
    ),
    *("clip.global_norm", "clip.norm", "clip.value", "loss.label_smoothing", "ema.decay"),
    *(
        "warmup.steps",
        "warmup.proportion",
        "warmup.updates",
        "warmup.epochs",
        "warmup.start",
        "weight_decay.exclude_below_ndim",
    ),
    *(
        "schedule.momentum.low",
        "schedule.phases.updates",
        "schedule.phases.lr",
        "amp.loss_scale.init",
    ),
]


def test_every_word_occurs() -> None:
    """So that what the short form covers cannot shrink unseen."""
    occurring = words(CASES)
    wanted = {f"{field}={value}" for field, values in CHOICES.items() for value in values}
    assert sorted((wanted | set(FIELDS)) - occurring) == []


def spans(case: Case) -> dict[str, bool]:
    """Where rules turn."""
    batch, steps = case.spec["batch"], (case.spec.get("warmup") or {}).get("steps")
    updates = case.spec["duration"].get("updates")
    return {
        "a run of one update": updates == 1,
        "no warmup": steps == 0,
        "warmup up to the last update": updates is not None and steps == updates - 1 > 0,
        "a group larger than an epoch": batch["accumulate"] > case.micro_batches,
        "a tail": case.micro_batches % batch["accumulate"] > 0 and batch["tail"] == "flush",
        "a tail that is dropped": case.micro_batches % batch["accumulate"] > 0
        and batch["tail"] == "drop",
        "a tail that leaks into the next epoch": leaked(batch, case.micro_batches) > 0
        and (case.spec["duration"].get("epochs") or 1) > 1,
        "betas of 0": 0.0 in case.spec["optimizer"].get("betas", []),
        "no decay at all": (case.spec.get("weight_decay") or {}).get("value") == 0.0,
        "averages that keep nothing": (case.spec.get("ema") or {}).get("decay") == 0.0,
        "a clip that always acts": 1e-4 in (case.spec.get("clip") or {}).values(),
        "a clip that never acts": 1e6 in (case.spec.get("clip") or {}).values(),
        "a tied weight": case.architecture.tied,
        "running statistics": case.architecture.norm == "batch",
        "labels per token": case.architecture.per_token,
        "soft labels": case.labels == "soft",
        "a loss of the caller's own": case.own_loss,
        "a parameter that the model holds still": bool(case.still),
        "float32": case.dtype == "float32",
        "float64": case.dtype == "float64",
        "fit": case.through == "fit",
        "a loop of one's own": case.through == "step",
    }


def test_every_turn_occurs() -> None:
    missing = [name for name in spans(CASES[0]) if not any(spans(case)[name] for case in CASES)]
    assert missing == []
