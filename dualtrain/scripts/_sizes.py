"""The lines of a script that count updates, and hand the counts to its schedule."""

from __future__ import annotations

import re
from typing import Any

from dualtrain.scripts._schedule import NativeSchedule, whole_numbers
from dualtrain.spec import Spec

__all__ = ["rate_lines"]


def rate_lines(spec: Spec, native: NativeSchedule | None, factor: str) -> dict[str, Any]:
    """What a script says of its rate, as source text: only what it reads.

    `setup`: lines that compute the sizes of the run; `schedule_arguments`: of the native schedule;
    `factor` and `factor_call`: the formula, and the function of t that it is made into.
    """
    numbers = whole_numbers(spec)
    head, _, body = factor.rpartition("def factor(t, warmup, horizon):")
    read = [name for name in ("warmup", "horizon") if re.search(rf"\b{name}\b", body)]
    if native is not None:
        read = [name for name in ("warmup", "horizon") if name in native.arguments.values()]
    length = numbers["length"] if factor else numbers["horizon"]
    given = ", ".join({"warmup": _warmup(numbers), "horizon": length}[name] for name in read)
    call = f"lambda t: factor(t, {given})" if read else "factor"
    return {
        "setup": _setup(spec, numbers, read),
        "schedule_arguments": _arguments(native, numbers),
        "factor": f"{head}def factor({', '.join(['t', *read])}):{body}" if factor else "",
        "factor_call": call,
    }


def _arguments(native: NativeSchedule | None, numbers: dict[str, str]) -> list[str]:
    arguments = {} if native is None else native.arguments
    told = {"horizon": numbers["horizon"], "warmup": _warmup(numbers)}
    return [f"{name}={told.get(text, text)}" for name, text in arguments.items()]


def _warmup(numbers: dict[str, str]) -> str:
    """The variable, where there is one."""
    return "0" if numbers["warmup"] == "0" else "warmup"


def _setup(spec: Spec, numbers: dict[str, str], read: list[str]) -> list[str]:
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


def _ends(numbers: dict[str, str], read: list[str]) -> list[str]:
    return [numbers["length"], numbers["horizon"]] if "horizon" in read else []
