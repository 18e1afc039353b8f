"""A recipe as the fields of a spec, each with where it comes from, and what is still to be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dualtrain.recipes._record import Found, Recipe

__all__ = ["Entry", "Told", "Untold", "entries"]

DECOUPLED = ("adamw", "lamb")
HAVE_BETAS = ("adam", "adamw", "adamax", "nadam", "radam", "lamb")


@dataclass(frozen=True, slots=True)
class Entry:
    """A field of the spec."""

    path: tuple[str, ...]
    value: Any
    found: Found | None = None
    """Where it comes from; None of what follows from others."""


@dataclass(frozen=True, slots=True)
class Untold:
    """A field of the spec that the recipe decides and that cannot be told from its text."""

    path: tuple[str, ...]
    why: str
    found: Found | None = None


Told = Entry | Untold


def entries(recipe: Recipe) -> list[Told]:
    """The spec that a recipe comes to, in the spec's order."""
    return [one for section in SECTIONS for one in section(recipe)]


def _told(path: tuple[str, ...], found: Found, value: Any = None) -> Told:
    """A field, or that it is not known."""
    if found.certainty == "unknown":
        return Untold(path, found.why or "cannot be told", found)
    if found.certainty == "absent" and value is None:
        return Untold(path, "the recipe does not say it", found)
    return Entry(path, found.value if value is None else value, found)


def _optimizer(recipe: Recipe) -> Iterator[Told]:
    name = recipe["optimizer"]
    yield _told(("optimizer", "name"), name)
    yield _told(("optimizer", "lr"), recipe["lr"])
    kind = name.value
    if kind in HAVE_BETAS and recipe["betas"].certainty != "absent":
        yield _told(("optimizer", "betas"), recipe["betas"])
    if kind not in ("sgd", "momentum", "lars") and recipe["eps"].certainty != "absent":
        yield _told(("optimizer", "eps"), recipe["eps"])
    if kind in ("momentum", "lars") and recipe["momentum"].certainty != "absent":
        yield _told(("optimizer", "momentum"), recipe["momentum"])
        if recipe["nesterov"].value:
            yield _told(("optimizer", "nesterov"), recipe["nesterov"])


def _schedule(recipe: Recipe) -> Iterator[Told]:
    found, stepped = recipe["schedule"], recipe["scheduler_step"]
    at = ("schedule",)
    if found.certainty in ("unknown", "absent"):
        yield Untold(at, found.why or "nothing tells how the rate moves", found)
        return
    if found.value == "none" or stepped.value == "never":
        why = "the schedule is never stepped" if stepped.value == "never" else ""
        yield Entry((*at, "name"), "constant", _with(found, why))
        return
    if stepped.value == "per_batch" and (recipe["accumulate"].value or 1) > 1:
        yield Untold(at, f"{found.value}, stepped once a micro-batch under accumulation", found)
        return
    maker = SCHEDULES.get(str(found.value))
    if maker is None:
        yield Untold(at, f"{found.value}: {found.why or 'a rule of its own'}", found)
        return
    yield from maker(recipe, found)
    if stepped.value == "per_epoch":
        yield Entry((*at, "per"), "epoch", stepped)


def _with(found: Found, why: str) -> Found:
    return Found(found.value, "stated", found.place, found.how, found.flag, why)


def _plain(name: str) -> Callable[[Recipe, Found], Iterator[Told]]:
    def make(recipe: Recipe, found: Found) -> Iterator[Told]:
        yield Entry(("schedule", "name"), name, found)

    return make


def _cosine(recipe: Recipe, found: Found) -> Iterator[Told]:
    cycles, end = recipe["num_cycles"], recipe["end_lr"]
    floor = bool(end.value)
    yield Entry(("schedule", "name"), "cosine_with_min_lr" if floor else "cosine", found)
    waves = 2 * cycles.value if cycles.value else 1.0
    yield _told(("schedule", "half_waves"), cycles, waves)
    if floor:
        yield _told(("schedule", "min_lr"), end)


