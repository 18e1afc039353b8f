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
from dualtrain.recipes.schedules._names import given_to

__all__ = ["optimizer_words", "schedule_words"]

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
    signature = None if event is None else signature_of(event)
    if event is None or signature is None:
        return {}
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
    """The words of the library's schedule that drives the rate.

    `horizon` is among them where it is a number of the schedule's own. None where it has no row, is
    not equal to the spec's up to rounding, says more of a warmup than its length, or where a word
    follows from a length that only a run knows.
    """
    held = None if recipe.training is None else driving(recipe.training)
    lr = recipe["lr"].value
    if not isinstance(held, Made) or not isinstance(lr, (int, float)):
        return {}
    first, second = (_read(held, lr, length) for length in RUNS)
    return first if first == second else {}


def _read(held: Made, lr: float, length: int) -> dict[str, Any]:
    try:
        arguments = {
            name: _number(name, value, length)
            for name, value in given_to(held).items()
            if name != "optimizer"
        }
        call = Call(name=held.path, arguments=arguments)
        found = NATIVE_SCHEDULES.read(call, {"optimizer.lr": lr})
    except (ValueError, Refusal):
        return {}
    warmup = {k: v for k, v in _of("warmup", found.words).items() if v}
    words = _of("schedule", found.words)
    near = found.row.equal in ("exact", "rounded") and set(warmup) <= {"steps", "proportion"}
    if near and isinstance(found.words.get("horizon"), int):
        words["horizon"] = found.words["horizon"]
    return words if near else {}


def _number(name: str, value: Value, length: int) -> Any:
    """Raises ValueError: it is no number."""
    try:
        return plain(value)
    except ValueError:
        if isinstance(value, Made):
            raise
        return length // 100 if "warm" in name else length


def _of(part: str, words: Mapping[str, Any]) -> dict[str, Any]:
    """Words of one part of a spec, by their own names."""
    found = {k.partition(".")[2]: v for k, v in words.items() if k.startswith(f"{part}.")}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in found.items()}
