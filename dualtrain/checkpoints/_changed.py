"""In what a spec differs from the one that a checkpoint was written under."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dualtrain.errors import Problem
from dualtrain.spec import Spec

__all__ = ["changed"]

Steps = tuple[str | int, ...]

_FREE: tuple[Steps, ...] = (("duration", "time_limit"), ("checkpoint",), ("device",))
"""What may be another at any time: no number of the training follows from it."""


def changed(old: Spec, new: Spec) -> tuple[Problem, ...]:
    """Each field that a run cannot change by the way, with both values.

    >>> from dualtrain import Spec
    >>> parts = {"schedule": {"name": "constant"}, "duration": {"epochs": 1}}
    >>> a, b = (Spec(optimizer={"name": "adamw", "lr": lr}, **parts) for lr in (0.1, 0.2))
    >>> [str(problem) for problem in changed(a, b)]
    ["optimizer.lr: must be the checkpoint's, 0.1. Received: 0.2"]
    """
    before, now = (dict(_leaves(spec.model_dump(mode="json"))) for spec in (old, new))
    places = [place for place in {**before, **now} if before.get(place) != now.get(place)]
    return tuple(
        new.problem(
            *place,
            rule=f"must be the checkpoint's, {_told(before, place)}",
            received=_told(now, place),
        )
        for place in places
        if not any(place[: len(free)] == free for free in _FREE)
    )


def _leaves(value: Any, place: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*place, key))
    else:
        yield place, value


def _told(leaves: Mapping[Steps, Any], place: Steps) -> str:
    value = leaves.get(place)
    return "nothing" if value is None else repr(value)
