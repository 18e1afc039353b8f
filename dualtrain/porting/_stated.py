"""The rates of the native schedule that a recipe states, from the library's own class."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from inspect import signature
from typing import Any

from dualtrain.backend import load_backend
from dualtrain.reading import Function, Known, Library, ListValue, Made, Unknown, Value
from dualtrain.recipes import Recipe
from dualtrain.recipes._optimizer_names import optimizer_class
from dualtrain.recipes.schedules._driving import driving
from dualtrain.recipes.schedules._names import library_schedule
from dualtrain.recipes.schedules._numeric import BINARY, FUNCTIONS
from dualtrain.spec import Spec
from dualtrain.training import build_optimizer

__all__ = ["HEIRS", "NotStated", "heir_of", "stated_rates"]

HEIRS = {
    "ConstantLRSchedule": "get_constant_schedule",
    "WarmupConstantSchedule": "get_constant_schedule_with_warmup",
    "WarmupLinearSchedule": "get_linear_schedule_with_warmup",
    "WarmupCosineSchedule": "get_cosine_schedule_with_warmup",
    "WarmupCosineWithHardRestartsSchedule": "get_cosine_with_hard_restarts_schedule_with_warmup",
}
"""Schedule of pytorch_transformers and of the first transformers -> what transformers calls it now.

The same arguments in the same places, and the same rates to the bit: pytorch_transformers 1.2.0
beside transformers 4.57, 185 curves past their ends.
"""


class NotStated(Exception):
    """The native object cannot be made from what the recipe says: no proof."""


def stated_rates(recipe: Recipe, micro_batches: int, updates: int, accumulate: int) -> list[float]:
    """The rate of each update, by the native object that the recipe states.

    micro_batches: of an epoch, which the recipe's own loader would tell.
    Raises NotStated: it is none of a library's, or is given what only a run knows.
    """
    recipe = recipe.as_run()
    seen = recipe.training
    if seen is None:
        raise NotStated("the recipe is a configuration: it names no native object")
    held = driving(seen)
    if held is None:
        plain = recipe["lr"].value
        if plain is None or recipe["schedule"].value != "none":
            raise NotStated("no schedule of a library drives the rate")
        return [float(plain)] * updates
    if not isinstance(held, Made):
        raise NotStated("the rate is the program's own code")
    step = recipe["scheduler_step"].value
    if step not in ("per_batch", "per_update", "per_epoch", "never"):
        raise NotStated(f"the schedule is stepped {step or 'where that is not known'}")
    numbers = _Numbers(micro_batches)
    native, read = _native(held, numbers, recipe)
    per_epoch = max(1, -(-micro_batches // accumulate))
    rates: list[float] = []
    for update in range(updates):
        rates.append(float(read()))
        if numbers.optimizer is not None:
            numbers.optimizer.step()  # torch warns of a schedule that is ahead of it
        moves = step in ("per_batch", "per_update") or (update + 1) % per_epoch == 0
        if step != "never" and moves:
            native.step()
    return rates


def _native(held: Made, numbers: _Numbers, recipe: Recipe) -> tuple[Any, Callable[[], float]]:
    """The object, and how its rate is read."""
    if held.path.startswith("paddle"):
        made = numbers.made(held)
        return made, made.get_lr
    lr = recipe["lr"].value
    if lr is None:
        raise NotStated("the rate is not known")
    backend = load_backend("torch")
    numbers.optimizer = optimizer = build_optimizer(_plain(lr), backend.build_linear(1, 1))
    return numbers.made(held), lambda: backend.learning_rate(optimizer)


def _plain(lr: float) -> Spec:
    """Of an optimizer that a schedule drives: of its numbers the rate alone matters."""
    parts: dict[str, Any] = {
        "optimizer": {"name": "sgd", "lr": float(lr)},
        "schedule": {"name": "constant"},
        "duration": {"updates": 1},
    }
    return Spec(**parts)


def heir_of(path: str) -> str | None:
    """What stands for an early schedule of transformers where only a later release is installed."""
    package, _, name = path.rpartition(".")
    if package.partition(".")[0] not in ("pytorch_transformers", "transformers"):
        return None
    if name not in HEIRS:
        return None
    try:
        _imported(path)
    except NotStated:
        return f"transformers.{HEIRS[name]}"
    return None


def _imported(path: str) -> Any:
    """Raises NotStated: it is not installed."""
    module, _, name = path.rpartition(".")
    try:
        with warnings.catch_warnings():  # what a library says of others as it is loaded
            warnings.simplefilter("ignore")
            return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as fault:
        raise NotStated(f"{path} is not installed here: {fault}") from None


class _Numbers:
    """Values of a program as values of Python, for a number of batches."""

    def __init__(self, micro_batches: int) -> None:
        self._batches = micro_batches
        self.optimizer: Any = None

    def made(self, held: Made) -> Any:
        """A library's object, made by the library: of a schedule that reading knows, nothing else.

        What a recipe names is not called for its name's sake: a library has functions that run what
        they are given.
        """
        known = library_schedule(held.path)
        if known is None:
            raise NotStated(f"{held.path} is no schedule that is known")
        heir = heir_of(held.path)
        factory = _imported(heir or held.path)
        arguments = [self.value(one) for one in held.args]
        words = {key: self.value(one) for key, one in held.kwargs.items()}
        if heir:  # its parameters have other names
            theirs = dict(zip(known.parameters, signature(factory).parameters, strict=True))
            words = {theirs.get(key, key): value for key, value in words.items()}
        try:
            return factory(*arguments, **words)
        except Exception as fault:  # whatever the library says against what the recipe gives it
            raise NotStated(f"{held.path} refuses what the recipe gives it: {fault}") from None

    def value(self, value: Value) -> Any:
        """Raises NotStated: only a run knows it."""
        match value:
            case Known():
                return value.value
            case ListValue() if not value.open:
                items = [self.value(one) for one in value.values]
                return tuple(items) if value.kind == "tuple" else items
            case Unknown(op="len"):
                return self._batches
            case Unknown(op="if", operands=(test, then, other)):
                return self.value(then if self.value(test) else other)
            case Unknown(op="not", operands=(inner,)):
                return not self.value(inner)
            case Unknown(op=op, operands=(a, b)) if op in BINARY:
                return BINARY[op](self.value(a), self.value(b))
            case Unknown(op=op) if op in FUNCTIONS:
                return FUNCTIONS[op](*(self.value(one) for one in value.operands))
            case Made(path=path) if optimizer_class(path) and self.optimizer is not None:
                return self.optimizer
            case Made():
                return self.made(value)
            case Library() | Function():
                raise NotStated("it is given a function")
        raise NotStated("it is given what only a run knows")
