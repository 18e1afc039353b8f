"""What a library's own object says in the words of a spec, beyond the fields of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualtrain.native import Call, Refusal
from dualtrain.native.optimizers import NATIVE_OPTIMIZERS
from dualtrain.native.schedules import NATIVE_SCHEDULES
from dualtrain.reading import Known, Made, Value, plain
from dualtrain.recipes._record import Recipe
from dualtrain.recipes._signatures import given, signature_of
from dualtrain.recipes.schedules._driving import driving
from dualtrain.recipes.schedules._names import given_to, length_by_epochs

__all__ = ["optimizer_words", "schedule_words", "why_unread", "words_beside"]

OF_PARAMETERS = frozenset(
    (
        *("params", "parameters", "grad_clip", "weight_decay", "lamb_weight_decay", "name"),
        *("parameter_list", "lars_weight_decay", "exclude_from_weight_decay"),
        *("apply_decay_param_fun", "exclude_from_weight_decay_fn"),
    )
)
"""Arguments of an optimizer that are read elsewhere."""

RUNS = (1_000_003, 2_000_003)
"""Lengths that stand for one that only a run knows."""


def optimizer_words(recipe: Recipe) -> dict[str, Any]:
    """The words of the optimizer, its rate and decay left out; none where its class has no row."""
    event = None if recipe.training is None else recipe.training.optimizer
    if event is None:
        return {}
    signature = signature_of(event)
    values = {k: v for k, v in given(event, signature).items() if k not in OF_PARAMETERS}
    rate = "learning_rate" if "learning_rate" in signature.names else "lr"
    values[rate] = Known(1.0)
    try:
        arguments = {name: plain(value) for name, value in values.items()}
        found = NATIVE_OPTIMIZERS.read(Call(name=event.path, arguments=arguments))
    except (ValueError, Refusal):
        return {}
    words = _of("optimizer", found.words)
    words.pop("lr", None)
    kind = recipe["optimizer"].value
    return words if words.get("name") in (kind, BY_RULE.get(kind)) else {}


BY_RULE = {"rmsprop": "rmsprop_torch"}
"""A class's name -> the optimizer that is its rule in one of the frameworks."""


def schedule_words(recipe: Recipe) -> dict[str, Any]:
    """The words of the library's schedule that drives the rate, those within one by dots.

    `horizon` is among them where it is a length of the schedule's own. None where it has no row, is
    not equal to the spec's up to rounding, says more of a warmup than its length, or where a word
    follows from a length that only a run knows.
    """
    words = _read_at_each_length(recipe)
    kept = ("horizon",) if "horizon" in words else ()
    return {**_of("schedule", words), **{name: words[name] for name in kept}}


def why_unread(recipe: Recipe) -> str:
    """Why a library's schedule has no words; empty where it has, or is no library's."""
    held = None if recipe.training is None else driving(recipe.training)
    if not isinstance(held, Made) or schedule_words(recipe):
        return ""
    try:
        arguments, _ = _arguments(held, RUNS[0])
        around = {"optimizer.lr": recipe["lr"].value, "optimizer.name": recipe["optimizer"].value}
        row = NATIVE_SCHEDULES.read(Call(name=held.path, arguments=arguments), around).row
    except Refusal as refusal:
        return str(refusal)
    except ValueError as fault:
        return f"{held.path}: {fault}"
    if row.equal == "refused":
        return f"{held.path}: {row.because}"
    return f"{held.path}: a number of it follows from a length that only a run knows"


def words_beside(recipe: Recipe) -> dict[str, Any]:
    """What the schedule makes of the optimizer's own numbers, where it cycles: `lr`, `momentum`."""
    words = _read_at_each_length(recipe)
    cycles = words.get("schedule.name") in ("cyclic", "one_cycle")
    found = _of("optimizer", words) if cycles else {}
    return {name: found[name] for name in ("lr", "momentum") if name in found}


def _read_at_each_length(recipe: Recipe) -> dict[str, Any]:
    """The words that are the same however long the run is."""
    held = None if recipe.training is None else driving(recipe.training)
    lr = recipe["lr"].value
    if not isinstance(held, Made) or not isinstance(lr, (int, float)):
        return {}
    around = {"optimizer.lr": lr, "optimizer.name": recipe["optimizer"].value}
    first, second = (_read(held, around, length) for length in RUNS)
    return first if first == second else {}


def _read(held: Made, around: Mapping[str, Any], length: int) -> dict[str, Any]:
    try:
        arguments, unknown = _arguments(held, length)
        call = Call(name=held.path, arguments=arguments)
        found = NATIVE_SCHEDULES.read(call, dict(around))
    except (ValueError, Refusal):
        return {}
    words = dict(found.words)
    warmup = {k: v for k, v in _of("warmup", words).items() if v}
    if found.row.equal not in ("exact", "rounded") or not set(warmup) <= {"steps", "proportion"}:
        return {}
    horizon = words.pop("horizon", None)
    if isinstance(horizon, int) and not unknown:
        words["horizon"] = horizon
    return words


def _arguments(held: Made, length: int) -> tuple[dict[str, Any], bool]:
    """The numbers of a call, and whether one of them stands for a length that only a run knows.

    Raises ValueError: one is no number.
    """
    given = {name: value for name, value in given_to(held).items() if name != "optimizer"}
    whole = length_by_epochs(given)
    if whole is not None:
        given = {k: v for k, v in given.items() if k not in ("epochs", "steps_per_epoch")}
        given["total_steps"] = whole
    numbers = {name: _number(name, value, length) for name, value in given.items()}
    return numbers, any(not _known(value) for value in given.values())


def _known(value: Value) -> bool:
    try:
        plain(value)
    except ValueError:
        return False
    return True


def _number(name: str, value: Value, length: int) -> Any:
    """Raises ValueError: it is no number."""
    if _known(value):
        return plain(value)
    if isinstance(value, Made):
        raise ValueError(f"{name} is made by {value.path}")
    return length // 100 if "warm" in name else length


def _of(part: str, words: Mapping[str, Any]) -> dict[str, Any]:
    """Words of one part of a spec, by their own names."""
    found = {k.partition(".")[2]: v for k, v in words.items() if k.startswith(f"{part}.")}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in found.items()}
