"""The lines of a script that count updates, and hand the counts to its schedule."""

from __future__ import annotations

import re
from typing import Any

from dualtrain.scripts._schedule import NativeSchedule, by_update, whole_numbers
from dualtrain.spec import Spec

__all__ = ["rate_lines"]


def rate_lines(
    spec: Spec, native: NativeSchedule | None, factor: str, momentum: str
) -> dict[str, Any]:
    """What a script says of its rate, as source text: only what it reads.

    `setup`: lines that compute the sizes of the run; `schedule_arguments`: of the native schedule;
    `factor`, `momentum`: the formulas, functions of t and of the sizes that they read;
    `factor_call`: what the schedule is made of; `momentum_call`: at the schedule's clock, which the
    lines `counted` compute where it is not the native one.
    """
    numbers = whole_numbers(spec)
    read = {name for name in _NAMES if native is not None and name in native.arguments.values()}
    rate, cycled = _reads(factor), _reads(momentum)
    sizes = {
        "warmup": _warmup(numbers),
        "horizon": numbers["length"],
        "updates_per_epoch": "updates_per_epoch",
    }
    clock = _clock(spec, "t")
    computed = "horizon" in {*rate, *cycled} and re.search(r"[(*]", numbers["length"])
    named = ["horizon"] if computed else []
    sizes |= {name: name for name in named}
    given = "".join(f", {sizes[name]}" for name in rate)
    factor_call = f"lambda t: factor({clock}{given})" if rate or clock != "t" else "factor"
    counted = _counted(spec) if momentum else []
    now = "now" if counted else "scheduler.last_epoch"
    read |= {*rate, *cycled}
    if re.search(r"\bwarmup\b", " ".join(counted)):
        read.add("warmup")
    setup = _setup(spec, numbers, read, " ".join([factor_call if factor else "", *counted]))
    return {
        "setup": [*setup, *(f"{name} = {numbers['length']}" for name in named)],
        "schedule_arguments": _arguments(native, numbers),
        "factor": _with_arguments(factor, rate),
        "factor_call": factor_call,
        "momentum": _with_arguments(momentum, cycled),
        "counted": counted,
        "momentum_call": ", ".join([now, *(sizes[name] for name in cycled)]),
    }


_NAMES = ("warmup", "horizon", "updates_per_epoch")
_ALL = "(t, *sizes):"


def _clock(spec: Spec, t: str) -> str:
    """The clock of a schedule, which may be ahead or behind."""
    if not spec.shift:
        return t
    unit = " * updates_per_epoch" if by_update(spec) else ""
    sign = "-" if spec.shift < 0 else "+"
    moved = f"{t} {sign} {abs(spec.shift)}{unit}"
    return moved if spec.shift > 0 else f"max(0, {moved})"


def _counted(spec: Spec) -> list[str]:
    """Lines that compute `now`, what the schedule has counted; none where it is its own clock."""
    lines = [f"now = {_clock(spec, 'scheduler.last_epoch')}"] if spec.shift else []
    if by_update(spec):
        now = "now" if lines else "scheduler.last_epoch"
        before = spec.warmup is not None and spec.warmup.counted == "before"
        since = f"max(0, {now} - warmup)" if before else now
        lines.append(f"now = {since} // updates_per_epoch")
    return lines


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


def _setup(spec: Spec, numbers: dict[str, str], read: set[str], calls: str) -> list[str]:
    lines = []
    texts = [numbers["warmup"] if "warmup" in read else "", calls]
    if "horizon" in read:
        texts += [numbers["length"], numbers["horizon"]]
    partly = spec.duration.epochs is not None and spec.duration.epochs % 1 != 0
    needed = " ".join([*texts, "total_updates" if partly else ""])
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
        count = "updates_per_epoch"
    if "total_updates" in needed:
        product = f"EPOCHS * {f'({count})' if '//' in count else count}"
        lines.append(f"total_updates = {f'math.ceil({product})' if partly else product}")
    if "warmup" in read and _warmup(numbers) == "warmup":
        lines.append(f"warmup = {numbers['warmup']}")
    return lines
