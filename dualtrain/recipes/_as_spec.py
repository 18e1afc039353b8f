"""A recipe as the fields of a spec, each with where it comes from, and what is still to be told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from dualtrain.reading import Event, Known
from dualtrain.recipes._as_it_moves import as_it_moves
from dualtrain.recipes._native_words import optimizer_words, schedule_words
from dualtrain.recipes._record import Found, Recipe
from dualtrain.recipes._told import Entry, Told, Untold
from dualtrain.recipes.parameters._filters import ONE_DIMENSIONAL
from dualtrain.recipes.schedules._driving import driving
from dualtrain.recipes.schedules._rules import SHARE

__all__ = ["counts_micro_batches", "entries"]

DECOUPLED = ("adamw", "lamb", "lars")
HAVE_BETAS = ("adam", "adamw", "adamax", "nadam", "radam", "lamb")


def entries(recipe: Recipe, *, built: bool = False) -> list[Told]:
    """The spec that a recipe comes to, in the spec's order.

    built: with its schedule as it is built, whether or not it reaches the optimizer and is stepped.
    """
    told = [one for section in SECTIONS for one in section(recipe)]
    return told if built else as_it_moves(recipe, told)


def _told(path: tuple[str, ...], found: Found, value: Any = None) -> Told:
    """A field, or that it is not known."""
    if found.certainty == "unknown":
        return Untold(path, found.why or "cannot be told", found)
    if found.certainty == "absent" and value is None:
        return Untold(path, "the recipe does not say it", found)
    return Entry(path, found.value if value is None else value, found)


def _optimizer(recipe: Recipe) -> Iterator[Told]:
    name = recipe["optimizer"]
    words = optimizer_words(recipe)
    kind = name.value
    old = _old(recipe)
    if old is not None and old.name == "BertAdam":
        why = "BertAdam: no bias correction, and the decay inside the step; no word says it"
        yield Untold(("optimizer", "name"), why, name)
    elif old is not None:
        yield Entry(("optimizer", "name"), "adamw_transformers", name)
        corrects = old.kwargs.get("correct_bias")
        if isinstance(corrects, Known) and corrects.value is False:
            yield Entry(("optimizer", "correct_bias"), False, name)
    else:
        yield _told(("optimizer", "name"), name, words.get("name"))
    yield _told(("optimizer", "lr"), recipe["lr"])
    fields = ("name", "lr", "betas", "eps", "momentum", "nesterov")
    for word, value in words.items():
        beyond = word not in fields or (word == "momentum" and kind == "rmsprop")
        if beyond and value is not None:
            yield Entry(("optimizer", word), value, name)
    if kind in HAVE_BETAS and recipe["betas"].certainty != "absent":
        yield _told(("optimizer", "betas"), recipe["betas"])
    if kind not in ("sgd", "momentum", "lars") and recipe["eps"].certainty != "absent":
        yield _told(("optimizer", "eps"), recipe["eps"])
    if kind in ("momentum", "lars") and recipe["momentum"].certainty != "absent":
        yield _told(("optimizer", "momentum"), recipe["momentum"])
        if recipe["nesterov"].value:
            yield _told(("optimizer", "nesterov"), recipe["nesterov"])


OLD = ("transformers.", "pytorch_transformers.", "pytorch_pretrained_bert.")


def _old(recipe: Recipe) -> Event | None:
    """Where its AdamW is transformers' own: decay after the step, eps before the correction."""
    event: Event | None = None if recipe.training is None else recipe.training.optimizer
    if event is None or recipe["optimizer"].value != "adamw":
        return None
    own = event.receiver is not None and getattr(event.receiver, "of", None) is not None
    copied = own and event.receiver.of.name == "BertAdam"  # type: ignore[union-attr]
    return event if copied or event.path.startswith(OLD) else None


