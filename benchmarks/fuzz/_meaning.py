"""How far apart two traces are, place by place: what an agreement may leave out, as data.

Read with the standard library alone. What the table does not name must be equal for two runs to
agree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from benchmarks.fuzz._trees import flat, parsed

__all__ = ["IRRELEVANT_IN_A_FLOOR", "ORDER", "Distance", "distance", "planless"]

Distance = Literal["none", "same", "within", "near", "beyond", "unreadable"]
"""none: every value is written alike. same: one is written otherwise, or stands for its absence, or
says nothing of how a run trained. within: by less than half of a tolerance. near: about a
tolerance. beyond: by more than twice of it, or where there is none."""

ORDER = ("none", "same", "within", "near", "beyond", "unreadable")

IRRELEVANT = {
    "header.backend": "which side it is",
    "header.versions": "of what it was computed with",
    "header.device": "where it was computed",
    "header.code": "what the user's own code computes is compared",
    "header.notes": "sentences for people",
    "header.parameters[].native": "the framework's own name",
    "header.parameters[].structured": "the framework's own name",
    "header.plan.decisions[].rule": "the words of a rule; what it decided is compared",
    "header.plan.decisions[].lr_rule": "the words of a rule; what it decided is compared",
    "header.plan.decisions[].betas_rule": "the words of a rule; what it decided is compared",
    "header.plan.decisions[].freeze_rule": "the words of a rule; what it decided is compared",
    "header.plan.spec.checkpoint": "when a run is kept, not how it trains",
    "header.plan.spec.device": "where it was computed",
    "header.plan.spec.duration.time_limit": "how far a run came is compared by its updates",
    "header.plan.spec.task.module": "what the user's own code computes is compared",
    "header.plan.spec.task.train": "the data are compared by their digest",
    "header.plan.spec.task.eval": "the data are compared by their digest",
}
"""Place -> why two runs that agree may have it otherwise."""

IRRELEVANT_IN_A_FLOOR = {
    **IRRELEVANT,
    "header.probe": "it follows from a weight that was moved",
    "update.loss": "how far it is from side a's is what the floor says",
    "update.micro_losses": "how far it is from side a's is what the floor says",
    "update.grad_norm": "how far it is from side a's is what the floor says",
    "update.clipped_norm": "how far it is from side a's is what the floor says",
    "evaluation.loss": "it follows from weights that were moved",
    "evaluation.correct": "it follows from weights that were moved",
    "evaluation.metrics": "it follows from weights that were moved",
}

_FOLDED = (
    (re.compile(r"^header\.ledger\[\]\.(?=native|structured)"), "header.parameters[]."),
    (re.compile(r"^header\.ledger\[\]\."), "header.plan.decisions[]."),
    (re.compile(r"^header\.spec\b"), "header.plan.spec"),
    (re.compile(r"^end\.eval_loss$"), "evaluation.loss"),
)
"""What version 2 called a place, as far as it matters here -> what version 3 calls it."""

DEFAULTS = {
    **{"amsgrad": False, "batch_norm": "paddle", "counted": "inside", "device": "cpu", "seed": 42},
    **{"kind": "decoupled", "nesterov": False, "normalise": "micro_mean", "per": "update"},
    **{"rounding": "floor", "shape": "linear", "skipped": False, "standardise": True, "start": 0.0},
    **{"tail": "flush", "on_skip": "hold", "centered": False, "masters": False, "warmup": False},
    **{"three_phase": False, "level": "O1", "eps": 1e-8, "betas[0]": 0.9, "betas[1]": 0.999},
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


def planless(path: Path) -> bool:
    """Whether a trace is of a run that followed no spec, or cannot be read."""
    try:
        header = _records(path.read_bytes())[0]
        return header.get("plan", header.get("spec")) is None
    except (OSError, ValueError, IndexError):
        return True


def distance(
    original: Path, changed: Path, irrelevant: Collection[str] = IRRELEVANT
) -> tuple[Distance, str]:
    """How far a trace is from the one that it was, and where it is farthest.

    A run that followed no spec is compared in what it did alone.
    """
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
    if before[0]["version"] > 2 and after[0].get("plan") is None:
        del before[0]["plan"]
    bounds = _bounds(_dtype(before[0]))
    apart = _apart(before, after, bounds, irrelevant)
    return max(apart, key=lambda one: ORDER.index(one[0]))


def _dtype(header: dict[str, Any]) -> str:
    """The type in which a run computed; version 2 says it by AMP alone."""
    if header["version"] > 2:
        return str(header["computation"]["dtype"])
    amp = header["spec"]["amp"]
    return str(amp["dtype"]) if amp else "float32"


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
    before: list[Any], after: list[Any], bounds: dict[str, Bound], irrelevant: Collection[str]
) -> Iterator[tuple[Distance, str]]:
    for number, (x, y) in enumerate(zip(before, after, strict=True), start=1):
        kind = x["record"]
        left, right = flat(x), flat(y)
        for name in sorted(left.keys() | right.keys()):
            place = f"{kind}.{INDEX.sub('[]', name)}"
            for old, new in _FOLDED:
                place = old.sub(new, place)
            p, q = left.get(name), right.get(name)
            free = any(f"{place}.".startswith((f"{one}.", f"{one}[")) for one in irrelevant)
            far = _one(name, p, q, bounds.get(place))
            if free and far != "none":
                far = "same"
            if far == "none" and left.keys() ^ right.keys() >= {name}:
                far = "same"
            yield far, f"line {number}, {name}: {p!r}, {q!r:.99}"


def _one(name: str, p: Any, q: Any, bound: Bound | None) -> Distance:
    if type(p) is type(q) and p == q:
        return "none"
    last = name.rpartition(".")[2]
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
