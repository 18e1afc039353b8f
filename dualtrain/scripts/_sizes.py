"""The lines of a script that count updates, and hand the counts to its schedule."""

from __future__ import annotations

import re
from typing import Any

from dualtrain.scripts._schedule import NativeSchedule, whole_numbers
from dualtrain.spec import Spec

__all__ = ["rate_lines"]


def rate_lines(
    spec: Spec, native: NativeSchedule | None, factor: str, momentum: str
) -> dict[str, Any]:
    """What a script says of its rate, as source text: only what it reads.

    `setup`: lines that compute the sizes of the run; `schedule_arguments`: of the native schedule;
    `factor`, `momentum`: the formulas, functions of t and of the sizes that they read;
    `factor_call`: what the schedule is made of; `momentum_call`: at the schedule's clock.
    """
    numbers = whole_numbers(spec)
    read = {name for name in _NAMES if native is not None and name in native.arguments.values()}
    rate, cycled = _reads(factor), _reads(momentum)
    sizes = {"warmup": _warmup(numbers), "horizon": numbers["length"]}
    given = "".join(f", {sizes[name]}" for name in rate)
    return {
        "setup": _setup(spec, numbers, read | {*rate, *cycled}),
        "schedule_arguments": _arguments(native, numbers),
        "factor": _with_arguments(factor, rate),
        "factor_call": f"lambda t: factor(t{given})" if rate else "factor",
        "momentum": _with_arguments(momentum, cycled),
        "momentum_call": ", ".join(["scheduler.last_epoch", *(sizes[name] for name in cycled)]),
    }


_NAMES = ("warmup", "horizon")
_ALL = "(t, warmup, horizon):"


def _reads(function: str) -> list[str]:
    """Which of the sizes the last function of a text reads."""
    body = function.rpartition(_ALL)[2]
    return [name for name in _NAMES if re.search(rf"\b{name}\b", body)]


def _with_arguments(function: str, names: list[str]) -> str:
    """The last function of a text, its arguments those that it reads."""
    head, all_of_them, body = function.rpartition(_ALL)
    return f"{head}({', '.join(['t', *names])}):{body}" if all_of_them else ""


def _arguments(native: NativeSchedule | None, numbers: dict[str, str]) -> list[str]:
    arguments = {} if native is None else native.arguments
    told = {"horizon": numbers["horizon"], "warmup": _warmup(numbers)}
    return [f"{name}={told.get(text, text)}" for name, text in arguments.items()]


def _warmup(numbers: dict[str, str]) -> str:
    """The variable, where there is one."""
    return "0" if numbers["warmup"] == "0" else "warmup"


def _setup(spec: Spec, numbers: dict[str, str], read: set[str]) -> list[str]:
    lines = []
    needed = " ".join([numbers["warmup"] if "warmup" in read else "", *_ends(numbers, read)])
    batch = spec.batch
    count = "len(batches(0))" if batch.micro_batches_per_epoch is None else "MICRO_BATCHES"
    if batch.micro_batches_per_epoch is not None:
        told = 'f"an epoch must have {MICRO_BATCHES} micro-batches"'
        lines += ["if len(batches(0)) != MICRO_BATCHES:", f"    raise SystemExit({told})"]
    if batch.accumulate > 1:
        flush = f"math.ceil({count} / ACCUMULATE)"
        count = flush if batch.tail == "flush" else f"{count} // ACCUMULATE"
    if "updates_per_epoch" in needed:
        lines.append(f"updates_per_epoch = {count}")
    if "total_updates" in needed:
        product = f"({count})" if "//" in count else count
        lines.append(f"total_updates = EPOCHS * {product}")
    if "warmup" in read and _warmup(numbers) == "warmup":
        lines.append(f"warmup = {numbers['warmup']}")
    return lines


def _ends(numbers: dict[str, str], read: set[str]) -> list[str]:
    return [numbers["length"], numbers["horizon"]] if "horizon" in read else []
