"""One recipe: what is read of it against its truth."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dualtrain.errors import DualtrainError
from dualtrain.recipes import Found, Recipe, read_recipe

__all__ = ["FIELDS", "Result", "score"]

FIELDS = {
    "optimizer": "optimizer",
    "lr": "lr",
    "betas": "betas",
    "eps": "eps",
    "momentum": "momentum",
    "weight_decay": "weight_decay",
    "decay_exclude": "decay_exclude",
    "schedule": "schedule",
    "warmup": "warmup",
    "warmup_unit": "warmup_unit",
    "num_cycles": "num_cycles",
    "power": "power",
    "end_lr": "end_lr",
    "gamma": "gamma",
    "step_size": "step_size",
    "milestones": "milestones",
    "values": "values",
    "total_steps_kind": "length",
    "epochs": "epochs",
    "max_steps": "max_steps",
    "accumulate": "accumulate",
    "clip": "clip",
    "amp": "amp",
    "freeze": "freeze",
    "seed": "seed",
    "batch_size": "batch_size",
    "scheduler_step": "scheduler_step",
}
"""What is scored: the truth's name, and ours."""

CLOSE = 1e-12


@dataclass
class Result:
    """A row's outcome."""

    id: str
    outcomes: dict[str, str] = field(default_factory=dict)
    """`right`, `wrong` or `unknown`, by the truth's field."""
    details: dict[str, str] = field(default_factory=dict)
    hazards: set[str] = field(default_factory=set)
    """Those of the truth."""
    found: set[str] = field(default_factory=set)
    seconds: float = 0.0
    fault: str = ""
    spread: bool = False
    """Whether values lie outside the entry file."""

    @property
    def whole(self) -> bool:
        """Whether every field is right."""
        return all(one == "right" for one in self.outcomes.values())


def score(row: Mapping[str, Any], scripts: Path) -> Result:
    """Reads a row's recipe and holds it against its truth."""
    truth = row["truth"]
    result = Result(row["id"], hazards=set(truth["hazards"]))
    result.spread = "spread_over_files" in result.hazards
    root = scripts / row["repo"].replace("/", "+") / row["commit"]
    started = time.perf_counter()
    try:
        recipe = _read(row, root)
    except DualtrainError as fault:
        result.fault, recipe = str(fault), None
    result.seconds = time.perf_counter() - started
    for name, ours in FIELDS.items():
        found = Found(None, "unknown", why="not read") if recipe is None else recipe[ours]
        outcome = _outcome(name, found, truth)
        result.outcomes[name] = outcome
        if outcome != "right":
            why = f" ({found.why})" if found.why else ""
            wanted = truth[name] if truth[name] is not None else truth["implied"].get(name)
            place = f" at {found.place}" if found.place else ""
            result.details[name] = f"{found.value!r} for {wanted!r}{place}{why}"
    if recipe is not None:
        result.found = {one.code for one in recipe.hazards}
    return result


def _read(row: Mapping[str, Any], root: Path) -> Recipe:
    """The reader is given the row's entry as a user would give it."""
    entry = row["entry"]
    path = root / row["path"]
    source = root / entry["source"] if entry.get("source") else None
    overrides = dict(entry.get("overrides", {}))
    if entry["kind"] == "defaults":
        return read_recipe(path, root=root)
    if entry["kind"] == "cli":
        paths = [path] if source is None or source == path else [path, source]
        return read_recipe(paths, root=root, overrides=overrides)
    if source is None or source == path:
        return read_recipe(path, root=root)
    config = str(source.relative_to(root))
    flags = {key: value for key, value in overrides.items() if not _names(value, config)}
    return read_recipe(path, config=source, root=root, overrides=flags)


def _names(value: object, config: str) -> bool:
    return isinstance(value, str) and (config.endswith(value) or value.endswith(config))


def _outcome(name: str, found: Found, truth: Mapping[str, Any]) -> str:
    if found.certainty == "unknown":
        return "unknown"
    wanted = truth[name]
    ours = None if found.certainty == "absent" else found.value
    if name == "freeze":
        return "right" if bool(ours) == bool(wanted) else "wrong"
    allowed = [wanted] if wanted is not None else [None, truth["implied"].get(name)]
    return "right" if any(_equal(name, ours, one) for one in allowed) else "wrong"


def _equal(name: str, ours: Any, wanted: Any) -> bool:
    if isinstance(ours, bool) or isinstance(wanted, bool):
        return ours is wanted
    if isinstance(ours, (int, float)) and isinstance(wanted, (int, float)):
        return abs(ours - wanted) <= CLOSE * max(abs(ours), abs(wanted))
    if isinstance(ours, dict) and isinstance(wanted, dict):
        return set(ours) == set(wanted) and all(_equal(name, ours[k], wanted[k]) for k in ours)
    if isinstance(ours, (list, tuple)) and isinstance(wanted, (list, tuple)):
        if name == "decay_exclude":
            return set(ours) == set(wanted)
        same = len(ours) == len(wanted)
        return same and all(_equal(name, a, b) for a, b in zip(ours, wanted, strict=True))
    if name == "decay_exclude" and not ours and not wanted:
        return True
    return bool(ours == wanted)
