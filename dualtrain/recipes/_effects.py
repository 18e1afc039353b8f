"""What a hazard does to the run, in numbers of the recipe's plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from dualtrain.errors import DualtrainError
from dualtrain.plan import Plan
from dualtrain.recipes._as_it_moves import CLOCKED
from dualtrain.recipes._as_scheduled import counts_micro_batches
from dualtrain.recipes._as_spec import entries
from dualtrain.recipes._record import Found, Hazard, Recipe
from dualtrain.recipes._told import Untold
from dualtrain.spec import Spec

__all__ = ["MICRO_BATCHES", "effect"]

MICRO_BATCHES = 100
"""Micro-batches of an epoch, where nobody tells how many there are."""

CURVE = (*CLOCKED, "duration")
"""Sections of a spec that a curve of rates rests on, beside the rate itself."""


def effect(recipe: Recipe, hazard: Hazard, micro_batches: int = MICRO_BATCHES) -> str:
    """What a hazard of a recipe does to its run, in numbers; empty where no plan can give them.

    micro_batches: in an epoch, which the recipe's own loader would tell; said where it counts.
    """
    rule = EFFECTS.get(hazard.code)
    if rule is None:
        return ""
    run = _Run(recipe, hazard, micro_batches)
    try:
        text = rule(run)
    except (_NoPlan, DualtrainError, ValidationError):
        return ""
    return f"{text}, at {micro_batches} micro-batches an epoch" if text and run.assumed else text


class _NoPlan(Exception):
    """The recipe does not say enough for a curve."""


@dataclass(slots=True)
class _Run:
    """A recipe's run of so many micro-batches an epoch."""

    recipe: Recipe
    hazard: Hazard
    micro_batches: int
    assumed: bool = False
    """Whether what was asked of it rests on the number of micro-batches."""

    @property
    def accumulate(self) -> int:
        """Micro-batches an update. Raises _NoPlan: not known."""
        found = self.recipe["accumulate"]
        if found.certainty == "unknown":
            raise _NoPlan
        return int(found.value or 1)

    def plan(
        self, fields: Mapping[str, Found] | None = None, *, built: bool = False, **words: Any
    ) -> Plan:
        """The plan of the rates alone. fields: of the recipe, words: of the spec, told otherwise;
        built: of the schedule as it is built, whether or not it reaches the optimizer.

        Raises _NoPlan, SpecError's ValidationError and PlanError: there is none.
        """
        recipe = replace(self.recipe, fields={**self.recipe.fields, **(fields or {})})
        if "horizon" not in words and self._length_is_unknown():
            raise _NoPlan
        tree: dict[str, Any] = {"optimizer": {"name": "adamw"}}
        for one in entries(recipe, built=built):
            section, *inner = one.path
            if section not in CURVE and one.path != ("optimizer", "lr"):
                continue
            if isinstance(one, Untold):
                if section not in words and not self._fills(recipe, one, tree):
                    raise _NoPlan
            elif inner:
                tree.setdefault(section, {})[inner[0]] = one.value
            else:
                tree[section] = one.value
        tree["batch"] = {"accumulate": self.accumulate}
        if recipe["tail"].value:
            tree["batch"]["tail"] = recipe["tail"].value
        tree |= words
        self.assumed |= "updates" not in tree.get("duration", {})
        return Plan.of(Spec.model_validate(tree), micro_batches_per_epoch=self.micro_batches)

    def _length_is_unknown(self) -> bool:
        """Whether the schedule's length is none that epochs, batches and updates come to."""
        other = any(one.code == "sched_other_loader" for one in self.recipe.hazards)
        length = self.recipe["length"]
        return other or length.certainty == "unknown" or length.value == "examples"

    def _fills(self, recipe: Recipe, one: Untold, tree: dict[str, Any]) -> bool:
        """Say a length in micro-batches, which is known here, in its number."""
        epochs = recipe["epochs"].value
        if one.path != ("horizon",) or not counts_micro_batches(recipe) or not epochs:
            return False
        self.assumed = True
        tree["horizon"] = int(epochs * self.micro_batches)
        return True


def _number(value: float) -> str:
    return f"{value:.4g}"


def _stands(run: _Run) -> str:
    """The rate of the first update is that of all."""
    moves = {"scheduler_step": Found("per_update")}
    plan = run.plan(moves, built=True, **_its_length(run, moves))
    return f"all {plan.total_updates:,} updates have the rate {_number(plan.lr_at(0))}"


def _its_length(run: _Run, fields: Mapping[str, Found]) -> dict[str, Any]:
    """A length that counts micro-batches, of a schedule that nothing moves."""
    recipe = replace(run.recipe, fields={**run.recipe.fields, **fields})
    return {} if not counts_micro_batches(recipe) else {"horizon": _epochs(run)}


def _epochs(run: _Run) -> int:
    epochs = run.recipe["epochs"].value
    if not epochs:
        raise _NoPlan
    run.assumed = True
    return int(epochs * run.micro_batches)


def _not_attached(run: _Run) -> str:
    plan = run.plan(built=True)
    last, lr = plan.lr_at(plan.total_updates - 1), plan.spec.optimizer.lr
    return (
        f"the last of {plan.total_updates:,} updates has the whole rate, {_number(lr)}, and by the "
        f"schedule {last / lr:.2%} of its own"
    )


def _ahead(run: _Run) -> str:
    """The clock is one ahead."""
    if not run.hazard.ahead:
        return ""
    whole = run.plan()
    done, shift = whole.lr_curve(), whole.spec.shift
    meant = run.plan(shift=shift - run.hazard.ahead).lr_curve()
    other = np.flatnonzero(meant != done)
    if not len(other):
        return f"none of {len(meant):,} updates has another rate"
    first = int(other[0])
    return (
        f"{len(other):,} of {len(meant):,} updates have another rate, the first of them update "
        f"{first + 1:,}: {_number(done[first])} instead of {_number(meant[first])}"
    )