def _schedule(recipe: Recipe) -> Iterator[Told]:
    found, stepped = recipe["schedule"], recipe["scheduler_step"]
    at = ("schedule",)
    if found.certainty in ("unknown", "absent"):
        yield Untold(at, found.why or "nothing tells how the rate moves", found)
        return
    if found.value == "none":
        yield Entry((*at, "name"), "constant", _with(found, ""))
        return
    if stepped.value == "per_batch" and (recipe["accumulate"].value or 1) > 1:
        yield Untold(at, f"{found.value}, stepped once a micro-batch under accumulation", found)
        return
    if not _is_own(recipe):
        yield from SCHEDULES[found.value](recipe, found)
        words = {}
    elif not (words := schedule_words(recipe)):
        yield Untold(at, f"{found.value}: {found.why or 'a rule of its own'}", found)
        return
    is_plateau = words.get("name") == PLATEAU
    if is_plateau and stepped.value not in ("per_epoch", "on_eval"):
        yield Untold(at, f"{PLATEAU}: when it is given a metric cannot be told", found)
        return
    for word, value in words.items():
        if value is not None and value is not False and word != "horizon":
            yield Entry((*at, word), value, found)
    if stepped.value == "per_epoch" and not is_plateau:
        yield Entry((*at, "per"), "epoch", stepped)


def _is_own(recipe: Recipe) -> bool:
    """Whether a library's class says the schedule, and the fields of a recipe do not."""
    found = recipe["schedule"]
    alone = schedule_words(recipe).get("name") in RISE_ALONE
    return alone or found.why.startswith("one cycle") or found.value not in SCHEDULES


PLATEAU = "reduce_on_plateau"


def _with(found: Found, why: str) -> Found:
    return Found(found.value, "stated", found.place, found.how, found.flag, why)


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
        yield _told(("schedule", "min_lr"), end)


def _cosine(recipe: Recipe, found: Found) -> Iterator[Told]:
    cycles, end = recipe["num_cycles"], _end(recipe)
    floor = bool(end.value)
    yield Entry(("schedule", "name"), "cosine_with_min_lr" if floor else "cosine", found)
    waves = 2 * cycles.value if cycles.value else 1.0
    turns = _turns(recipe)
    if turns is None:
        yield _told(("schedule", "half_waves"), cycles, waves)
    else:
        why = f"past {recipe['length'].why} it climbs again"
        yield Entry(("schedule", "half_waves"), waves * turns, _with(recipe["horizon"], why))
    if floor:
        yield _told(("schedule", "min_lr"), end)


def _polynomial(recipe: Recipe, found: Found) -> Iterator[Told]:
    yield Entry(("schedule", "name"), "polynomial", found)
    yield _told(("schedule", "power"), recipe["power"], recipe["power"].value or 1.0)
    end = _end(recipe)
    yield _told(("schedule", "end_lr"), end, 0.0 if end.value is None else None)


def _step(recipe: Recipe, found: Found) -> Iterator[Told]:
    yield Entry(("schedule", "name"), "step", found)
    yield _told(("schedule", "every"), recipe["step_size"])
    yield _told(("schedule", "gamma"), recipe["gamma"])


def _piecewise(recipe: Recipe, found: Found) -> Iterator[Told]:
    if recipe["values"].value:
        yield Entry(("schedule", "name"), "piecewise", found)
        yield _told(("schedule", "boundaries"), recipe["milestones"])
        yield _told(("schedule", "values"), recipe["values"])
        return
    yield Entry(("schedule", "name"), "multistep", found)
    yield _told(("schedule", "milestones"), recipe["milestones"])
    yield _told(("schedule", "gamma"), recipe["gamma"])


def _exponential(recipe: Recipe, found: Found) -> Iterator[Told]:
    yield Entry(("schedule", "name"), "exponential", found)
    yield _told(("schedule", "gamma"), recipe["gamma"])


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


RISE_ALONE = ("noam", "one_cycle")
"""Schedules whose rise is their own."""

READ_THE_LENGTH = ("linear", "cosine", "polynomial")


def _warmup(recipe: Recipe) -> Iterator[Told]:
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


def _horizon(recipe: Recipe) -> Iterator[Told]:
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
        and recipe["schedule"].value in READ_THE_LENGTH
        and recipe["length"].value in kinds
        and recipe["scheduler_step"].value in steps
        and (unknown or (recipe["accumulate"].value or 1) > 1)
        and not re.search(r"ceil\(| //? ", recipe["length"].why)  # divided, so of updates
    )


