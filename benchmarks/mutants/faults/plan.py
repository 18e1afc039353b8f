"""Faults of schedules, whole numbers, loss scaling and averages: what a plan says."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_PLAN, _SCHEDULES = "dualtrain/plan/", "dualtrain/schedules/"

MUTANTS = (
    Mutant(
        name="floor that forgives",
        breaks="0.29 x 100 updates of warmup are 29",
        file=f"{_PLAN}_plan.py",
        old='"floor": math.floor,',
        new='"floor": lambda product: math.floor(product + 1e-9),',
    ),
    Mutant(
        name="the tail is never dropped",
        breaks="`batch.tail: drop` makes an update of the rest",
        file=f"{_PLAN}_plan.py",
        old='if rest and batch.tail == "flush" else full',
        new="if rest else full",
    ),
    Mutant(
        name="warmup counted inside",
        breaks="`warmup.counted: before` does not move the schedule",
        file=f"{_PLAN}_curves.py",
        old='return self.rise.updates if self.rise.counted == "before" else 0',
        new="return 0",
    ),
    Mutant(
        name="a clock that is not ahead",
        breaks="`shift` moves no rate",
        file=f"{_PLAN}_plan.py",
        old="shift=self.spec.shift * unit,",
        new="shift=0,",
    ),
    Mutant(
        name="a ramp that replaces",
        breaks="`warmup.counted: times` is `over`",
        file=f"{_PLAN}_curves.py",
        old='below = self.rise.counted == "times"',
        new="below = False",
    ),
    Mutant(
        name="a skip holds the epochs",
        breaks="with a schedule per epoch a skipped update holds the clock",
        file=f"{_PLAN}_plan.py",
        old='amp.on_skip == "hold" and self.spec.schedule.per == "update"',
        new='amp.on_skip == "hold"',
    ),
    Mutant(
        name="averages warm up one update late",
        breaks="the decay of update k is that of k - 1",
        file=f"{_PLAN}_averages.py",
        old="(1 + k) / (10 + k)",
        new="max(1, k) / (9 + max(1, k))",
    ),
    Mutant(
        name="a bad update is forgiven",
        breaks="after a skip the count of good updates goes on",
        file=f"{_PLAN}_loss_scale.py",
        old="return replace(self, good=0, bad=self.bad + 1)",
        new="return replace(self, bad=self.bad + 1)",
    ),
    Mutant(
        name="a loss scale in float64",
        breaks="the scale is no number that float32 holds",
        file=f"{_PLAN}_loss_scale.py",
        old="return replace(self, scale=_float32(scale), good=0, bad=0)",
        new="return replace(self, scale=scale, good=0, bad=0)",
    ),
    Mutant(
        name="patience one short",
        breaks="the rate is cut a reading early",
        file=f"{_PLAN}_plateau.py",
        old="if self._bad > self._schedule.patience:",
        new="if self._bad >= self._schedule.patience:",
    ),
    Mutant(
        name="cooling that counts",
        breaks="bad readings count while the rate cools down",
        file=f"{_PLAN}_plateau.py",
        old="            self._cooling -= 1\n            self._bad = 0\n",
        new="            self._cooling -= 1\n",
    ),
    Mutant(
        name="a square root that starts late",
        breaks="the rise of 1 - sqrt(1 - t / W) is sqrt(t / W)",
        file=f"{_PLAN}_warmup.py",
        old="risen = 1.0 - np.sqrt(1.0 - share)",
        new="risen = np.sqrt(share)",
    ),
    Mutant(
        name="linear in another order",
        breaks="rates are 1 ULP off: 1 - p for (H - t) / (H - W)",
        file=f"{_SCHEDULES}_decays.py",
        old="return (bounds.horizon - _held(t, bounds.horizon)) / bounds.span",
        new="return 1.0 - (_held(t, bounds.horizon) - bounds.warmup) / bounds.span",
    ),
    Mutant(
        name="a restart at the end",
        breaks="a cosine with restarts is at the base rate past the horizon",
        file=f"{_SCHEDULES}_decays.py",
        old="return np.where(p >= 1.0, 0.0, descent)",
        new="return descent",
    ),
    Mutant(
        name="a longer polynomial one update early",
        breaks="at its end a polynomial with cycle has jumped up already",
        file=f"{_SCHEDULES}_decays.py",
        old="np.maximum(1.0, np.ceil(since / span))",
        new="(np.floor(since / span) + 1.0)",
    ),
    Mutant(
        name="a step that forgets warmup",
        breaks="with warmup counted before, a step schedule counts it, too",
        file=f"{_PLAN}_curves.py",
        old="since = np.maximum(0.0, t - self._origin)",
        new="since = t",
    ),
    Mutant(
        name="milestones one update late",
        breaks="at a milestone the rate is that before it",
        file=f"{_SCHEDULES}_steps.py",
        old='np.searchsorted(self.milestones, t, side="right")',
        new='np.searchsorted(self.milestones, t, side="left")',
    ),
    Mutant(
        name="momentum of one height",
        breaks="cycled momentum does not shrink with the cycles",
        file=f"{_SCHEDULES}_cycles.py",
        old="return high - (high - low) * self._height(s) * self._scale(s)",
        new="return high - (high - low) * self._height(s)",
    ),
    Mutant(
        name="a phase one update late",
        breaks="the first update of a phase has the rate of the one before",
        file=f"{_SCHEDULES}_sequence.py",
        old="ends = np.searchsorted(t, [part.begin for part in parts[1:]])",
        new='ends = np.searchsorted(t, [part.begin for part in parts[1:]], side="right")',
    ),
    Mutant(
        name="a one-cycle that is not held",
        breaks="past the horizon the last fall goes on",
        file=f"{_SCHEDULES}_one_cycle.py",
        old="        s = np.minimum(s, horizon - 1)\n",
        new="",
    ),
    Mutant(
        name="a cosine 1 ULP up",
        breaks="cosine schedules are a rounding off the frameworks' own",
        file=f"{_SCHEDULES}_floats.py",
        old="return _libm(math.cos, x)",
        new="return np.nextafter(_libm(math.cos, x), 2.0)",
    ),
)