def _ends_high(run: _Run) -> str:
    """The rate of the last update."""
    words: dict[str, Any] = {}
    if run.hazard.code == "sched_longer_than_training" and not run.recipe.fields.get("horizon"):
        if run.hazard.epochs is None:
            return ""
        laid = int(run.hazard.epochs) if run.hazard.epochs.is_integer() else run.hazard.epochs
        words = {"horizon": {"epochs": laid}}
        if run.recipe["scheduler_step"].value == "per_epoch":
            words = {"horizon": laid}
        elif counts_micro_batches(run.recipe):
            words = {"horizon": laid * run.micro_batches}
    elif run.hazard.code == "max_steps_not_in_schedule":
        words = {"horizon": _epochs(run)}
        if run.recipe["length"].value == "epochs_over_accumulate":
            words = {"horizon": math.ceil(words["horizon"] / run.accumulate)}
    plan = run.plan(**words)
    if plan.horizon * plan.curve.updates_per_count <= plan.total_updates:
        return ""
    last, lr = plan.lr_at(plan.total_updates - 1), plan.spec.optimizer.lr
    return (
        f"the last of {plan.total_updates:,} updates has the rate {_number(last)}, "
        f"{last / lr:.2%} of the whole"
    )


def _early(run: _Run) -> str:
    """Where a schedule ends that is stepped at each micro-batch."""
    n, recipe = run.accumulate, run.recipe
    words: dict[str, Any] = {"batch": {"accumulate": 1}}
    if recipe["length"].value == "epochs_over_accumulate":
        words["horizon"] = math.ceil(_epochs(run) / n)
    limit = recipe["max_steps"].value
    if isinstance(limit, int) and limit > 0:
        words["duration"] = {"updates": limit * n}
        words.setdefault("horizon", limit)
    plan = run.plan({"accumulate": Found(1)}, **words)
    end, updates = math.ceil(plan.horizon / n), math.ceil(plan.total_updates / n)
    if end >= updates:
        return "none on its length, which counts micro-batches too"
    return f"the schedule ends at update {end:,} of {updates:,}"


def _wave(run: _Run) -> str:
    if run.recipe["schedule"].value != "cosine":
        return ""
    plan = run.plan()
    rates = plan.lr_curve()
    lowest = plan.warmup_updates + int(np.argmin(rates[plan.warmup_updates :]))
    return (
        f"the rate is lowest, {_number(rates[lowest])}, at update {lowest + 1:,} of "
        f"{len(rates):,}, and {_number(rates[-1])} at the last"
    )


def _jump(run: _Run) -> str:
    plan = run.plan()
    at = plan.warmup_updates
    if run.recipe["warmup_peak"].value is not None and plan.spec.schedule.name == "sequential":
        at = next(plan.curve.turns()).at
    elif not run.recipe["warmup_counted"].value:
        return ""
    return (
        f"the rate goes from {_number(plan.lr_at(at - 1))} to {_number(plan.lr_at(at))} at update "
        f"{at + 1:,}"
    )


def _first_epoch(run: _Run) -> str:
    plan = run.plan()
    run.assumed = True
    end = min(plan.updates_per_epoch, plan.total_updates)
    return (
        f"at the end of the first epoch, update {end:,}, the rate is {_number(plan.lr_at(end - 1))}"
    )


def _goes_on(run: _Run) -> str:
    plan = run.plan()
    beyond = plan.total_updates - plan.horizon
    if beyond <= 0:
        return ""
    return (
        f"{beyond:,} of {plan.total_updates:,} updates come after the schedule's end, at the rate "
        f"{_number(plan.lr_at(plan.total_updates - 1))}"
    )


def _summed(run: _Run) -> str:
    n = run.accumulate
    if n == 1:
        return "none as it stands: an update has one micro-batch"
    clip = run.recipe["clip"].value
    text = f"gradients are {n} times as large"
    if isinstance(clip, dict) and isinstance(clip.get("value"), (int, float)):
        text += f", so a clip at {_number(clip['value'])} is one at {_number(clip['value'] / n)}"
    return text


def _decays(run: _Run) -> str:
    decay = run.recipe["weight_decay"].value
    if not decay or run.recipe["optimizer"].value != "adamw":
        return ""
    rates = run.plan().lr_curve()
    left = float(np.prod(1.0 - rates * decay))
    return f"over {len(rates):,} updates it takes {1.0 - left:.3%} off a weight without a gradient"


def _pass(run: _Run) -> str:
    size, n = run.recipe["batch_size"].value, run.accumulate
    if not isinstance(size, int) or n == 1:
        return ""
    return f"a pass takes {size // n} of {size} samples"


EFFECTS: Mapping[str, Callable[[_Run], str]] = {
    "sched_never_stepped": _stands,
    "sched_flag_gated": _stands,
    "sched_not_attached": _not_attached,
    "sched_per_micro_batch": _early,
    "sched_before_optimizer": _ahead,
    "sched_last_epoch_offset": _ahead,
    "sched_warmup_not_subtracted": _ends_high,
    "sched_longer_than_training": _ends_high,
    "max_steps_not_in_schedule": _ends_high,
    "sched_cosine_full_wave_option": _wave,
    "sched_jump_after_warmup": _jump,
    "sched_unit_suspect": _first_epoch,
    "max_steps_not_a_stop": _goes_on,
    "accum_loss_not_divided": _summed,
    "framework_default_decay": _decays,
    "batch_is_effective": _pass,
}
"""By code."""
