"""Every schedule from the words of the native classes, one update at a time.

Falls by steps are loops that multiply, and shares are exact fractions until the last moment, so the
plan's arrays agree with this only up to rounding. A schedule is the dict that a spec dumps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, cos, exp, floor, inf, pi, prod, sqrt
from typing import Any

__all__ = ["Plateau", "Sizes", "momentum", "rate", "sizes"]

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The whole numbers of a run."""

    updates_per_epoch: int
    updates: int
    """T."""
    unit: int
    """Updates that the schedule counts as one."""
    warmup: int
    """W, in updates."""
    horizon: int
    """H, in counts of the schedule, from where it starts to count."""
    moved: int
    """Updates before it starts to count."""


def sizes(spec: Values, micro_batches: int) -> Sizes:
    """What a spec and M micro-batches in an epoch come to."""
    batch, warmup = spec["batch"], spec["warmup"] or {}
    groups = Fraction(micro_batches, batch["accumulate"])
    per_epoch = ceil(groups) if batch["tail"] == "flush" else floor(groups)
    duration = spec["duration"]
    updates = duration["updates"] or ceil(Fraction(duration["epochs"]) * per_epoch)
    unit = per_epoch if spec["schedule"]["per"] == "epoch" else 1
    length = spec["horizon"] or ceil(Fraction(updates, unit))
    if isinstance(length, Mapping):
        length = length["epochs"] * per_epoch // unit
    given = {name: warmup.get(name) or 0 for name in ("steps", "updates", "epochs")}
    risen = given["steps"] * unit + given["updates"] + given["epochs"] * per_epoch
    if warmup.get("proportion") is not None:
        product = warmup["proportion"] * length  # the binary product, rounded once
        whole = {"floor": floor(product), "ceil": ceil(product), "round": round(product)}
        risen = whole[warmup["rounding"] or "floor"] * unit
    return Sizes(
        updates_per_epoch=per_epoch,
        updates=updates,
        unit=unit,
        warmup=risen,
        horizon=length,
        moved=risen if warmup.get("counted") == "before" else 0,
    )


def rate(spec: Values, run: Sizes, t: int) -> float:
    """The rate of update t, where no metric decides."""
    schedule, lr, form = spec["schedule"], spec["optimizer"]["lr"], spec["warmup"] or {}
    counted, t = form.get("counted"), max(0, t + spec["shift"] * run.unit)
    risen = risen_to(form, run, t) if t < run.warmup else 1.0
    if t < run.warmup and counted != "times":
        return float(lr * risen)
    inside = run.warmup // run.unit if counted == "inside" else 0
    n = (t - run.warmup if counted == "before" else t) // run.unit
    after: float = after_warmup(schedule, lr, n, inside, run.horizon)
    return risen * after


def risen_to(form: Values, run: Sizes, t: int) -> float:
    """From `start` at t = 0 towards 1 at t = W."""
    held = form.get("updates") is None and form.get("epochs") is None
    share = Fraction(t - t % run.unit if held else t, run.warmup)
    left: dict[str, float] = {
        "linear": float(1 - share),
        "cosine": half_wave(share),
        "one_minus_sqrt": sqrt(1 - share),
    }
    return between(form["start"], 1.0, left[form["shape"]])


def momentum(spec: Values, run: Sizes, t: int) -> float | None:
    """The momentum of update t, where it is cycled: as the rate, upside down."""
    schedule = spec["schedule"]
    cycled = schedule.get("momentum")
    if cycled is None:
        return None
    before = (spec["warmup"] or {}).get("counted") == "before"
    low, high = cycled["low"], cycled["high"]
    t = max(0, t + spec["shift"] * run.unit)
    n = max(0, t - run.warmup if before else t) // run.unit
    if schedule["name"] == "one_cycle":
        mirrored = {**schedule, "start_lr": high, "end_lr": high}
        return in_cycles(mirrored, low, n, run.horizon)
    unit = in_cycles({**schedule, "max_lr": 1.0}, 0.0, n, run.horizon)  # height x scale
    return float(high - (high - low) * unit)


