"""The schedule of a recipe as the fields of a spec: its curve, its warmup and its length."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from dualtrain.reading import Unknown, leaves
from dualtrain.recipes._clock import clock_of
from dualtrain.recipes._found import described
from dualtrain.recipes._native_words import schedule_words, why_unread
from dualtrain.recipes._record import Found, Recipe
from dualtrain.recipes._told import Entry, Told, Untold, remarked, told
from dualtrain.recipes.schedules._counting import schedule_steps
from dualtrain.recipes.schedules._driving import driving
from dualtrain.recipes.schedules._rules import SHARE

__all__ = ["counts_micro_batches", "horizon", "schedule", "warmup"]


def schedule(recipe: Recipe) -> Iterator[Told]:
    found, stepped = recipe["schedule"], recipe["scheduler_step"]
    at = ("schedule",)
    if found.certainty in ("unknown", "absent"):
        yield Untold(at, found.why or "nothing tells how the rate moves", found)
        return
    if found.value == "none":
        yield Entry((*at, "name"), "constant", remarked(found, ""))
        return
    if stepped.value == "per_batch" and (recipe["accumulate"].value or 1) > 1:
        yield Untold(at, f"{found.value}, stepped once a micro-batch under accumulation", found)
        return
    if not _is_own(recipe):
        yield from SCHEDULES[found.value](recipe, found)
        words = {}
    elif not (words := schedule_words(recipe)):
        why = why_unread(recipe) or found.why or "a rule of its own"
        yield Untold(at, f"{found.value}: {why}", found)
        return
    is_plateau = words.get("name") == PLATEAU
    why = _unmet(recipe, is_plateau)
    if why:
        yield Untold(at, f"{words.get('name', found.value)}: {why}", found)
        return
    for word, value in words.items():
        if value is not None and value is not False and word != "horizon":
            yield Entry((*at, *word.split(".")), value, found)
    if stepped.value == "per_epoch" and not is_plateau:
        yield Entry((*at, "per"), "epoch", stepped)


def _is_one_cycle(recipe: Recipe) -> bool:
    return schedule_words(recipe).get("name") == "one_cycle"


def _is_own(recipe: Recipe) -> bool:
    """Whether a library's class says the schedule, and the fields of a recipe do not."""
    found = recipe["schedule"]
    alone = schedule_words(recipe).get("name") in RISE_ALONE
    return alone or found.why.startswith("one cycle") or found.value not in SCHEDULES


PLATEAU = "reduce_on_plateau"


def _unmet(recipe: Recipe, is_plateau: bool) -> str:
    """Why the clock of a recipe's schedule is none that a spec has; empty where it is one."""
    stepped, clock = recipe["scheduler_step"].value, None
    if recipe.training is not None:
        clock = clock_of(recipe.training)
    moves = [] if clock is None else [e for e in schedule_steps(clock) if clock.entered(e)]
    if is_plateau:
        within = any(clock.within(one) for one in moves) if clock is not None else False
        if within or stepped not in ("per_epoch", "on_eval"):
            return "it is not given a metric at the end of each epoch, or that cannot be told"
        return ""
    parts = [one.args[0] for one in moves if one.kind == "call" and one.args]
    if any(isinstance(v, Unknown) and v.op == "/" for one in parts for v in leaves(one)):
        return f"it is stepped to a part of an epoch, {described(parts[0])}; no word says it"
    return ""


def _plain(name: str) -> Callable[[Recipe, Found], Iterator[Told]]:
    def make(recipe: Recipe, found: Found) -> Iterator[Told]:
        yield Entry(("schedule", "name"), name, found)

    return make


def _end(recipe: Recipe) -> Found:
    """The rate at the end; a factor's is a share of the whole rate."""
    end, lr = recipe["end_lr"], recipe["lr"].value
    if end.how != SHARE or not end.value:
        return end
    if not isinstance(lr, (int, float)):
        return Found(None, "unknown", end.place, why=f"{end.value} of a rate that is not known")
    return replace(end, value=end.value * lr)


def _linear(recipe: Recipe, found: Found) -> Iterator[Told]:
    end = _end(recipe)
    floor = bool(end.value) or end.certainty == "unknown"
    yield Entry(("schedule", "name"), "linear_annealing" if floor else "linear", found)
    if floor:
        yield told(("schedule", "min_lr"), end)


