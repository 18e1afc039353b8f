"""A recipe as the fields of a spec, each with where it comes from, and what is still to be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from dualtrain.reading import Event, Known
from dualtrain.recipes._as_it_moves import as_it_moves
from dualtrain.recipes._as_scheduled import horizon, schedule, warmup
from dualtrain.recipes._native_words import (
    optimizer_words,
    words_beside,
)
from dualtrain.recipes._record import Found, Recipe
from dualtrain.recipes._told import Entry, Told, Untold, remarked, told
from dualtrain.recipes.parameters._filters import ONE_DIMENSIONAL

__all__ = ["entries"]

DECOUPLED = ("adamw", "lamb", "lars")
HAVE_BETAS = ("adam", "adamw", "adamax", "nadam", "radam", "lamb")


def entries(recipe: Recipe, *, built: bool = False) -> list[Told]:
    """The spec that a recipe comes to, in the spec's order.

    built: with its schedule as it is built, whether or not it reaches the optimizer and is stepped.
    """
    recipe = recipe.as_run()
    found = [one for section in SECTIONS for one in section(recipe)]
    return found if built else as_it_moves(recipe, found)


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
        yield told(("optimizer", "name"), name, words.get("name"))
    beside = words_beside(recipe)
    lr, base = recipe["lr"], beside.get("lr")
    if base is not None and base != lr.value:
        risen = remarked(recipe["schedule"], f"the schedule goes up to {lr.value}")
        lr = replace(risen, value=base)
    yield told(("optimizer", "lr"), lr)
    fields = ("name", "lr", "betas", "eps", "momentum", "nesterov")
    for word, value in words.items():
        beyond = word not in fields or (word == "momentum" and kind == "rmsprop")
        if beyond and value is not None:
            yield Entry(("optimizer", word), value, name)
    if kind in HAVE_BETAS and recipe["betas"].certainty != "absent":
        yield told(("optimizer", "betas"), recipe["betas"])
    if kind not in ("sgd", "momentum", "lars") and recipe["eps"].certainty != "absent":
        yield told(("optimizer", "eps"), recipe["eps"])
    if kind in ("momentum", "lars") and recipe["momentum"].certainty != "absent":
        momentum = recipe["momentum"]
        if "momentum" in beside:
            text = "the schedule begins with it"
            momentum = replace(remarked(recipe["schedule"], text), value=beside["momentum"])
        yield told(("optimizer", "momentum"), momentum)
        if recipe["nesterov"].value:
            yield told(("optimizer", "nesterov"), recipe["nesterov"])


OLD = ("transformers.", "pytorch_transformers.", "pytorch_pretrained_bert.")


def _old(recipe: Recipe) -> Event | None:
    """Where its AdamW is transformers' own: decay after the step, eps before the correction."""
    event: Event | None = None if recipe.training is None else recipe.training.optimizer
    if event is None or recipe["optimizer"].value != "adamw":
        return None
    own = event.receiver is not None and getattr(event.receiver, "of", None) is not None
    copied = own and event.receiver.of.name == "BertAdam"  # type: ignore[union-attr]
    return event if copied or event.path.startswith(OLD) else None


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
            said = told(("weight_decay", "kind"), kind, kind.value or "coupled")
            yield said if kind.place else Entry(("weight_decay", "kind"), "coupled")
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
        yield told(("batch", "size"), recipe["batch_size"])
    accumulate = recipe["accumulate"]
    if accumulate.certainty == "unknown" or (accumulate.value or 1) > 1:
        yield told(("batch", "accumulate"), accumulate)
    if (accumulate.value or 1) > 1:
        for word, default in (("normalise", "micro_mean"), ("tail", "flush")):
            found = recipe[word]
            if found.certainty == "unknown" or found.value not in (None, default):
                yield told(("batch", word), found)
    elif recipe["normalise"].certainty == "unknown":
        yield told(("batch", "normalise"), recipe["normalise"])


def _loss(recipe: Recipe) -> Iterator[Told]:
    smoothing = recipe["label_smoothing"]
    if smoothing.certainty == "unknown" or smoothing.value:
        yield told(("loss", "label_smoothing"), smoothing)
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


def _own_betas(recipe: Recipe) -> Iterator[Told]:
    """Groups with betas of their own."""
    found = recipe["own_betas"]
    if found.certainty == "unknown":
        yield Untold(("own_betas",), found.why, found)
    elif found.value:
        yield Entry(("own_betas",), found.value, found)


def _amp(recipe: Recipe) -> Iterator[Told]:
    amp = recipe["amp"]
    if amp.certainty == "unknown":
        yield Untold(("amp",), amp.why, amp)
    elif isinstance(amp.value, dict):
        yield Entry(("amp", "dtype"), amp.value["dtype"], amp)
        yield Entry(("amp", "level"), amp.value["level"], amp)
        if recipe["float32_operators"].certainty != "absent":
            yield told(("amp", "float32_operators"), recipe["float32_operators"])
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
        yield told(("amp", "on_skip"), skip)


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
        yield told(("seed",), recipe["seed"])


SECTIONS: tuple[Callable[[Recipe], Iterator[Told]], ...] = (
    _optimizer,
    schedule,
    warmup,
    horizon,
    _decay,
    _multipliers,
    _own_betas,
    _clip,
    _batch,
    _loss,
    _ema,
    _amp,
    _freeze,
    _duration,
    _seed,
)
