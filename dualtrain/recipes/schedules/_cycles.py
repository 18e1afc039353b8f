"""Cycles of a rate that are a warmup and a fall: one triangle, one cycle of two phases."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from dualtrain.reading import Known, Made, Value
from dualtrain.recipes._clock import clock_of, unwrapped
from dualtrain.recipes._found import described, found, implied, number
from dualtrain.recipes._record import Found
from dualtrain.recipes._seen import Seen
from dualtrain.recipes.schedules._lengths import share_of_epochs
from dualtrain.recipes.schedules._names import LibrarySchedule, library_of
from dualtrain.recipes.schedules._numeric import key

__all__ = ["one_cycle", "triangle"]

ONE_CYCLE = "one cycle: from start_lr up and down to end_lr"
SHAPES = {"linear": "linear", "cos": "cosine"}
"""Of the two phases of one cycle, by the libraries' word."""

Fields = dict[str, Found]


def triangle(seen: Seen, given: Mapping[str, Value], found_: Found) -> Fields:
    """One triangle over the whole run, which is a warmup of half of it and a linear fall; {} of
    several, and of other shapes."""
    low = given.get("base_lr", given.get("base_learning_rate"))
    up = given.get("step_size_up")
    down = given.get("step_size_down", Known(None))
    shape = given.get("mode", Known("triangular"))
    if low is None or up is None or not isinstance(shape, Known) or shape.value != "triangular":
        return {}
    even = (isinstance(down, Known) and down.value is None) or key(down) == key(up)
    rises, epochs = share_of_epochs(up), _epochs(seen)
    if not even or rises is None or epochs is None or not math.isclose(2 * rises, epochs):
        return {}
    return {
        "schedule": replace(found_, value="linear", why=ONE_CYCLE),
        "warmup": replace(found_, value=0.5, how="computed", why=f"{described(up)} up, and down"),
        "warmup_unit": replace(found_, value="fraction", how="computed"),
        "end_lr": found(low),
        "length": Found("epochs", "stated", found_.place, "computed"),
    }


def _epochs(seen: Seen) -> float | None:
    """Rounds of the loop around that of the batches, where they are known."""
    clock = clock_of(seen)
    loop = None if clock is None else clock.epoch_loop
    over = None if loop is None else unwrapped(loop.over)
    if isinstance(over, Made) and over.path == "builtins.range" and len(over.args) == 1:
        return number(over.args[0])
    return None


def one_cycle(
    path: str, schedule: LibrarySchedule, given: Mapping[str, Value], found_: Found
) -> Fields:
    """One cycle of two phases, which is a warmup and a fall of the same shape; {} of another."""
    shape = given.get("anneal_strategy", Known(schedule.defaults["anneal_strategy"]))
    phases = given.get("three_phase", Known(False))
    if not (isinstance(shape, Known) and shape.value in SHAPES) or (
        not (isinstance(phases, Known) and not phases.value)
    ):
        return {}
    name = "phase_pct" if "phase_pct" in schedule.defaults else "pct_start"
    part = given.get(name)
    rise = (
        found(part)
        if part is not None
        else implied(schedule.defaults[name], library_of(path), found_.place)
    )
    return {
        "schedule": replace(found_, value=SHAPES[shape.value], why=ONE_CYCLE),
        "warmup": rise,
        "warmup_unit": Found("fraction", "stated", rise.place, rise.how),
    }
