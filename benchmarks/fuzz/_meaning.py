"""How far apart two traces are, place by place: what an agreement may leave out, as data.

Read with the standard library alone. What the table does not name must be equal for two runs to
agree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from benchmarks.fuzz._trees import flat, parsed

__all__ = ["ORDER", "Distance", "distance"]

Distance = Literal["none", "same", "within", "near", "beyond", "unreadable"]
"""none: every value is written alike. same: one is written otherwise, or stands for its absence, or
says nothing of how a run trained. within: by less than half of a tolerance. near: about a
tolerance. beyond: by more than twice of it, or where there is none."""

ORDER = ("none", "same", "within", "near", "beyond", "unreadable")

IRRELEVANT = {
    "header.backend": "which side it is",
    "header.versions": "of what it was computed with",
    "header.device": "where it was computed",
    "header.notes": "sentences for people",
    "header.parameters[].native": "the framework's own name",
    "header.parameters[].structured": "the framework's own name",
    "header.plan.decisions[].rule": "the words of a rule; what it decided is compared",
    "header.plan.decisions[].lr_rule": "the words of a rule; what it decided is compared",
    "header.plan.decisions[].freeze_rule": "the words of a rule; what it decided is compared",
    "header.plan.spec.device": "where it was computed",
    "header.plan.spec.task.train": "the data are compared by their digest",
    "header.plan.spec.task.eval": "the data are compared by their digest",
}
"""Place -> why two runs that agree may have it otherwise."""

DEFAULTS = {
    **{"amsgrad": False, "batch_norm": "paddle", "counted": "inside", "device": "cpu", "seed": 42},
    **{"kind": "decoupled", "nesterov": False, "normalise": "micro_mean", "per": "update"},
    **{"rounding": "floor", "shape": "linear", "skipped": False, "standardise": True, "start": 0.0},
    **{"tail": "flush", "on_skip": "hold", "centred": False, "masters": False},
}
"""Last name of a field -> what its absence means; elsewhere absence is the same as null."""


INDEX = re.compile(r"\[\d+\]")


class Bound(NamedTuple):
    """What two numbers may be apart, of the larger or of `least`."""

    share: float
    least: float


ULP = {"float32": None, "bfloat16": 2.0**-7, "float16": 2.0**-10}
"""A type in which runs compute -> its step at 1; None: the bounds of float32 are not in steps."""


def _bounds(dtype: str) -> dict[str, Bound]:
    ulp = ULP.get(dtype)
    logits, loss, norms = (4 * ulp, 4 * ulp, 48 * ulp) if ulp else (2.0**-13, 1e-5, 1e-3)
    return {
        "header.probe[][]": Bound(logits, 1.0),
        "update.micro_losses[]": Bound(loss, 1.0),
        "update.loss": Bound(norms, 1e-3),
        "update.grad_norm": Bound(norms, 1e-3),
        "update.clipped_norm": Bound(norms, 1e-3),
        "evaluation.loss": Bound(loss, 1.0),
        "evaluation.metrics.mae": Bound(loss, 1.0),
        "evaluation.metrics.r2": Bound(loss, 1.0),
    }


def distance(original: Path, changed: Path) -> tuple[Distance, str]:
    """How far a trace is from the one that it was, and where it is farthest."""
    data = original.read_bytes()
    found = changed.read_bytes() if changed.is_file() else b"{"
    if found == data:
        return "none", ""
    before = _records(data)
    try:
        after = _records(found)
    except (OSError, ValueError):
        return "unreadable", "the file"
    if len(before) != len(after):
        return "beyond", f"{len(before)} lines against {len(after)}"
    bounds = _bounds(before[0]["computation"]["dtype"])
    return max(_apart(before, after, bounds), key=lambda one: ORDER.index(one[0]))


def _records(data: bytes) -> list[Any]:
    """The lines; half a line at the end is what a run that was killed leaves."""
    lines = data.splitlines()
    if lines and not data.endswith(b"\n"):
        try:
            parsed(lines[-1])
        except ValueError:
            lines.pop()
    records = [parsed(line) for line in lines]
    if not all(isinstance(record, dict) for record in records):
        raise ValueError("a line is no object")
    return [_sorted(record) for record in records]


def _sorted(value: Any) -> Any:
    """With the parts of each list that are called by names in the order of these."""
    if isinstance(value, dict):
        return {key: _sorted(part) for key, part in value.items()}
    if isinstance(value, list) and all(isinstance(p, dict) and "name" in p for p in value):
        return sorted(value, key=lambda part: str(part["name"]))
    return value


def _apart(
    before: list[Any], after: list[Any], bounds: dict[str, Bound]
) -> Iterator[tuple[Distance, str]]:
    for number, (x, y) in enumerate(zip(before, after, strict=True), start=1):
        kind = x["record"]
        left, right = flat(x), flat(y)
        for name in sorted(left.keys() | right.keys()):
            place = f"{kind}.{INDEX.sub('[]', name)}"
            p, q = left.get(name), right.get(name)
            far = _one(place, name, p, q, bounds.get(place))
            if far == "none" and left.keys() ^ right.keys() >= {name}:
                far = "same"
            yield far, f"line {number}, {name}: {p!r}, {q!r:.99}"


def _one(place: str, name: str, p: Any, q: Any, bound: Bound | None) -> Distance:
    if type(p) is type(q) and p == q:
        return "none"
    if any(f"{place}.".startswith((f"{one}.", f"{one}[")) for one in IRRELEVANT):
        return "same"
    last = re.split(r"[.[]", name)[-1]
    if {_absent(p), _absent(q)} == {True} or (_absent(q) and DEFAULTS.get(last, q) == p):
        return "same"
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in (p, q)):
        return "beyond"
    if p == q:
        return "same"
    if bound is None or not abs(q) < math.inf or abs(q) > 10**300:
        return "beyond"
    share = abs(p - q) / (bound.share * max(abs(p), abs(q), bound.least))
    return "within" if share < 0.5 else "near" if share < 2 else "beyond"


def _absent(value: Any) -> bool:
    return value is None or value in ([], {})
