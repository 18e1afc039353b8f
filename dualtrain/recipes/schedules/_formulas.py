"""Rules of a rate, recognised: linear, cosine, polynomial, steps, inverse square root, with warmup.

A rule written as code is compared with each known formula at many times, the unknown numbers in it
being given values; what it is must hold under a second set of values too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from dualtrain.reading import Known, Unknown, Value
from dualtrain.recipes.schedules._numeric import Key, NotANumber, Numbers, Rule, called, key, parts

__all__ = ["Formula", "recognised"]

CLOSE = 1e-9
MOST = 48
"""Numbers of a rule that are tried as its warmup and length, at most."""

TRIES = 200_000
"""Curves that are tried, at most: half a second."""

FEWEST = 5
"""Steps of a curve that tell it from others: six of its rates, and two numbers to be found."""

FRACTIONS = (0.05, 0.21, 0.37, 0.5, 0.68, 0.83, 0.97)
"""Where between two times a rule is asked."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A rule with its numbers, each where the program has it."""

    schedule: str
    """`constant`, `linear`, `cosine`, `polynomial`, `step`, `exponential`, `piecewise`, `noam`;
    `custom` where only the warmup is known."""
    numbers: Mapping[str, Value] = field(default_factory=dict)
    """By name: peak warmup length end_lr num_cycles power gamma step_size."""
    start: float = 0.0
    """The rate at time 0, as a fraction of the peak."""
    jumps: bool = False
    """Whether the rate jumps where warmup ends: the curve is counted from time 0."""
    shortened: bool = True
    """Whether warmup is part of the length."""
    whole: bool = True
    """Whether all of it is known; else only how it rises."""
    milestones: Sequence[float] = ()
    values: Sequence[float] = ()


@dataclass(slots=True)
class _Trial:
    """A rule under one set of numbers."""

    rule: Rule
    named: list[tuple[Value, float]]
    scale: int
    """Steps of the clock in a unit of the rule's time."""
    known: dict[int, float] = field(default_factory=dict)
    guessed: Sequence[Value] = ()
    """What the rule asks for that is not known."""
    tried: int = 0
    """Curves that have been tried."""

    def at(self, t: int) -> float:
        """The rate at a step of the clock."""
        if t not in self.known:
            self.known[t] = float(called(self.rule, t))
        return self.known[t]

    def value(self, number: float) -> Value | None:
        """What of the program has this number; the named before the literal."""
        fits = [value for value, n in self.named if _close(n, number)]
        named = (v for v in fits if isinstance(v, (Known, Unknown)) and v.origin.name)
        return next(named, fits[0] if fits else None)


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=CLOSE, abs_tol=1e-18)


def recognised(
    rate: Value,
    clocks: Mapping[Key, Callable[[int], Callable[[int], int]]],
    fixed: Mapping[Key, float],
    epoch: Key | None = None,
    in_epochs: bool = False,
    state: Sequence[Value] = (),
    span: tuple[int, int] | None = None,
) -> Formula | None:
    """The formula of a rate; None if it is none of those known.

    clocks: what moves, by key: a function from the steps of an epoch to one from t.
    fixed: numbers of what stands for a rate of its own, such as a base rate.
    epoch: what stands for the steps of an epoch.
    in_epochs: the rule counts epochs, in fractions.
    state: objects that may change as training goes on.
    span: the first round and the one behind the last, where the clock counts those of a loop.
    """
    found: Formula | None = None
    for seed in (1, 2):
        trial = _trial(rate, clocks, fixed, epoch, in_epochs, state, seed)
        if trial is None:
            return None
        now = _fitted(trial) or (_table(trial, *span) if span is not None else None)
        if now is None or _hides(now, trial) or (found is not None and not _agree(found, now)):
            return None
        found = found or now
    return found


def _hides(formula: Formula, trial: _Trial) -> bool:
    """Whether a rule asks for what is not known and its formula does not: it was tried with numbers
    at which that part of the curve is not seen."""
    named = {key(one) for value in formula.numbers.values() for one in parts(value)}
    return formula.whole and any(key(one) not in named for one in trial.guessed)


def _agree(one: Formula, other: Formula) -> bool:
    """Whether two are alike: of a table its numbers too, since nothing else stands for them."""
    ours, theirs = (*one.milestones, *one.values), (*other.milestones, *other.values)
    return (
        one.schedule == other.schedule
        and len(ours) == len(theirs)
        and all(map(_close, ours, theirs))
    )


