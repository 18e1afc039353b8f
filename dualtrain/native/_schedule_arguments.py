"""What the arguments say that native schedules share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualtrain.native._call import REQUIRED, Argument, Call, Refusal, Words, word
from dualtrain.native._table import Table

__all__: list[str] = []

LR = "optimizer.lr"
NAME = "schedule.name"
STEPS = "warmup.steps"
UPDATES = "duration.updates"


def lr(default: Any = REQUIRED) -> Argument:
    """The base rate."""
    return word(LR, default)


def field(name: str, default: Any = REQUIRED, **how: Any) -> Argument:
    """A field of the schedule."""
    return word(f"schedule.{name}", default, **how)


def horizon(default: Any = REQUIRED, offset: int = 0) -> Argument:
    """Where the schedule ends, which goes unsaid where that is T; `offset` counts more."""

    def read(value: Any, words: Words, given: Mapping[str, Any]) -> Words:
        if value is None:
            raise Refusal("needs the number of updates")
        return {} if value - offset == words.get(UPDATES) else {"horizon": value - offset}

    def write(words: Words) -> Any:
        return _end(words) + offset

    return Argument(words=("horizon",), default=default, read=read, write=write)


def _end(words: Words) -> int:
    end = words.get("horizon", words.get(UPDATES))
    if end is None:
        raise Refusal("needs horizon")
    return int(end)


def warmup(default: Any = REQUIRED) -> Argument:
    """W in updates."""
    return word(STEPS, default, absent=0)


def half_waves(default: Any = REQUIRED) -> Argument:
    """num_cycles: whole waves."""
    return field("half_waves", default, read=lambda n, _: 2.0 * n, write=lambda h, _: h / 2)


def period(default: Any = REQUIRED) -> Argument:
    """T_max, the updates of one half-wave, which repeats: half_waves = T / T_max, if T is longer.

    The spec stays where it ends, the native cosine does not: a horizon before T cannot be written.
    """

    def read(value: Any, words: Words, given: Mapping[str, Any]) -> Words:
        total = words.get(UPDATES)
        if total is None or total < value:
            return {"schedule.half_waves": 1.0, "horizon": value}
        return {"schedule.half_waves": total / value}

    def write(words: Words) -> Any:
        end, waves = _end(words), words["schedule.half_waves"]
        if words.get(UPDATES, end) > end:
            raise Refusal(f"climbs again past the horizon: {end}")
        if end % waves:
            raise Refusal(f"half a wave must be whole updates: horizon {end}, half_waves {waves:g}")
        return int(end / waves)

    return Argument(
        words=("schedule.half_waves", "horizon"), default=default, read=read, write=write
    )


def times_lr(path: str, default: Any = REQUIRED, *, absent: Any = REQUIRED) -> Argument:
    """A rate as a multiple of the base rate."""
    return word(
        path,
        default,
        absent=absent,
        read=lambda ratio, words: ratio * words[LR],
        write=lambda rate, words: rate / words[LR],
    )


def divided(rate: float, by: float) -> float:
    """The factor that makes one rate of the other."""
    if not by:
        raise Refusal("divides to get this rate, which cannot be 0")
    return rate / by


def start_lr() -> Argument:
    """By what OneCycleLR divides the peak."""
    return field(
        "start_lr",
        25.0,
        read=lambda factor, words: words[LR] / factor,
        write=lambda rate, words: divided(words[LR], rate),
    )


def start(default: Any = REQUIRED) -> Argument:
    """The factor that warmup starts at."""
    return word("warmup.start", default, absent=0.0)


def down() -> Argument:
    """step_size_down, which is step_size_up unless it is given."""
    return field("down", None, read=lambda n, words: words["schedule.up"] if n is None else n)


def gamma_of_exp_range(default: float) -> Argument:
    """The gamma of one mode; the others do not look at it."""

    def read(value: Any, words: Words, given: Mapping[str, Any]) -> Words:
        return {"schedule.gamma": value} if given["mode"] == "exp_range" else {}

    return Argument(
        words=("schedule.gamma",),
        default=default,
        read=read,
        write=lambda words: words.get("schedule.gamma", default),
    )


SHAPES = {"cos": "cosine", "linear": "linear"}


def shape(path: str, default: Any, names: Mapping[str, str], *, absent: Any = REQUIRED) -> Argument:
    """A shape by its native name."""
    native = {ours: theirs for theirs, ours in names.items()}

    def known(value: Any, words: Words) -> Any:
        if value not in names:
            raise Refusal(f"must be one of {', '.join(names)}. Received: {value!r}")
        return names[value]

    return word(path, default, absent=absent, read=known, write=lambda value, _: native[value])


def plateau(eps: str) -> dict[str, Argument]:
    """The arguments of torch's and Paddle's classes, which differ in the name of `eps`."""
    return {
        "mode": field("mode", "min"),
        "factor": field("factor", 0.1),
        "patience": field("patience", 10),
        "threshold": field("threshold", 1e-4),
        "threshold_mode": field("threshold_mode", "rel"),
        "cooldown": field("cooldown", 0),
        "min_lr": field("min_lr", 0),
        eps: field("eps", 1e-8),
    }


ANYTHING = ("schedule", "warmup.start", "horizon")
"""The words of an argument that is a schedule itself."""


def read_inner(table: Table, call: Call, around: Words) -> dict[str, Any]:
    """What a schedule within another says beside the words around it."""
    if call.short_name not in {row.name.rpartition(".")[2] for row in table.rows}:
        raise Refusal(f"{call.short_name} is unknown within another schedule")
    reading = table.read(call, around)
    if not reading.words:
        raise Refusal(f"{call}: {reading.row.because}")
    if any(reading.words[path] != value for path, value in around.items()):
        raise Refusal(f"{call} gives the optimizer another rate")
    return {path: value for path, value in reading.words.items() if path not in around}


def read_later(table: Table, call: Call, words: Words) -> dict[str, Any]:
    """What a schedule that begins at the end of warmup says; its horizon is counted from there."""
    around = {LR: words[LR]} if LR in words else {}
    if UPDATES in words:
        around[UPDATES] = words[UPDATES] - words[STEPS]
    said = read_inner(table, call, around)
    row = table.read(call, around).row
    ends = any("horizon" in argument.words for argument in row.arguments.values())
    if ends and "horizon" not in said:
        said["horizon"] = around[UPDATES]
    if "horizon" in said and said["horizon"] == words.get(UPDATES):
        del said["horizon"]  # as long as the run, from there
    return said


def write_later(table: Table, words: Words, library: str) -> Call:
    """The schedule that begins at the end of warmup."""
    later = {path: value for path, value in words.items() if not path.startswith("warmup.")}
    if UPDATES in words and "horizon" in words:  # else as long as the run, from there
        later[UPDATES] = words[UPDATES] - words.get(STEPS, 0)
    written = table.write(later, library)
    if LR in words and written.row.rate(later) != words[LR]:
        raise Refusal(f"{written.call} gives the optimizer another rate")
    return written.call