def _decay(recipe: Recipe) -> Iterator[Told]:
    decay = recipe["weight_decay"]
    if decay.certainty == "unknown":
        yield Untold(("weight_decay", "value"), decay.why, decay)
    elif not decay.value:
        return
    else:
        yield Entry(("weight_decay", "value"), decay.value, decay)
        if recipe["optimizer"].value not in DECOUPLED:
            kind = recipe["decay_kind"]
            told = _told(("weight_decay", "kind"), kind, kind.value or "coupled")
            yield told if kind.place else Entry(("weight_decay", "kind"), "coupled")
    exclude, match = recipe["decay_exclude"], recipe["decay_match"]
    if match.certainty == "unknown":
        yield Untold(("weight_decay", "exclude_substrings"), match.why, match)
        return
    kinds = str(match.value or "").split("_or_")
    strings: list[str] = list(exclude.value or ())
    if {"role", "glob", "below"} & set(kinds):
        yield from _by_kind(strings, kinds, match, exclude)
        return
    if "ndim1" in kinds:
        yield _vectors(match)
    if not strings:
        return
    of_texts = [one for one in kinds if one != "ndim1"]
    words = WORDS.get(of_texts[0]) if len(of_texts) == 1 else None
    if any(one.code == "decay_internal_names" for one in recipe.hazards):
        why = f"{match.value} over Paddle's internal names: {', '.join(strings)}"
        yield Untold(("weight_decay", "exclude_patterns"), why, exclude)
    elif words is None:
        why = f"{match.value}: {', '.join(strings)}"
        yield Untold(("weight_decay", "exclude_patterns"), why, exclude)
    else:
        word, written = words
        yield Entry(("weight_decay", word), [written.format(one) for one in strings], exclude)


WORDS = {
    "substring": ("exclude_substrings", "{}"),
    "regex": ("exclude_regex", "{}"),
    "exact": ("exclude_patterns", "{}"),
    "suffix": ("exclude_patterns", "*{}"),
    "prefix": ("exclude_patterns", "{}*"),
}
"""Kind of a filter -> the word of a spec that says it, and how its texts are written there."""


def _vectors(match: Found) -> Entry:
    if match.why == ONE_DIMENSIONAL:
        return Entry(("weight_decay", "exclude"), ["one_dimensional"], match)
    return Entry(("weight_decay", "exclude_below_ndim"), 2, match)


def _by_kind(strings: list[str], kinds: list[str], match: Found, exclude: Found) -> Iterator[Told]:
    """Of texts that are each written with their kind."""
    said: dict[str, list[str]] = {}
    for one in strings:
        kind, _, text = one.partition(" ")
        said.setdefault(kind, []).append(text)
    if not set(said) <= {"role", "glob", "below", "substring"} or len(said.get("below", ())) > 1:
        why = f"{match.value}: {', '.join(strings)}"
        yield Untold(("weight_decay", "exclude_patterns"), why, exclude)
        return
    roles, below = said.get("role", []), [int(one) for one in said.get("below", ())]
    if "ndim1" in kinds and match.why == ONE_DIMENSIONAL:
        roles.append("one_dimensional")
    elif "ndim1" in kinds and not below:
        below = [2]
    for word, texts in (
        ("exclude", roles),
        ("exclude_patterns", said.get("glob")),
        ("exclude_substrings", said.get("substring")),
    ):
        if texts:
            yield Entry(("weight_decay", word), texts, exclude)
    if below:
        yield Entry(("weight_decay", "exclude_below_ndim"), below[0], match)


def _clip(recipe: Recipe) -> Iterator[Told]:
    clip = recipe["clip"]
    if clip.certainty == "unknown":
        yield Untold(("clip",), clip.why, clip)
    elif isinstance(clip.value, dict):
        yield Entry(("clip", clip.value["kind"]), clip.value["value"], clip)
        if recipe["clip_rule"].value == "torch":
            yield Entry(("clip", "rule"), "torch", recipe["clip_rule"])


def _batch(recipe: Recipe) -> Iterator[Told]:
    if recipe["batch_size"].certainty != "absent":
        yield _told(("batch", "size"), recipe["batch_size"])
    accumulate = recipe["accumulate"]
    if accumulate.certainty == "unknown" or (accumulate.value or 1) > 1:
        yield _told(("batch", "accumulate"), accumulate)
    if (accumulate.value or 1) > 1:
        for word, default in (("normalise", "micro_mean"), ("tail", "flush")):
            found = recipe[word]
            if found.certainty == "unknown" or found.value not in (None, default):
                yield _told(("batch", word), found)
    elif recipe["normalise"].certainty == "unknown":
        yield _told(("batch", "normalise"), recipe["normalise"])


