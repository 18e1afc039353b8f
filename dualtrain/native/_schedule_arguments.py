"""The arguments that native schedules share, and why some are not exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualtrain.native._call import REQUIRED, Argument, Call, Fixed, Refusal, Row, Words, word
from dualtrain.native._table import Table

__all__: list[str] = []

SCOPE = ("schedule", "warmup", "horizon")

LAMBDA = "holds Python code; a spec holds none"
BASE = "the base class of the others; it has no rate of its own"
RECURSIVE = "each rate is computed from the last one, so its rounding adds up"
WHOLE_RATE = "computes the rate as a whole; the plan multiplies the base rate by a factor"
ANGLE = "rounds the cosine's angle in another order"
RATIO = "takes the ratio itself; in the spec it is min_lr / lr, rounded"
CLIMBS = "climbs again; the spec stays at the end"
WAVES = "goes on in waves; the spec stays at the end"
RAISES = "goes on falling for an update, then raises; the spec stays at the end"

LR = "optimizer.lr"
NAME = "schedule.name"
STEPS = "warmup.steps"
UPDATES = "duration.updates"


def lr(default: Any = REQUIRED) -> Argument:
    """The base rate."""
    return word(LR, default)


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
    return word("schedule.half_waves", default, read=lambda n, _: 2.0 * n, write=lambda h, _: h / 2)


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


def start(default: Any = REQUIRED) -> Argument:
    """The factor that warmup starts at."""
    return word("warmup.start", default, absent=0.0)


def down() -> Argument:
    """step_size_down, which is step_size_up unless it is given."""
    return word(
        "schedule.down",
        None,
        read=lambda value, words: words["schedule.up"] if value is None else value,
    )


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
        "mode": word("schedule.mode", "min"),
        "factor": word("schedule.factor", 0.1),
        "patience": word("schedule.patience", 10),
        "threshold": word("schedule.threshold", 1e-4),
        "threshold_mode": word("schedule.threshold_mode", "rel"),
        "cooldown": word("schedule.cooldown", 0),
        "min_lr": word("schedule.min_lr", 0),
        eps: word("schedule.eps", 1e-8),
    }


ALIKE = {"schedule.multiplier": 1, "schedule.min_lr": 0.0}
"""What warm restarts say where each is as the first."""

RESTARTS = {
    "T_0": word("schedule.first"),
    "T_mult": word("schedule.multiplier", 1),
    "eta_min": word("schedule.min_lr", 0.0),
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
    return table.write(later, library).call


def dispatched(
    name: str, called: str, row: Row, arguments: Mapping[str, Argument], **more: Any
) -> Row:
    """A row of a function that takes the schedule of `row` by a name of its own."""
    return Row(
        library=row.library,
        name=name,
        scope=row.scope,
        means=row.means,
        arguments=arguments,
        fixed={"name": Fixed(called)},
        when=row.when,
        equal=row.equal,
        because=row.because,
        past=row.past,
        **more,
    )
