"""Typical mistakes, planted in the product, are found by the oracle, at the update that has them.

Parity would say "agrees" where both sides have the mistake; the oracle shares nothing with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from benchmarks.mistakes.faults import misread
from dualtrain.backend import backend_names, load_backend
from dualtrain.plan._warmup import Rise
from dualtrain.training import Run
from tests.oracle.check import check
from tests.oracle.model import Architecture
from tests.oracle.specs import Case

Patch = pytest.MonkeyPatch

SPEC: dict[str, Any] = {
    "optimizer": {"name": "adamw", "lr": 0.125, "betas": [0.5, 0.875], "eps": 2.0**-27},
    "schedule": {"name": "linear"},
    "warmup": {"steps": 2, "start": 0.25},
    "duration": {"epochs": 2},
    "batch": {"accumulate": 2, "tail": "flush"},
    "weight_decay": {"value": 0.5, "exclude": ["bias"]},
    "clip": {"global_norm": 0.03125},
    "ema": {"decay": 0.5},
    "loss": {"label_smoothing": 0.125},
}
"""Two epochs of updates of 2, 2 and 1 micro-batches."""
PER_TOKEN = Architecture(per_token=True)


def case_of(through: str, architecture: Architecture, **changes: Any) -> Case:
    return Case(
        seed=0,
        index=0,
        spec={k: v for k, v in (SPEC | changes).items() if v is not None},
        architecture=architecture,
        still=(),
        dtype="float64",
        own_loss=False,
        through="fit" if through == "fit" else "step",
        labels="hard",
        micro_batches=5,
    )


def optim(backend: str) -> Any:
    return import_module(f"dualtrain_{backend}.optim")


def warmup_one_late(patch: Patch, backend: str) -> None:
    risen = Rise.factors
    patch.setattr(Rise, "factors", lambda self, t: risen(self, np.maximum(t - 1, 0.0)))


def clip_by_norm_plus_1e_6(patch: Patch, backend: str) -> None:
    """torch's `clip_grad_norm_`."""

    def in_torch(self: Any, gradients: list[Any], c: float) -> list[Any]:
        import torch

        holders: list[Any] = [_Holder(g) for g in gradients]
        torch.nn.utils.clip_grads_with_norm_(holders, c, self.norm)
        return gradients

    def in_paddle(self: Any, pairs: list[tuple[Any, Any]], c: float) -> list[tuple[Any, Any]]:
        factor = c / (self.norm + 1e-6)
        return [(p, g * factor.clip(max=1.0)) for p, g in pairs]

    clipper = import_module(f"dualtrain_{backend}").StepClipper
    patch.setattr(clipper, "by_global_norm", {"torch": in_torch, "paddle": in_paddle}[backend])


@dataclass
class _Holder:
    """What torch's function takes for a parameter."""

    grad: Any


def averages_one_update_late(patch: Patch, backend: str) -> None:
    average = Run._average

    def late(self: Run) -> None:
        if self.averaged_updates == 0:
            self.averaged_updates += 1
        else:
            average(self)

    patch.setattr(Run, "_average", late)


def averages_begin_after_the_first_update(patch: Patch, backend: str) -> None:
    """torch's `AveragedModel`."""
    average = Run._average

    def late(self: Run) -> None:
        if self.averaged_updates == 0:
            self.averages = self.backend.build_averages(self.model)
        average(self)

    patch.setattr(Run, "_average", late)


def decay_biases(patch: Patch, backend: str) -> None:
    value = SPEC["weight_decay"]["value"]
    misread(patch, load_backend(backend), lambda row, _: replace(row, decay=value))


def learn_all_at_one_rate(patch: Patch, backend: str) -> None:
    misread(patch, load_backend(backend), lambda row, _: replace(row, lr_multiplier=1.0))


def divide_the_tail_by_the_full_size(patch: Patch, backend: str) -> None:
    full = SPEC["batch"]["accumulate"]
    patch.setattr(
        "dualtrain.training.loop._update._divisors",
        lambda normalise, counts: [count * full for count in counts],
    )
    patch.setattr(
        "dualtrain.training.run._run.divisor_of",
        lambda divisor, size, normalise: float(divisor or full),
    )


def smooth_over_the_other_classes(patch: Patch, backend: str) -> None:
    """e / (K - 1) to each class, as if the label's own had none."""
    verbs = load_backend(backend)
    right = verbs.cross_entropy_sum

    def wrong(logits: Any, labels: Any, *, label_smoothing: float = 0.0) -> Any:
        e, classes = label_smoothing, logits.shape[-1]
        smoothed, plain = right(logits, labels, label_smoothing=e), right(logits, labels)
        return smoothed + (smoothed - (1 - e) * plain) / (classes - 1)

    patch.setattr(verbs, "cross_entropy_sum", wrong)