def _loss(recipe: Recipe) -> Iterator[Told]:
    smoothing = recipe["label_smoothing"]
    if smoothing.certainty == "unknown" or smoothing.value:
        yield _told(("loss", "label_smoothing"), smoothing)
    if recipe["shift_labels"].value:
        yield Entry(("loss", "shift_labels"), True, recipe["shift_labels"])


def _ema(recipe: Recipe) -> Iterator[Told]:
    found = recipe["ema"]
    if found.certainty == "unknown":
        yield Untold(("ema",), found.why, found)
    for word, value in (found.value or {}).items():
        yield Entry(("ema", word), value, found)


def _multipliers(recipe: Recipe) -> Iterator[Told]:
    """Groups with rates of their own."""
    rates, groups = recipe["lr_multipliers"], recipe["param_groups"]
    if rates.certainty == "stated":
        if rates.value:
            yield Entry(("lr_multipliers",), rates.value, rates)
        return
    found = rates if rates.certainty == "unknown" else groups
    if found.certainty == "unknown" or found.value:
        why = found.why or f"groups with numbers of their own: {found.value}"
        yield Untold(("lr_multipliers",), why, found)


def _amp(recipe: Recipe) -> Iterator[Told]:
    amp = recipe["amp"]
    if amp.certainty == "unknown":
        yield Untold(("amp",), amp.why, amp)
    elif isinstance(amp.value, dict):
        yield Entry(("amp", "dtype"), amp.value["dtype"], amp)
        yield Entry(("amp", "level"), amp.value["level"], amp)
        if recipe["float32_operators"].certainty != "absent":
            yield _told(("amp", "float32_operators"), recipe["float32_operators"])
        if amp.value["dtype"] == "float16":
            yield from _scaled(recipe, amp.value.get("init_loss_scaling"))


def _scaled(recipe: Recipe, first: float | None) -> Iterator[Told]:
    """How the loss is scaled, and what the schedule does at an update that is skipped."""
    moves, skip = recipe["loss_scale"], recipe["on_skip"]
    if first:
        yield Entry(("amp", "loss_scale", "init"), first, recipe["amp"])
    if moves.certainty == "unknown":
        yield Untold(("amp", "loss_scale"), moves.why, moves)
    for word, value in (moves.value or {}).items():
        if word != "init" or not first:
            yield Entry(("amp", "loss_scale", word), value, moves)
    if skip.certainty != "absent":
        yield _told(("amp", "on_skip"), skip)


def _freeze(recipe: Recipe) -> Iterator[Told]:
    frozen = recipe["freeze"]
    if frozen.certainty == "unknown":
        yield Untold(("freeze", "patterns"), frozen.why, frozen)
    elif frozen.value:
        why = f"these stand still: {'; '.join(map(str, frozen.value))}"
        yield Untold(("freeze", "patterns"), why, frozen)


def _duration(recipe: Recipe) -> Iterator[Told]:
    epochs, steps = recipe["epochs"], recipe["max_steps"]
    if steps.certainty != "unknown" and isinstance(steps.value, int) and steps.value > 0:
        over = recipe["overrun"]
        updates = steps.value + (over.value or 0)
        yield Entry(("duration", "updates"), updates, over if over.value else steps)
    elif epochs.certainty in ("unknown", "absent"):
        yield Untold(("duration",), epochs.why or "nothing says when training ends", epochs)
    else:
        whole = float(epochs.value).is_integer()
        value = int(epochs.value) if whole else epochs.value
        yield Entry(("duration", "epochs"), value, epochs)


def _seed(recipe: Recipe) -> Iterator[Told]:
    if recipe["seed"].certainty != "absent":
        yield _told(("seed",), recipe["seed"])


SECTIONS: tuple[Callable[[Recipe], Iterator[Told]], ...] = (
    _optimizer,
    _schedule,
    _warmup,
    _horizon,
    _decay,
    _multipliers,
    _clip,
    _batch,
    _loss,
    _ema,
    _amp,
    _freeze,
    _duration,
    _seed,
)