def _cosine(recipe: Recipe, found: Found) -> Iterator[Told]:
    cycles, end = recipe["num_cycles"], _end(recipe)
    floor = bool(end.value)
    yield Entry(("schedule", "name"), "cosine_with_min_lr" if floor else "cosine", found)
    waves = 2 * cycles.value if cycles.value else 1.0
    turns = _turns(recipe)
    if turns is None:
        yield told(("schedule", "half_waves"), cycles, waves)
    else:
        why = f"past {recipe['length'].why} it climbs again"
        yield Entry(("schedule", "half_waves"), waves * turns, remarked(recipe["horizon"], why))
    if floor:
        yield told(("schedule", "min_lr"), end)


def _polynomial(recipe: Recipe, found: Found) -> Iterator[Told]:
    yield Entry(("schedule", "name"), "polynomial", found)
    yield told(("schedule", "power"), recipe["power"], recipe["power"].value or 1.0)
    end = _end(recipe)
    yield told(("schedule", "end_lr"), end, 0.0 if end.value is None else None)


def _step(recipe: Recipe, found: Found) -> Iterator[Told]:
    yield Entry(("schedule", "name"), "step", found)
    yield told(("schedule", "every"), recipe["step_size"])
    yield told(("schedule", "gamma"), recipe["gamma"])


def _piecewise(recipe: Recipe, found: Found) -> Iterator[Told]:
    if recipe["values"].value:
        yield Entry(("schedule", "name"), "piecewise", found)
        yield told(("schedule", "boundaries"), recipe["milestones"])
        yield told(("schedule", "values"), recipe["values"])
        return
    yield Entry(("schedule", "name"), "multistep", found)
    yield told(("schedule", "milestones"), recipe["milestones"])
    yield told(("schedule", "gamma"), recipe["gamma"])


def _exponential(recipe: Recipe, found: Found) -> Iterator[Told]:
    yield Entry(("schedule", "name"), "exponential", found)
    yield told(("schedule", "gamma"), recipe["gamma"])


SCHEDULES: dict[str, Callable[[Recipe, Found], Iterator[Told]]] = {
    "linear": _linear,
    "constant": _plain("constant"),
    "inverse_sqrt": _plain("inverse_sqrt"),
    "cosine": _cosine,
    "polynomial": _polynomial,
    "step": _step,
    "piecewise": _piecewise,
    "exponential": _exponential,
}


RISE_ALONE = ("noam", "one_cycle", "cyclic")
"""Schedules whose rise is their own."""

READ_THE_LENGTH = ("linear", "cosine", "polynomial")


def warmup(recipe: Recipe) -> Iterator[Told]:
    found, unit = recipe["warmup"], recipe["warmup_unit"]
    if found.certainty == "unknown" or unit.certainty == "unknown":
        yield Untold(("warmup",), found.why or unit.why, found)
        return
    one_cycle = recipe["schedule"].why.startswith("one cycle")
    if not found.value or one_cycle or schedule_words(recipe).get("name") in RISE_ALONE:
        return
    if unit.value == "fraction":
        yield Entry(("warmup", "proportion"), float(found.value), found)
    elif not float(found.value).is_integer():
        yield Untold(("warmup",), f"{found.value} {unit.value} is no whole number", found)
        return
    elif unit.value == "steps" or recipe["scheduler_step"].value == "per_epoch":
        yield Entry(("warmup", "steps"), int(found.value), found)
    else:
        yield Entry(("warmup", "epochs"), found.value, found)
    yield from _rise(recipe)


def _rise(recipe: Recipe) -> Iterator[Told]:
    """Where the warmup begins, and from where the schedule counts."""
    start, lr, counted = recipe["warmup_start"], recipe["lr"], recipe["warmup_counted"]
    if start.certainty == "unknown":
        yield Untold(("warmup", "start"), start.why, start)
    elif start.value and not lr.value:
        yield Untold(("warmup", "start"), f"{start.value}, of a rate that is not known", start)
    elif start.value:
        yield Entry(("warmup", "start"), round(start.value / lr.value, 12), start)
    if counted.value:
        yield Entry(("warmup", "counted"), counted.value, counted)
    elif recipe.training is None and recipe["schedule"].value not in ("none", "constant", "linear"):
        why = "from where the curve counts is decided by the repository's code"
        yield Untold(("warmup", "counted"), why, recipe["schedule"])