class Plateau:
    """The rate under reduce_on_plateau, from the metrics reported so far: torch's rule."""

    def __init__(self, spec: Values, run: Sizes) -> None:
        self._spec, self._run, self._rule = spec, run, spec["schedule"]
        self._rate: float = spec["optimizer"]["lr"]
        self._best: float | None = None
        self._bad = self._cooling = 0

    def rate(self, t: int) -> float:
        """The rate of update t."""
        if t < self._run.warmup:
            return rate(self._spec, self._run, t)
        return self._rate

    def report(self, metric: float, t: int) -> None:
        """Take a metric before update t; none is looked at during warmup."""
        if t < self._run.warmup:
            return
        if self._better(metric):
            self._best, self._bad = metric, 0
        else:
            self._bad += 1
        if self._cooling:
            self._cooling, self._bad = self._cooling - 1, 0
        if self._bad > self._rule["patience"]:
            self._cooling, self._bad = self._rule["cooldown"], 0
            lower = max(self._rate * self._rule["factor"], self._rule["min_lr"])
            if self._rate - lower > self._rule["eps"]:
                self._rate = lower

    def _better(self, metric: float) -> bool:
        sign = 1 if self._rule["mode"] == "min" else -1
        best = inf * sign if self._best is None else self._best
        margin: float = self._rule["threshold"]
        if self._rule["threshold_mode"] == "rel":
            return sign * metric < sign * best * (1 - sign * margin)
        return sign * metric < sign * best - margin


def half_wave(share: float | Fraction) -> float:
    """From 1 at 0 to 0 at 1."""
    return (1 + cos(pi * share)) / 2


def down(shape: str, share: float, half_waves: float = 1) -> float:
    """From 1 to 0."""
    return {
        "linear": 1 - share,
        "cosine": half_wave(half_waves * share),
        "one_minus_sqrt": 1 - sqrt(share),
    }[shape]


def between(a: float, b: float, left: float) -> float:
    """a where all is left, b where nothing is."""
    return b + (a - b) * left


def after_warmup(s: Values, lr: float, n: int, inside: int, horizon: int) -> float:
    """The schedule at its own count n >= `inside`, what it has of the warmup."""
    if s["name"] == "sequential":
        lengths = [phase.get("updates") or horizon for phase in s["phases"]]
        for phase, length in zip(s["phases"], lengths, strict=True):
            if n < length or phase is s["phases"][-1]:
                length = min(length, horizon)
                return after_warmup(phase["schedule"], phase.get("lr") or lr, n, inside, length)
            n, horizon, inside = n - length, horizon - length, 0
    if s["name"] == "product":
        rates = [after_warmup(one, lr, n, inside, horizon) for one in s["schedules"]]
        return float(lr * prod(rate / lr for rate in rates))
    if s["name"] == "table":
        return float(lr * looked_up(s, n))
    if s["name"] in ("one_cycle", "cyclic", "cosine_annealing_warm_restarts"):
        return in_cycles(s, lr, n, horizon)
    if s["name"] == "inverse_sqrt":
        return by_count({"timescale": inside, **_given(s)}, lr, n - inside)
    if s["name"] in ("step", "multistep", "piecewise", "exponential"):
        return by_count(s, lr, n)
    if s["name"] in ("natural_exp", "inverse_time", "noam"):
        return by_count(s, lr, n)
    return to_the_horizon(s, lr, n, inside, horizon)


def looked_up(s: Values, n: int) -> float:
    """What a table has at n, or between its points."""
    at = s["at"] or range(len(s["multipliers"]))
    last, value = 0, 0.0
    for point, multiplier in zip(at, s["multipliers"], strict=True):
        if point > n:
            if s["between"] == "linear":
                share = float(Fraction(n - last, point - last))
                return value + (float(multiplier) - value) * share
            break
        last, value = point, float(multiplier)
    return value


def _given(s: Values) -> Values:
    return {name: value for name, value in s.items() if value is not None}


