"""The words that the templates say; a word that is new in a spec is refused until it is here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dualtrain.fields import Steps
from dualtrain.native.operators import OPERATORS
from dualtrain.spec import Spec

__all__ = ["unknown_words"]

SAID: Mapping[str, tuple[str, ...]] = {
    "duration": ("epochs", "updates"),
    "warmup": (
        *("steps", "proportion", "updates", "epochs"),
        *("rounding", "start", "shape", "counted"),
    ),
    "horizon": ("epochs",),
    "shift": (),
    "weight_decay": (
        *("value", "kind", "exclude", "exclude_patterns", "exclude_substrings"),
        *("exclude_below_ndim", "exclude_regex", "values"),
    ),
    "lr_multipliers": ("pattern", "multiplier", "lr"),
    "own_betas": ("pattern", "betas"),
    "layer_decay": ("rate", "below", "above"),
    "freeze": ("patterns", "batch_stats"),
    "clip": ("global_norm", "norm", "value", "rule"),
    "batch": ("size", "accumulate", "micro_batches_per_epoch", "normalise", "tail"),
    "loss": ("label_smoothing", "shift_labels"),
    "ema": ("decay", "warmup", "start", "statistics"),
    "batch_norm": (),
    "amp": ("dtype", "level", "float32_operators", "loss_scale", "on_skip"),
    "seed": (),
    "device": (),
}
"""Field of a spec -> the fields within. Those of optimizer and schedule the templates tell."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "warmup.rounding": ("floor", "ceil", "round"),
    "warmup.shape": ("linear", "cosine", "one_minus_sqrt"),
    "warmup.counted": ("inside", "before", "over", "times"),
    "weight_decay.exclude": ("bias", "norm", "embedding", "one_dimensional"),
    "weight_decay.values": ("bias", "norm", "embedding", "one_dimensional"),
    "batch.normalise": ("micro_mean", "token_mean", "sum"),
    "ema.start": ("initial", "first", "zero", "debiased"),
    "batch.tail": ("flush", "drop", "leak"),
    "clip.rule": ("paddle", "torch"),
    "freeze.batch_stats": ("keep", "train"),
    "amp.dtype": ("float16", "bfloat16"),
    "amp.level": ("O1", "O2"),
    "amp.float32_operators": tuple(OPERATORS["torch"]),
    "amp.on_skip": ("hold", "advance"),
}
"""Word -> what it may be."""

CYCLED = ("cyclic", "one_cycle")
"""Schedules whose momentum `schedules/momentum.py.j2` has."""

PHASE = ("schedule", "updates", "lr")
"""Fields of a phase."""

TEMPLATES = Path(__file__).parent / "templates"


def unknown_words(spec: Spec) -> Iterator[Steps]:
    """The words of a spec, not at their defaults, that no template says."""
    values: dict[str, Any] = spec.model_dump(exclude_defaults=True)
    values.pop("task", None)  # its model and its data have a place of their own
    values.pop("optimizer")  # a class of the framework says it whole, or a rule of the script
    yield from _unknown_of_schedule(values.pop("schedule"))
    for part, value in values.items():
        if part not in SAID:
            yield (part,)
        elif isinstance(value, (list, tuple)):
            for index, within in enumerate(value):
                yield from ((part, index, *steps) for steps in _unknown_within(part, within))
        else:
            yield from ((part, *steps) for steps in _unknown_within(part, value))


def _unknown_within(part: str, within: Any) -> Iterator[Steps]:
    for field, said in within.items() if isinstance(within, dict) else ():
        choices = CHOICES.get(f"{part}.{field}")
        if field not in SAID[part] or (choices and not set(_chosen(said)) <= set(choices)):
            yield (field,)


def _chosen(said: Any) -> Iterator[Any]:
    """What is chosen: itself, each of several, and of a rule with a role the role."""
    for one in said if isinstance(said, (list, tuple)) else [said]:
        if not isinstance(one, dict):
            yield one
        elif "role" in one:
            yield one["role"]


def _unknown_of_schedule(schedule: Mapping[str, Any]) -> Iterator[Steps]:
    if schedule["name"] == "reduce_on_plateau":
        return
    if schedule["name"] == "sequential":
        for index, phase in enumerate(schedule["phases"]):
            where = ("schedule", "phases", index)
            for _, *steps in _unknown_of_schedule(phase["schedule"]):
                yield (*where, "schedule", *steps)
            yield from ((*where, field) for field in phase if field not in PHASE)
        return
    if schedule["name"] == "product":
        for index, one in enumerate(schedule["schedules"]):
            for _, *steps in _unknown_of_schedule(one):
                yield ("schedule", "schedules", index, *steps)
        return
    said = _fields(schedule["name"])
    if said is None:
        yield ("schedule", "name")
        return
    known = {"name", "per", *said, *(["momentum"] if schedule["name"] in CYCLED else [])}
    yield from (("schedule", field) for field in schedule if field not in known)


@cache
def _fields(name: str) -> frozenset[str] | None:
    """The fields that the template of a schedule reads; None if there is none."""
    path = TEMPLATES / "schedules" / f"{name}.j2"
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    for included in re.findall(r'include "(.*?)"', text):
        text += (TEMPLATES / included).read_text(encoding="utf-8")
    found = re.findall(r"schedule(?:\.(\w+)|\['(\w+)'\])", text)
    return frozenset(dotted or quoted for dotted, quoted in found)