def horizon(recipe: Recipe) -> Iterator[Told]:
    """The length of a schedule that is a number of its own, where the run has another."""
    found, own = recipe["length"], recipe["horizon"]
    per_epoch = recipe["scheduler_step"].value == "per_epoch"
    in_words = schedule_words(recipe).get("horizon")
    if in_words is not None and _is_own(recipe):
        if in_words != recipe["epochs" if per_epoch else "max_steps"].value:
            yield Entry(("horizon",), in_words, recipe["schedule"])
        return
    if counts_micro_batches(recipe):
        why = (
            f"{found.why or 'its length'} counts micro-batches, and each update steps the schedule"
        )
        yield Untold(("horizon",), why, found)
        return
    named = recipe["schedule"].value in READ_THE_LENGTH or schedule_words(recipe)
    if own.value is None or not named:
        return
    n, run = own.value, _run(recipe)
    if (found.value == "epoch_units") is not per_epoch:
        clock = "epochs" if per_epoch else "updates"
        why = f"{found.why} is {found.value}, and the schedule is stepped by {clock}"
        yield Untold(("horizon",), why, found)
    elif not float(n).is_integer() or n < 1:
        yield Untold(("horizon",), f"{found.why} is no number of updates", found)
    elif n != run and _turns(recipe) is None:
        words = int(n) if per_epoch or found.value == "fixed_steps" else {"epochs": int(n)}
        if _ends(recipe) or (run is not None and n > run):
            yield Entry(("horizon",), words, own)
        else:
            why = f"past {found.why} the curve turns, and whether the run goes so far is not known"
            yield Untold(("horizon",), f"{why}; write {words} if it does not", own)


def _run(recipe: Recipe) -> int | float | None:
    """The run in the unit of the schedule's own length; None where it is not known."""
    steps, epochs = recipe["max_steps"].value, recipe["epochs"].value
    limited = isinstance(steps, int) and steps > 0
    in_updates = recipe["length"].value == "fixed_steps"
    if in_updates or limited:
        return steps + (recipe["overrun"].value or 0) if in_updates and limited else None
    return epochs if isinstance(epochs, (int, float)) else None


def _ends(recipe: Recipe) -> bool:
    """Whether the rate stays at the end of the schedule, as the spec's does.

    A cosine of torch, Paddle, transformers and paddlenlp climbs again; of one that is code nothing
    is known past its end.
    """
    path = getattr(driving(recipe.training), "path", "") if recipe.training is not None else ""
    return recipe["schedule"].value != "cosine" or path.startswith("timm")


def _turns(recipe: Recipe) -> float | None:
    """How many descents and ascents a library's cosine goes through in a run that is longer than
    it; None where it is not longer, or where that cannot be told."""
    own, run, schedule = recipe["horizon"].value, _run(recipe), recipe["schedule"]
    before = not recipe["warmup"].value or recipe["warmup_counted"].value == "before"
    code = schedule.how == "computed"
    if not own or run is None or run <= own or _ends(recipe) or code or not before:
        return None
    return float(run / own)


def counts_micro_batches(recipe: Recipe) -> bool:
    """Whether a loop's schedule is as long as its micro-batches, and goes by updates."""
    limited = isinstance(recipe["max_steps"].value, int) and recipe["max_steps"].value > 0
    unknown = recipe["accumulate"].certainty == "unknown"
    steps = ("per_update", "per_batch") if unknown else ("per_update",)
    kinds = ("epochs",) if limited else ("epochs", "max_steps_or_epochs")
    return (
        recipe.training is not None
        and (recipe["schedule"].value in READ_THE_LENGTH or _is_one_cycle(recipe))
        and recipe["length"].value in kinds
        and recipe["scheduler_step"].value in steps
        and (unknown or (recipe["accumulate"].value or 1) > 1)
        and not re.search(r"ceil\(| //? ", recipe["length"].why)  # divided, so of updates
    )
