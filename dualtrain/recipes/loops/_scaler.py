"""The loss scaler of float16: its first scale, how it moves, what a skipped update holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from dualtrain.reading import Event, Known, Made, Unknown, Value
from dualtrain.recipes._clock import Clock, deep, names_of
from dualtrain.recipes._configured import configured
from dualtrain.recipes._found import described, number, stated
from dualtrain.recipes._record import Found
from dualtrain.recipes.schedules._stepping import stepped_per_epoch, steps

__all__ = ["SCALERS", "first_scale", "moves", "scale_moves", "skipped_holds"]

_PADDLE = (
    "enable",
    "init_loss_scaling",
    "incr_ratio",
    "decr_ratio",
    "incr_every_n_steps",
    "decr_every_n_nan_or_inf",
    "use_dynamic_loss_scaling",
)
_TORCH = ("init_scale", "growth_factor", "backoff_factor", "growth_interval", "enabled")

SCALERS: Mapping[str, Sequence[str]] = {
    "paddle.amp.GradScaler": _PADDLE,
    "paddle.amp.AmpScaler": _PADDLE,
    "paddle.fluid.dygraph.AmpScaler": _PADDLE,
    "torch.cuda.amp.GradScaler": _TORCH,
    "torch.cuda.amp.grad_scaler.GradScaler": _TORCH,
    "torch.amp.GradScaler": ("device", *_TORCH),
    "torch.amp.grad_scaler.GradScaler": ("device", *_TORCH),
}
"""What scales the loss, and its parameters in their order."""

SCALE = ("init_loss_scaling", "init_scale")

WORDS = {
    "growth_factor": ("growth_factor", "incr_ratio"),
    "backoff_factor": ("backoff_factor", "decr_ratio"),
    "growth_interval": ("growth_interval", "incr_every_n_steps"),
    "backoff_interval": ("decr_every_n_nan_or_inf",),
}
"""Word of a spec's `loss_scale` -> what the frameworks call it."""

FIRST = 65536.0
"""Paddle's and torch's `GradScaler` begin there."""
OWN: Mapping[str, Mapping[str, float]] = {
    "AmpScaler": {"init": 32768.0, "growth_interval": 1000},
}
"""Class -> what it begins with, where that is not what both frameworks' `GradScaler` does."""

SKIPPED = ("get_scale", "_found_inf", "optimizer_step_was_skipped")
"""What tells a loop that an update was skipped."""


def _scalers(clock: Clock) -> Iterator[tuple[Event, dict[str, Value]]]:
    for one in clock.seen.program.events:
        if one.kind == "call" and one.path in SCALERS:
            yield one, {**dict(zip(SCALERS[one.path], one.args, strict=False)), **one.kwargs}


def first_scale(clock: Clock) -> float | Unknown | None:
    """The first loss scale; None where it is the library's default."""
    for _, words in _scalers(clock):
        given = next((words[name] for name in SCALE if name in words), None)
        value = configured(given) if given is not None else None
        if isinstance(value, Unknown):
            return value
        scale = number(value)
        if scale is not None:
            return float(scale)
    return None


def scale_moves(clock: Clock) -> Found | None:
    """How the scale of a loop's scaler moves; None where all is as by default."""
    for event, words in _scalers(clock):
        said = moves(words, OWN.get(event.path.rpartition(".")[2], {}))
        if said is not None:
            return replace(said, place=event.place)
    return None


def moves(
    words: Mapping[str, Value], own: Mapping[str, float] = MappingProxyType({})
) -> Found | None:
    """What a scaler is given, in the words of a spec's `loss_scale`; None where it is nothing.

    own: the class's defaults where they are not the spec's.
    """
    told: dict[str, Any] = dict(own)
    first = next((number(configured(words[one])) for one in SCALE if one in words), None)
    if first is not None:
        told.pop("init", None)  # a field of its own says it
    given = {word: words[name] for word, names in WORDS.items() for name in names if name in words}
    for word, value in given.items():
        settled = number(configured(value))
        if settled is None:
            return Found(None, "unknown", why=f"{word} of the loss scale: {described(value)}")
        told[word] = settled
    moving = configured(words.get("use_dynamic_loss_scaling", Known(True)))
    if not isinstance(moving, Known):
        return Found(None, "unknown", why=f"the loss scale moves if {described(moving)}")
    if not moving.value:
        still = float(own.get("init", FIRST) if first is None else first)
        told |= {"init": still, "floor": still, "ceiling": still}
    return stated(told, None) if told else None


def skipped_holds(clock: Clock) -> Found | None:
    """Whether the schedule waits where an update is skipped: hold or advance.

    None of a schedule that goes by epochs, which never waits, and where none is stepped.
    """
    moved = [one for one in steps(clock.seen) if one.context.loops]
    moved = [one for one in moved if one.context.real] or moved
    scaler = next(_scalers(clock), None)
    if scaler is None or not moved or stepped_per_epoch(clock.seen):
        return None
    event = moved[0]
    tests = [one.test for one in event.context.conditions]
    waits = any(_of_scale(one) for one in tests)
    return stated("hold" if waits else "advance", event.place, "computed")


def _of_scale(test: Value) -> bool:
    if set(SKIPPED) & names_of(test):
        return True
    return any(
        isinstance(one, Made) and one.path.rpartition(".")[2] in SKIPPED for one in deep(test)
    )