def to_the_horizon(s: Values, lr: float, n: int, warmup: int, horizon: int) -> float:
    """Schedules that fall from W to H."""
    n = min(n, horizon) if not s.get("cycle") else n
    share = Fraction(n - warmup, horizon - warmup)
    match s["name"]:
        case "constant" | "reduce_on_plateau":
            return lr
        case "linear":
            return float(lr * (1 - share))
        case "cosine":
            return lr * half_wave(s["half_waves"] * share)
        case "cosine_with_restarts":
            # On which side of a restart a count is follows from the product in binary, as in
            # transformers, of which this is the rule.
            waves = s["cycles"] * float(share)
            return 0.0 if share == 1 else lr * half_wave(waves - floor(waves))
        case "cosine_with_min_lr":
            return between(lr, s["min_lr"], half_wave(s["half_waves"] * share))
        case "linear_annealing":
            return between(lr, s["min_lr"], float(1 - share))
        case "cosine_annealing":
            return between(lr, s["min_lr"], half_wave(share))
        case "polynomial":
            while s["cycle"] and share > 1:
                span = (n - warmup) / share + horizon - warmup  # the way, lengthened
                share = Fraction(n - warmup) / span
            return between(lr, s["end_lr"], float(1 - share) ** s["power"])
        case "warmup_stable_decay":
            stable, decay = s["stable"], s["decay"]
            gone = n - (horizon - decay if stable is None else warmup + stable)
            if gone >= decay:
                return float(s["min_lr"])
            left = down(s["shape"], gone / decay, s.get("half_waves") or 1) if gone > 0 else 1.0
            return between(lr, s["min_lr"], left)
        case other:
            raise AssertionError(f"no rule for {other!r}")


def by_count(s: Values, lr: float, n: int) -> float:
    """Schedules that count on."""
    match s.get("name", "inverse_sqrt"):
        case "step":
            for _ in range(s["every"], n + 1, s["every"]):
                lr *= float(s["gamma"])
            return lr
        case "multistep":
            for milestone in s["milestones"]:
                lr *= float(s["gamma"]) if n >= milestone else 1
            return lr
        case "piecewise":
            for boundary, value in zip(s["boundaries"], s["values"], strict=False):
                if n < boundary:
                    return float(value)
            return float(s["values"][-1])
        case "exponential":
            for _ in range(n):
                lr *= float(s["gamma"])
            return lr
        case "natural_exp":
            return float(lr * exp(-s["gamma"]) ** n)
        case "inverse_time":
            return float(lr / (1 + s["gamma"] * n))
        case "noam":
            width, warmup = s["d_model"], s["warmup_steps"]
            if n <= warmup:
                return float(lr * n / (sqrt(width) * warmup * sqrt(warmup)))
            return lr / sqrt(width * n)
        case "inverse_sqrt":
            return lr * sqrt(float(s["timescale"]) / (n + s["timescale"]))
        case other:
            raise AssertionError(f"no rule for {other!r}")


def in_cycles(s: Values, lr: float, n: int, horizon: int) -> float:
    """Schedules that rise and fall."""
    match s["name"]:
        case "one_cycle":
            n, rise = min(n, horizon - 1), s["rise"] * horizon - 1
            last = horizon - 1
            if n <= rise:
                return between(s["start_lr"], lr, down(s["shape"], n / rise))
            top = lr
            if s.get("three_phase"):
                if n <= 2 * rise:
                    return between(lr, s["start_lr"], down(s["shape"], (n - rise) / rise))
                rise, top = 2 * rise, s["start_lr"]
            return between(top, s["end_lr"], down(s["shape"], (n - rise) / (last - rise)))
        case "cyclic":
            cycle, since = divmod(n, s["up"] + s["down"])
            height = min(Fraction(since, s["up"]), 1 - Fraction(since - s["up"], s["down"]))
            scale = 1.0
            if s["mode"] == "triangular2":
                scale = 2.0**-cycle
            if s["mode"] == "exp_range":
                scale = s["gamma"] ** (cycle + 1 if s["scale_per"] == "cycle" else n)
            return float(lr + (s["max_lr"] - lr) * float(height) * scale)
        case "cosine_annealing_warm_restarts":
            length = s["first"]
            while n >= length:
                n, length = n - length, length * s["multiplier"]
            return between(lr, s["min_lr"], half_wave(n / length))
        case other:
            raise AssertionError(f"no rule for {other!r}")
