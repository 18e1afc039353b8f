"""How a script gives the rate: by a library's own schedule, or by the formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from dualtrain.native import Refusal, Row, flat
from dualtrain.native.schedules import NATIVE_SCHEDULES
from dualtrain.scripts._source import source
from dualtrain.spec import Spec

__all__ = [
    "NativeSchedule",
    "alone",
    "by_update",
    "native_schedule",
    "phases_of",
    "whole_numbers",
]

_SHOWN = {"warmup.steps": "warmup", "horizon": "horizon"}
"""What an argument says that a script computes -> its variable."""

_ROUNDS = ("PiecewiseDecay",)
"""Rates that are given as they are: a plan's are a factor times the base rate, 1 ULP apart."""


@dataclass(frozen=True, kw_only=True)
class NativeSchedule:
    """A call of a library's own schedule, its arguments as source text."""

    module: str
    """Where a script imports it from."""
    name: str
    arguments: Mapping[str, str]

    @property
    def call(self) -> str:
        """Its arguments as source text, without the optimizer."""
        return ", ".join(f"{name}={text}" for name, text in self.arguments.items())


def native_schedule(spec: Spec, modules: Sequence[str]) -> NativeSchedule | None:
    """The schedule of one of these modules whose rates are the plan's own, to the last bit.

    modules: beginnings of dotted names, the preferred one first. None where only the formula says
    it: a rise that is no straight line from 0, a schedule that counts from elsewhere, one whose
    native object goes on past the horizon in its own way.
    """
    warmup = spec.warmup
    if spec.shift or by_update(spec):
        return None
    if warmup is not None and (
        warmup.start or warmup.shape != "linear" or warmup.counted != "inside"
    ):
        return None
    schedule = spec.schedule.model_dump(exclude_defaults=True)
    schedule.pop("per", None)
    words = {**flat({"schedule": schedule}), "optimizer.lr": spec.optimizer.lr}
    if warmup is not None:
        words["warmup.steps"] = 1  # stands for the variable
    if spec.schedule.reads_horizon:
        words["horizon"] = 2
    for module in modules:
        for row in NATIVE_SCHEDULES.rows:
            if row.name.startswith(f"{module}.") and _holds(row, spec):
                found = _written(row, words, module)
                if found is not None:
                    return found
    return None


def _holds(row: Row, spec: Spec) -> bool:
    """Whether its rates are the plan's for the length of the run."""
    short = row.name.rpartition(".")[2]
    goes_past = bool(row.past) and spec.horizon is not None
    return row.equal == "exact" and not goes_past and short not in _ROUNDS


def _written(row: Row, words: Mapping[str, Any], module: str) -> NativeSchedule | None:
    try:
        arguments = row.write(words)
    except Refusal:
        return None
    if row.rate(words) != words["optimizer.lr"]:
        return None
    said = {n: (*a.words, "")[0] for n, a in row.arguments.items()}
    left_out = {name: fixed.default for name, fixed in row.fixed.items()}
    shown = {
        name: "LR"
        if said.get(name) == "optimizer.lr"
        else _SHOWN.get(said.get(name, ""), source(v))
        for name, v in arguments.items()
        if v != left_out.get(name, ...)
    }
    return NativeSchedule(module=module, name=row.name.rpartition(".")[2], arguments=shown)


def by_update(spec: Spec) -> bool:
    """Whether a schedule that counts epochs is stepped at each update, for its warmup's sake."""
    warmup = spec.warmup
    return spec.schedule.per == "epoch" and warmup is not None and warmup.moves_by_update


def phases_of(spec: Spec) -> list[dict[str, Any]]:
    """Of a sequence, each phase with where it begins and ends; no end of the last one.

    `lr` is a base rate of its own as source text, or nothing.
    """
    phases = getattr(spec.schedule, "phases", ())
    lengths = [phase.updates for phase in phases]
    ends = [*accumulate(lengths[:-1]), None]
    begins = [0, *ends[:-1]]
    base = spec.optimizer.lr
    return [
        {
            "schedule": phase.schedule,
            "begin": begin,
            "end": end,
            "lr": "" if phase.lr in (None, base) else source(phase.lr),
        }
        for phase, begin, end in zip(phases, begins, ends, strict=False)
    ]


def alone(spec: Spec) -> str:
    """The schedule as a function of its own, called where the rise and it have separate clocks.

    Empty where one text says both.
    """
    warmup, counts = spec.warmup, by_update(spec)
    if warmup is None or not (counts or warmup.counted in ("over", "times")):
        return ""
    epochs = " // updates_per_epoch" if counts else ""
    match warmup.counted:
        case "inside":
            return f"curve(t{epochs}, warmup{epochs}, horizon)"
        case "before":
            return f"curve((t - warmup){epochs}, 0, horizon)"
    return f"curve(t{epochs}, 0, horizon)"


def whole_numbers(spec: Spec) -> dict[str, str]:
    """`horizon` and `warmup` as source text, in what the schedule counts.

    The warmup is in updates where it moves the rate at each.
    """
    epochs, per_epoch = spec.duration.epochs, spec.schedule.per == "epoch"
    total = "TOTAL_UPDATES" if epochs is None else "total_updates"
    if spec.horizon is not None and spec.horizon.epochs is None:
        horizon = repr(spec.horizon.counts)
    elif spec.horizon is not None:
        horizon = f"{spec.horizon.epochs}{'' if per_epoch else ' * updates_per_epoch'}"
    elif not per_epoch:
        horizon = total
    elif epochs is not None and epochs % 1 == 0:
        horizon = "EPOCHS"
    else:
        horizon = f"math.ceil({total} / updates_per_epoch)"
    warmup = spec.warmup
    if warmup is None:
        return {"horizon": horizon, "warmup": "0", "length": horizon}
    if warmup.proportion is not None:
        rounding = {"ceil": "math.ceil", "round": "round"}.get(warmup.rounding or "", "int")
        share = f"({horizon})" if " * " in horizon else horizon
        steps = f"{rounding}({warmup.proportion!r} * {share})"
    elif warmup.epochs:
        steps = f"{warmup.epochs} * updates_per_epoch"
    else:
        steps = repr(warmup.steps or warmup.updates or 0)
    moved = warmup.counted == "before" and steps != "0" and not by_update(spec)
    length = f"warmup + {horizon}" if moved else horizon
    return {"horizon": horizon, "warmup": steps, "length": length}
