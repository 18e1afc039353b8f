"""A schedule as the updates meet it: one that stands still, is ahead of them, or jumps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isclose
from typing import Any

from pydantic import ValidationError

from dualtrain.errors import DualtrainError
from dualtrain.plan import Plan
from dualtrain.recipes._record import Recipe
from dualtrain.recipes._told import Entry, Told, Untold
from dualtrain.recipes.schedules._driving import driving
from dualtrain.spec import Spec

__all__ = ["CLOCKED", "as_it_moves"]

CLOCKED = ("schedule", "warmup", "horizon", "shift")
"""Sections of a spec that the clock of the rate moves through."""

LONG = 10**6
"""Updates of a run that is longer than any count of a schedule's first rates."""


def as_it_moves(recipe: Recipe, told: Sequence[Told]) -> list[Told]:
    """What a recipe's fields come to, where its schedule is not attached, never stepped, or ahead.

    told: the spec of the schedule as it is built, attached, and stepped after each update.
    """
    told = _begun(told)
    if any(one.code == "sched_not_attached" for one in recipe.hazards):
        return _constant(told, "the schedule reaches no optimizer, which holds a plain rate")
    if recipe["scheduler_step"].value == "never" and recipe["schedule"].value != "none":
        return _standing(recipe, told)
    told = _peaked(recipe, told)
    at = max((n for n, one in enumerate(told) if one.path[0] in CLOCKED), default=-1) + 1
    return [*told[:at], *_ahead(recipe, told), *told[at:]]


def _begun(told: Sequence[Told]) -> list[Told]:
    """Rates by boundary begin with the rate of the spec, whatever the optimizer was given."""
    words = {one.path: one.value for one in told if isinstance(one, Entry)}
    values = words.get(("schedule", "values"))
    return [
        replace(one, value=values[0])
        if values and one.path == ("optimizer", "lr") and isinstance(one, Entry)
        else one
        for one in told
    ]


def _constant(told: Sequence[Told], why: str) -> list[Told]:
    kept = list[Told]()
    for one in told:
        if one.path[0] not in CLOCKED:
            kept.append(one)
        elif one.path[0] == "schedule" and not any(other.path[0] == "schedule" for other in kept):
            found = None if one.found is None else replace(one.found, certainty="stated", why=why)
            kept.append(Entry(("schedule", "name"), "constant", found))
    return kept


def _standing(recipe: Recipe, told: Sequence[Told]) -> list[Told]:
    """Every update has the rate of the first one."""
    why = "the schedule is never stepped"
    first, start, kept = _first_rate(recipe, told), recipe["warmup_start"].value, list[Told]()
    if first and isinstance(start, float) and isclose(first, start, rel_tol=1e-12):
        first = start
    for one in _constant(told, why):
        if one.path != ("optimizer", "lr") or isinstance(one, Untold) or first == one.value:
            kept.append(one)
        elif first:
            found = None if one.found is None else replace(one.found, why=f"{why}: the first rate")
            kept.append(Entry(one.path, first, found))
        elif first is None:
            text = f"{why}, and what it makes of {one.value} at the first update cannot be told"
            kept.append(Untold(one.path, text, one.found))
        else:
            text = f"{why}, so every update has the rate of the first, 0, and nothing trains"
            kept.append(Untold(one.path, text, one.found))
    return kept


def _first_rate(recipe: Recipe, told: Sequence[Told]) -> float | None:
    """The rate of the first update, which no length decides; None where it cannot be told."""
    held = None if recipe.training is None else driving(recipe.training)
    if "Plateau" in getattr(held, "path", ""):
        lr = recipe["lr"].value
        return lr if isinstance(lr, float) else None
    tree: dict[str, Any] = {"optimizer": {"name": "sgd"}, "duration": {"updates": LONG}}
    for one in told:
        section, *inner = one.path
        if section not in CLOCKED and one.path != ("optimizer", "lr"):
            continue
        if isinstance(one, Untold) and section in ("schedule", "warmup"):
            return None
        if isinstance(one, Entry) and inner:
            tree.setdefault(section, {})[inner[0]] = one.value
    try:
        return Plan.of(Spec.model_validate(tree), micro_batches_per_epoch=1).lr_at(0)
    except (DualtrainError, ValidationError):
        return None


def _peaked(recipe: Recipe, told: Sequence[Told]) -> list[Told]:
    """A warmup that ends at another rate than the schedule begins with: two phases."""
    peak, lr, rise = recipe["warmup_peak"], recipe["lr"].value, recipe["warmup"].value
    if peak.value is None or not rise:
        return list(told)
    words = {one.path: one.value for one in told if isinstance(one, Entry)}
    own = {path[1]: value for path, value in words.items() if path[0] == "schedule"}
    steps, before = words.get(("warmup", "steps")), ("warmup", "counted") in words
    horizon = words.get(("horizon",))
    ends = own.get("name") in ("constant", "step", "multistep", "piecewise", "exponential")
    why = f"it rises to {peak.value}, and the schedule goes on from {lr}"
    sure = all(isinstance(one, Entry) for one in told if one.path[0] in CLOCKED)
    if not sure or steps is None or not (ends or not before or isinstance(horizon, int)):
        kept = [one for one in told if one.path[0] != "warmup"]
        at = max((n for n, one in enumerate(kept) if one.path[0] == "schedule"), default=-1) + 1
        return [*kept[:at], Untold(("warmup",), why, peak), *kept[at:]]
    start = recipe["warmup_start"].value or 0.0
    line = {
        "name": "table",
        "multipliers": [round(start / lr, 12), round(peak.value / lr, 12)],
        "at": [0, steps],
        "between": "linear",
    }
    phases = [
        {"schedule": line, "updates": steps},
        {"schedule": {name: value for name, value in own.items() if name != "per"}},
    ]
    schedule: list[Told] = [
        Entry(("schedule", "name"), "sequential", replace(recipe["schedule"], why=why)),
        Entry(("schedule", "phases"), phases, peak),
    ]
    schedule += [one for one in told if one.path == ("schedule", "per")]
    if isinstance(horizon, int):
        schedule.append(Entry(("horizon",), horizon + steps * before, recipe["horizon"]))
    first = next(n for n, one in enumerate(told) if one.path[0] == "schedule")
    rest = [one for one in told[first:] if one.path[0] not in CLOCKED]
    return [*told[:first], *schedule, *rest]


def _ahead(recipe: Recipe, told: Sequence[Told]) -> Iterator[Told]:
    """By how many counts the schedule is ahead of the updates."""
    rises = any(one.path[0] == "warmup" for one in told)
    flat = any(isinstance(one, Entry) and one.value == "constant" for one in told)
    shifted = [one for one in recipe.hazards if one.mends == "shift"]
    if (flat and not rises) or not shifted:
        return
    first = shifted[0]
    found = replace(
        recipe["schedule"], certainty="stated", place=first.place, how="", flag=None, why=first.text
    )
    unknown = next((one for one in shifted if not one.ahead), None)
    if unknown is not None:
        yield Untold(("shift",), unknown.text, replace(found, place=unknown.place))
    elif sum(one.ahead for one in shifted):
        yield Entry(("shift",), sum(one.ahead for one in shifted), found)