def _polynomial(recipe: Recipe, found: Found) -> Iterator[Told]:
    yield Entry(("schedule", "name"), "polynomial", found)
    yield _told(("schedule", "power"), recipe["power"], recipe["power"].value or 1.0)
    end = recipe["end_lr"]
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
    "linear": _plain("linear"),
    "constant": _plain("constant"),
    "inverse_sqrt": _plain("inverse_sqrt"),
    "cosine": _cosine,
    "polynomial": _polynomial,
    "step": _step,
    "piecewise": _piecewise,
    "exponential": _exponential,
}


def _warmup(recipe: Recipe) -> Iterator[Told]:
    found, unit = recipe["warmup"], recipe["warmup_unit"]
    if found.certainty == "unknown" or unit.certainty == "unknown":
        yield Untold(("warmup",), found.why or unit.why, found)
        return
    if not found.value:
        return
    if unit.value == "fraction":
        yield Entry(("warmup", "proportion"), float(found.value), found)
    elif unit.value == "steps" or recipe["scheduler_step"].value == "per_epoch":
        yield Entry(("warmup", "steps"), int(found.value), found)
    else:
        yield Untold(("warmup",), f"{found.value} epochs, under a rate per update", found)


def _decay(recipe: Recipe) -> Iterator[Told]:
    decay = recipe["weight_decay"]
    if decay.certainty == "unknown":
        yield Untold(("weight_decay", "value"), decay.why, decay)
    elif not decay.value:
        return
    else:
        yield Entry(("weight_decay", "value"), decay.value, decay)
        if recipe["optimizer"].value not in DECOUPLED:
            yield Entry(("weight_decay", "kind"), "coupled")
    exclude, match = recipe["decay_exclude"], recipe["decay_match"]
    if match.certainty == "unknown":
        yield Untold(("weight_decay", "exclude_substrings"), match.why, match)
        return
    kinds = str(match.value or "").split("_or_")
    strings = list(exclude.value or ())
    if "ndim1" in kinds:
        yield Entry(("weight_decay", "exclude_below_ndim"), 2, match)
    if "substring" in kinds:
        yield Entry(("weight_decay", "exclude_substrings"), strings, exclude)
    elif "exact" in kinds or "suffix" in kinds:
        starred = [f"*{one}" for one in strings]
        yield Entry(("weight_decay", "exclude_patterns"), starred, exclude)
    elif strings:
        yield Untold(
            ("weight_decay", "exclude_patterns"), f"{match.value}: {', '.join(strings)}", exclude
        )


def _clip(recipe: Recipe) -> Iterator[Told]:
    clip = recipe["clip"]
    if clip.certainty == "unknown":
        yield Untold(("clip",), clip.why, clip)
    elif isinstance(clip.value, dict):
        yield Entry(("clip", clip.value["kind"]), clip.value["value"], clip)


def _batch(recipe: Recipe) -> Iterator[Told]:
    if recipe["batch_size"].certainty != "absent":
        yield _told(("batch", "size"), recipe["batch_size"])
    accumulate = recipe["accumulate"]
    if accumulate.certainty == "unknown" or (accumulate.value or 1) > 1:
        yield _told(("batch", "accumulate"), accumulate)


def _amp(recipe: Recipe) -> Iterator[Told]:
    amp = recipe["amp"]
    if amp.certainty == "unknown":
        yield Untold(("amp",), amp.why, amp)
    elif isinstance(amp.value, dict):
        yield Entry(("amp", "dtype"), amp.value["dtype"], amp)
        yield Entry(("amp", "level"), amp.value["level"], amp)
        scale = amp.value.get("init_loss_scaling")
        if scale and amp.value["dtype"] == "float16":
            yield Entry(("amp", "loss_scale", "init"), scale, amp)


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
        yield Entry(("duration", "updates"), steps.value, steps)
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
    _decay,
    _clip,
    _batch,
    _amp,
    _freeze,
    _duration,
    _seed,
)