def swap_the_betas(patch: Patch, backend: str) -> None:
    native = optim(backend).native_optimizer

    def wrong(settings: Any, *rest: Any) -> Any:
        swapped = tuple(reversed(settings.betas))
        return native(settings.model_copy(update={"betas": swapped}), *rest)

    patch.setattr(optim(backend), "native_optimizer", wrong)


def count_ignored_labels(patch: Patch, backend: str) -> None:
    """Paddle's built-in mean."""
    patch.setattr("dualtrain.backend.targets.count", lambda labels, shift: int(labels.size))


def move_what_stands_still(patch: Patch, backend: str) -> None:
    misread(patch, load_backend(backend), lambda row, _: replace(row, frozen=False))


def forget_to_shift(patch: Patch, backend: str) -> None:
    """Labels and logits of the same position."""
    patch.setattr("dualtrain.backend.targets.shift_labels", lambda labels, soft: labels)
    patch.setattr("dualtrain.backend.targets.shift_logits", lambda logits: logits)


def follow_torchs_rule_of_running_variances(patch: Patch, backend: str) -> None:
    verbs = load_backend(backend)
    right = verbs.use_batch_norm
    patch.setattr(verbs, "use_batch_norm", lambda model, rule: right(model, "torch"))


def cut_one_reading_late(patch: Patch, backend: str) -> None:
    from dualtrain.plan import Plateau

    begin = Plateau.__init__

    def wrong(self: Any, plan: Any) -> None:
        begin(self, plan)
        later = self._schedule.patience + 1
        self._schedule = self._schedule.model_copy(update={"patience": later})

    patch.setattr(Plateau, "__init__", wrong)


@dataclass(frozen=True)
class Planted:
    """A mistake, and where it must be seen first."""

    fault: Callable[[Patch, str], None]
    quantity: str
    update: int
    spec: dict[str, Any] = field(default_factory=dict)
    through: tuple[str, ...] = ("fit", "step")
    architecture: Architecture = PER_TOKEN


PLATEAU = {
    "name": "reduce_on_plateau",
    "mode": "min",
    "factor": 0.5,
    "patience": 0,
    "threshold": 0.0,
    "threshold_mode": "rel",
    "cooldown": 0,
    "min_lr": 0.0,
    "eps": 0.0,
}
FAULTS = [
    Planted(warmup_one_late, "rate", 1),
    Planted(clip_by_norm_plus_1e_6, "clipped norm", 0),
    Planted(averages_one_update_late, "average", 1, through=("step",)),
    Planted(averages_one_update_late, "file", 6, through=("fit",)),
    Planted(averages_begin_after_the_first_update, "average", 1, through=("step",)),
    Planted(decay_biases, "weight", 0),
    Planted(divide_the_tail_by_the_full_size, "gradient", 2),
    Planted(smooth_over_the_other_classes, "micro loss", 0, through=("fit",)),
    Planted(smooth_over_the_other_classes, "gradient", 0, through=("step",)),
    Planted(swap_the_betas, "weight", 1),
    Planted(count_ignored_labels, "micro loss", 1, through=("fit",)),
    Planted(learn_all_at_one_rate, "weight", 0, {"layer_decay": 0.5}),
    Planted(move_what_stands_still, "gradient", 0, {"freeze": {"patterns": ["*.dense.bias"]}}),
    Planted(forget_to_shift, "micro loss", 0, {"loss": {"shift_labels": True}}, through=("fit",)),
    Planted(
        cut_one_reading_late,
        "rate",
        6,
        {"schedule": PLATEAU, "warmup": None, "duration": {"epochs": 8}},
    ),
    Planted(
        follow_torchs_rule_of_running_variances,
        "statistics",
        0,
        architecture=Architecture(norm="batch"),
    ),
]
PARAMETERS = [
    pytest.param(planted, through, id=f"{planted.fault.__name__}, {through}")
    for planted in FAULTS
    for through in planted.through
]


@pytest.mark.parametrize("backend", backend_names())
@pytest.mark.parametrize(("planted", "through"), PARAMETERS)
def test_a_planted_fault_is_found(
    planted: Planted, through: str, backend: str, monkeypatch: Patch
) -> None:
    case = case_of(through, planted.architecture, **planted.spec)
    assert check(case, backend).verdict.first is None

    planted.fault(monkeypatch, backend)
    first = check(case, backend).verdict.first

    assert first is not None
    assert (planted.quantity, planted.update) == (first.quantity, first.update), first
