"""Faults of the judges of one update, and bars of theirs that are too wide."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_AT = "dualtrain/lockstep/"

MUTANTS = (
    Mutant(
        name="lockstep: one pair of betas for all",
        breaks="parameters of own betas are judged by the optimizer's",
        file=f"{_AT}_rule.py",
        old="rule=plan.spec.rule.having(decision.betas),",
        new="rule=plan.spec.rule,",
    ),
    Mutant(
        name="lockstep: decay of the other kind",
        breaks="decoupled decay beside momentum is judged as coupled",
        file=f"{_AT}_rule.py",
        old="rule=plan.spec.rule.having(decision.betas),",
        new="rule=plan.spec.optimizer.having(decision.betas),",
    ),
    Mutant(
        name="lockstep: the rule's bar x 10",
        breaks="an update may be 40 honest roundings off its rule",
        file=f"{_AT}_rule_held.py",
        old="MARGIN = 4.0\n",
        new="MARGIN = 40.0\n",
    ),
    Mutant(
        name="lockstep: the coefficient's bar x 10",
        breaks="a clip may be 2e-6 off the limit over its own norm",
        file=f"{_AT}_rule_clip.py",
        old="COEFFICIENT_BAR = 4.0\n",
        new="COEFFICIENT_BAR = 40.0\n",
    ),
    Mutant(
        name="lockstep: the norm's bar x 100",
        breaks="a norm may be 4e-4 off that of its gradients",
        file=f"{_AT}_rule_clip.py",
        old="units, bar = value / precision_of(largest).unit, max(64.0, largest.size / 64.0)",
        new="units, bar = value / precision_of(largest).unit, max(6400.0, largest.size / 64.0)",
    ),
    Mutant(
        name="lockstep: the decay's bar x 10",
        breaks="a decay of 6e-7 that is missing is not seen",
        file=f"{_AT}_rule_parameter.py",
        old="DECAY_BAR = 1.0\n",
        new="DECAY_BAR = 10.0\n",
    ),
    Mutant(
        name="lockstep: the rate's bar x 10",
        breaks="a rate may be 1e-5 off",
        file=f"{_AT}_rule_parameter.py",
        old="RATE_BAR = 16.0\n",
        new="RATE_BAR = 160.0\n",
    ),
    Mutant(
        name="lockstep: what is to stand still may move",
        breaks="a frozen weight that moved is not seen",
        file=f"{_AT}_rule.py",
        old="return float(np.abs(a - b)[different].max(initial=0.0))",
        new="return 0.0",
    ),
    Mutant(
        name="lockstep: averages of the weights before",
        breaks="averages that take each update one late are right",
        file=f"{_AT}_rule.py",
        old="after: Arrays = move.after.tensors.weights",
        new="after: Arrays = move.before.tensors.weights",
    ),
    Mutant(
        name="lockstep: a skip is believed",
        breaks="an update that is skipped for nothing is not seen",
        file=f"{_AT}_rule_clock.py",
        old="float(move.skipped != skipped),",
        new="0.0,",
    ),
    Mutant(
        name="lockstep: no slope",
        breaks="what hides under the rounding of a weight is not seen",
        file=f"{_AT}_rule_slope.py",
        old="return max(abs(self.value) - SURE * self.spread, 0.0)",
        new="return 0.0",
    ),
    Mutant(
        name="lockstep: sums without their own rounding",
        breaks="honest sums are called different",
        file=f"{_AT}_rounded.py",
        old="own = of.unit * size\n",
        new="own = 0.01 * of.unit * size\n",
    ),
    Mutant(
        name="lockstep: no probe",
        breaks="a step that is buried under the rounding of a weight is not judged alone",
        file=f"{_AT}_probe.py",
        old="weights[name] = _zero(weights[name], third == 0)",
        new="weights[name] = weights[name]",
    ),
    Mutant(
        name="lockstep: float64's bar x 100",
        breaks="gradients may be 2.4e-5 apart where both sides are in float64",
        file=f"{_AT}_gradients.py",
        old="TOLD = 4 * SINGLE\n",
        new="TOLD = 400 * SINGLE\n",
    ),
    Mutant(
        name="lockstep: float32's bar x 10",
        breaks="gradients may be 640 units apart",
        file=f"{_AT}_nudges.py",
        old="NEAR = 64\n",
        new="NEAR = 640\n",
    ),
    Mutant(
        name="lockstep: eighty floors",
        breaks="gradients may be 80 times as far apart as a nudge moves them",
        file=f"{_AT}_nudges.py",
        old="FLOORS = 8\n",
        new="FLOORS = 80\n",
    ),
    Mutant(
        name="lockstep: the larger error excuses",
        breaks="a fault of one side's float32 excuses itself",
        file=f"{_AT}_gradients.py",
        old="min(errors, default=0.0)]",
        new="max(errors, default=0.0)]",
    ),
    Mutant(
        name="lockstep: zero is a thousandth",
        breaks="small gradients are held against the whole one",
        file=f"{_AT}_quantities.py",
        old="ZERO = 1e-13\n",
        new="ZERO = 1e-3\n",
    ),
    Mutant(
        name="lockstep: a gradient on one side only",
        breaks="a parameter that trains on one side alone is not seen",
        file=f"{_AT}_gradients.py",
        old="for name in sorted(a.keys() ^ b.keys()):",
        new="for name in ():",
    ),
    Mutant(
        name="lockstep: dropout on both sides",
        breaks="random models are compared, and differ",
        file=f"{_AT}_doubts.py",
        old="if found := list(_randomness(a, b)):",
        new="if found := []:",
    ),
    Mutant(
        name="lockstep: another replay",
        breaks="a leading side that does not repeat itself is believed",
        file=f"{_AT}_doubts.py",
        old="return [*_replayed(led, a, u), *_made_again(led, a)]",
        new="return []",
    ),
    Mutant(
        name="lockstep: one excuse for all updates",
        breaks="a kernel that is wrong at every update is told and no more",
        file=f"{_AT}_judge.py",
        old="MANY = 0.25\n",
        new="MANY = 25.0\n",
    ),
)