def _trial(
    rate: Value,
    clocks: Mapping[Key, Callable[[int], Callable[[int], int]]],
    fixed: Mapping[Key, float],
    epoch: Key | None,
    in_epochs: bool,
    state: Sequence[Value],
    seed: int,
) -> _Trial | None:
    steps = 40_009 + 1_000 * seed
    known = {**fixed, epoch: float(steps)} if epoch is not None else dict(fixed)
    numbers = Numbers(seed, {one: make(steps) for one, make in clocks.items()}, known, state)
    try:
        rule = numbers.rule(rate)
    except NotANumber:
        return None
    named: list[tuple[Value, float]] = []
    for one in parts(rate):
        if len(named) >= MOST:
            break
        try:
            if numbers.moves(one):
                continue
            number = numbers.of(one)
        except NotANumber:
            continue
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            continue
        if not math.isfinite(number) or any(_same(one, v) for v, n in named if n == number):
            continue
        named.append((one, float(number)))
    return _Trial(rule, named, steps if in_epochs else 1, guessed=numbers.guessed)


def _same(a: Value, b: Value) -> bool:
    name = getattr(getattr(a, "origin", None), "name", "")
    return bool(name == getattr(getattr(b, "origin", None), "name", ""))


def _fitted(trial: _Trial) -> Formula | None:
    try:
        if not any(trial.at(t) != trial.at(0) for t in (1, 3, 10, 31, 100, 1_000, 10_007, 10**6)):
            peak = _peak(trial, trial.at(0))
            return None if peak is None else Formula("constant", {"peak": peak}, 1.0)
    except NotANumber:
        pass
    for rule in (_constant, _inverse_root, _curve, _steps, _exponential, _piecewise, _rise_only):
        try:
            found = rule(trial)
        except NotANumber:
            continue
        if found is not None:
            return found
    return None


def _counts(trial: _Trial, whole: bool = False) -> Iterator[tuple[Value | None, float]]:
    """Numbers of the program that may count time, in steps of the clock.

    whole: whole numbers of steps only.
    """
    seen = set[float]()
    for _, number in trial.named:
        t = number * trial.scale
        t = float(round(t)) if _close(round(t), t) else t
        if 1 <= t < 10**12 and t not in seen and (t.is_integer() or not whole):
            seen.add(t)
            yield trial.value(number), t


def _near_counts(trial: _Trial, low: float, high: float) -> list[int]:
    """Times beside the program's own numbers, where a rule may change."""
    found = {math.ceil(low), math.ceil(low) + 1}
    for _, count in _counts(trial):
        near = int(count)
        found |= {near // 2, near - 1, near, near + 1}
    return sorted(t for t in found if low <= t < high)


def _rises(trial: _Trial, warmup: float, peak: float) -> bool:
    """Whether the rate rises in a line to the peak, by then or, from above 0, a step before."""
    if warmup == 0:
        return True
    last = math.ceil(warmup) - 1
    times = sorted({0, last, *(int(warmup * f) for f in FRACTIONS)})
    times = sorted({*times, *_near_counts(trial, 0, warmup)})
    rates = [trial.at(t) for t in times]
    if len(times) == 1:
        return rates[0] < peak
    slope = (rates[-1] - rates[0]) / (times[-1] - times[0])
    if slope <= 0:
        return False
    if any(
        abs(rates[0] + slope * t - r) > CLOSE * abs(peak) for t, r in zip(times, rates, strict=True)
    ):
        return False
    ends = rates[0] + slope * warmup
    return _near(ends, peak) or (rates[0] > 0 and _near(rates[-1], peak))


def _near(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-7)


def _peak(trial: _Trial, number: float) -> Value | None:
    return trial.value(number) or (Known(1.0) if _close(number, 1.0) else None)


def _constant(trial: _Trial) -> Formula | None:
    for value, warmup in _counts(trial):
        peak = trial.at(math.ceil(warmup))
        later = [int(warmup * k) + 7 for k in (1, 2, 5, 40)] + _near_counts(trial, warmup, 10**12)
        if peak and all(_close(trial.at(t), peak) for t in later):
            named = _peak(trial, peak)
            if named is not None and value is not None and _rises(trial, warmup, peak):
                return Formula("constant", {"peak": named, "warmup": value}, trial.at(0) / peak)
    return None


def _inverse_root(trial: _Trial) -> Formula | None:
    for value, warmup in _counts(trial):
        if warmup < 2 or value is None:
            continue
        for ahead in (1, 0):
            times = [int(warmup * k) + 1 for k in (1, 2, 5, 23)]
            times += _near_counts(trial, warmup + 1, 30 * warmup)
            scale = trial.at(times[0]) * math.sqrt(times[0] + ahead)
            if not scale or not all(
                _near(trial.at(t) * math.sqrt(t + ahead), scale) for t in times
            ):
                continue
            peak = scale / math.sqrt(warmup)
            first = next(t for t in (0, 1) if ahead or t)
            low = [(t, trial.at(t)) for t in (first, int(warmup / 2), math.ceil(warmup) - 1)]
            numbers: dict[str, Value] = {"warmup": value}
            factor = (warmup / trial.scale) ** -1.5
            through_zero = all(_near(r / (t + ahead), peak / warmup) for t, r in low if t + ahead)
            if through_zero and any(_near(n, factor) for _, n in trial.named):
                lr = _scale(trial, scale / math.sqrt(trial.scale))
                return Formula("noam", {**numbers, **({"peak": lr} if lr else {})})
            named = _peak(trial, peak)
            if named is not None and _rises(trial, warmup, peak):
                return Formula("custom", {**numbers, "peak": named}, trial.at(0) / peak)
    return None


def _scale(trial: _Trial, scale: float) -> Value | None:
    """What multiplies the inverse root of the model's width; 1 where nothing does."""
    widths = [1 / math.sqrt(n) for _, n in trial.named if n > 1 and float(n).is_integer()]
    for value, number in trial.named:
        if number != 1 and any(_near(number * one, scale) for one in widths):
            return value
    return Known(1.0) if any(_near(one, scale) for one in widths) else None


def _curve(trial: _Trial) -> Formula | None:
    counts = list(_counts(trial))
    lengths = sorted(counts, key=lambda one: -one[1])
    for counted in ("whole", "from zero", "behind"):
        for length_value, length in lengths:
            for warmup_value, warmup in [(None, 0), *counts]:
                if counted != "whole" and warmup == 0:
                    continue
                found = _curve_of(trial, counted, warmup, length)
                if found is None:
                    continue
                schedule, numbers, peak = found
                if length_value is not None:
                    numbers["length"] = length_value
                if warmup and warmup_value is not None:
                    numbers["warmup"] = warmup_value
                return Formula(
                    schedule,
                    numbers,
                    trial.at(0) / peak,
                    jumps=counted == "from zero",
                    shortened=counted != "behind",
                )
    return None


def _curve_of(
    trial: _Trial, counted: str, warmup: float, length: float
) -> tuple[str, dict[str, Value], float] | None:
    """A curve between two times, of the families that fall from a peak to an end."""
    end = warmup + length if counted == "behind" else length
    if end - warmup < FEWEST:
        return None
    begin = 0 if counted == "from zero" else warmup
    times = [math.ceil(warmup + (end - warmup) * f) for f in FRACTIONS]
    first, middle, last = (trial.at(times[at]) for at in (0, 2, 4))
    if _close(first, last):
        return None
    for schedule, name, value, shape in _shapes(trial):
        trial.tried += 1
        if trial.tried > TRIES:
            raise NotANumber
        a, b, c = (shape((times[at] - begin) / (end - begin)) for at in (0, 2, 4))
        if abs(a - c) < 1e-12:
            continue
        span = (first - last) / (a - c)
        low = first - span * a
        peak = low + span
        if peak <= 0 or abs(low + span * b - middle) > CLOSE * peak:
            continue
        times += _near_counts(trial, warmup, end)
        bent = (low + span * shape((t - begin) / (end - begin)) - trial.at(t) for t in times)
        if any(abs(off) > CLOSE * peak for off in bent):
            continue
        if abs(low) < 1e-6 * peak:
            low = _end(trial, end, peak)
        named = _peak(trial, peak) or trial.value(round(peak, 12))
        floor = Known(0.0) if low == 0 else trial.value(low)
        if named is None or floor is None or not _rises(trial, warmup, peak):
            continue
        numbers: dict[str, Value] = {"peak": named}
        if name:
            numbers[name] = value
        if low:
            numbers["end_lr"] = floor
        elif (stated := _stated_end(trial)) is not None:
            numbers["end_lr"] = stated
        return schedule, numbers, peak
    return None


def _stated_end(trial: _Trial) -> Value | None:
    """The rate at the end where it is 0 and the program says so by a name: `min_lr: 0`."""
    for value, number in trial.named:
        if number == 0 and isinstance(value, Known) and END.search(value.origin.name):
            return value
    return None


END = re.compile(r"(min|end|final|eta)[-_]?(lr|min|learning)", re.IGNORECASE)


def _end(trial: _Trial, end: float, peak: float) -> float:
    """The rate at the end, where it is so low beside the peak that it is lost in rounding."""
    last = trial.at(int(end))
    for _, number in trial.named:
        if 0 < number < 1e-4 * peak and math.isclose(number, last, rel_tol=1e-3):
            return number
    return 0.0


Shape = Callable[[float], float]


def _shapes(trial: _Trial) -> Iterator[tuple[str, str, Value, Shape]]:
    """Families of curves from 1 to 0: schedule, the name of their number, it, the curve."""
    yield "linear", "", Known(1.0), lambda p: 1 - p
    waves: list[tuple[Value, float]] = [(Known(0.5), 0.5), (Known(1.0), 1.0)]
    waves += [(v, n) for v, n in trial.named if 0 < n <= 20 and n not in (0.5, 1.0)]
    waves += [(Known(n / 2, v.origin), n / 2) for v, n in waves[2:] if isinstance(v, Known)]
    for value, number in waves:
        yield "cosine", "num_cycles", value, _cosine(number)
    for value, number in trial.named:
        if 0 < number <= 10 and number != 1:
            yield "polynomial", "power", value, _polynomial(number)


def _cosine(cycles: float) -> Shape:
    return lambda p: 0.5 * (1 + math.cos(2 * math.pi * cycles * p))


def _polynomial(power: float) -> Shape:
    return lambda p: max(1 - p, 0.0) ** power


def _gammas(trial: _Trial) -> list[tuple[Value, float]]:
    return [(value, n) for value, n in trial.named if 0 < n < 1]


def _steps(trial: _Trial) -> Formula | None:
    first = trial.at(0)
    peak = _peak(trial, first)
    for size_value, count in _counts(trial, whole=True):
        size = int(count)
        if size < 2 or peak is None or size_value is None:
            continue
        times = [size - 1, size, 2 * size + 1, 5 * size - 1, 7 * size]
        times += _near_counts(trial, 0, 8 * size)
        for gamma_value, gamma in _gammas(trial):
            if all(_near(trial.at(t), first * gamma ** (t // size)) for t in times):
                numbers = {"peak": peak, "step_size": size_value, "gamma": gamma_value}
                return Formula("step", numbers, 1.0)
    return None


def _exponential(trial: _Trial) -> Formula | None:
    first = trial.at(0)
    peak = _peak(trial, first)
    for gamma_value, gamma in _gammas(trial):
        if peak is not None and all(
            _near(trial.at(t), first * gamma ** (t / trial.scale))
            for t in (1, 2, 5, 9, 30, *_near_counts(trial, 0, 10_000))
        ):
            return Formula("exponential", {"peak": peak, "gamma": gamma_value}, 1.0)
    return None


def _piecewise(trial: _Trial) -> Formula | None:
    whole = {int(t) for _, t in _counts(trial, whole=True) if t < 10**7}
    counts = sorted(whole | {t + 1 for t in whole})
    breaks = [t for t in counts if not _close(trial.at(t - 1), trial.at(t))]
    if not breaks:
        return None
    edges = [0, *breaks, breaks[-1] * 3 + 10]
    values: list[float] = []
    for low, high in pairwise(edges):
        times = [low + int((high - 1 - low) * f) for f in (0.0, *FRACTIONS, 1.0)]
        rates = [trial.at(t) for t in times + _near_counts(trial, low, high)]
        if not all(_close(r, rates[0]) for r in rates):
            return None
        values.append(rates[0])
    peak = _peak(trial, values[0])
    milestones = [t / trial.scale for t in breaks]
    if peak is None or any(high > low for low, high in pairwise(values)):
        return None
    return Formula("piecewise", {"peak": peak}, 1.0, milestones=milestones, values=values)


MOST_ROUNDS, MOST_BREAKS = 5_000, 8
"""Rounds that are asked one by one, and how often the rate may fall in them."""


def _table(trial: _Trial, first: int, end: int) -> Formula | None:
    """What falls a few times in the rounds that there are, whatever it would do behind them."""
    if not 2 <= end - first <= MOST_ROUNDS:
        return None
    try:
        rates = [trial.at(t) for t in range(first, end)]
    except NotANumber:
        return None
    breaks = [at for at in range(1, len(rates)) if not _close(rates[at - 1], rates[at])]
    values = [rates[at] for at in (0, *breaks)]
    peak = _peak(trial, values[0])
    falls = all(high > low > 0 for high, low in pairwise(values))
    few = 1 <= len(breaks) <= min(MOST_BREAKS, len(rates) // 4)
    if peak is None or not falls or not few:
        return None
    numbers = {"peak": peak}
    for gamma, n in _gammas(trial):
        if all(_near(low, high * n) for high, low in pairwise(values)):
            numbers["gamma"] = gamma
            break
    milestones = [float(first + at) for at in breaks]
    return Formula("piecewise", numbers, 1.0, milestones=milestones, values=values)


def _rise_only(trial: _Trial) -> Formula | None:
    """What rises in a line and then does what is not known."""
    for value, count in _counts(trial, whole=True):
        warmup = int(count)
        if warmup < 4 or value is None:
            continue
        peak = trial.at(warmup)
        named = _peak(trial, peak)
        falls = trial.at(2 * warmup) < peak and trial.at(warmup + 1) <= peak
        if peak > 0 and named is not None and falls and _rises(trial, warmup, peak):
            numbers = {"peak": named, "warmup": value}
            return Formula("custom", numbers, trial.at(0) / peak, whole=False)
    return None
