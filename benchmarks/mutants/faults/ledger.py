"""Faults of what is decided for each parameter, and of what is read from a live optimizer."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_AT = "dualtrain/ledger/"

MUTANTS = (
    Mutant(
        name="the last pattern wins",
        breaks="of several rules that fit a parameter the last is followed",
        file=f"{_AT}_rules.py",
        old="next((rule for rule in rules if rule.holds(parameter)), None)",
        new="next((rule for rule in reversed([*rules]) if rule.holds(parameter)), None)",
    ),
    Mutant(
        name="vectors of one dimension more",
        breaks="`exclude_below_ndim: 2` spares matrices",
        file=f"{_AT}_rules.py",
        old="return len(parameter.shape) < int(self.value)",
        new="return len(parameter.shape) <= int(self.value)",
    ),
    Mutant(
        name="one layer too few",
        breaks="layer_decay gives each layer the rate of the one above",
        file=f"{_AT}_decide.py",
        old="product *= rate**place.above",
        new="product *= rate ** max(0, place.above - 1)",
    ),
    Mutant(
        name="the model's own rate is lost",
        breaks="`ParamAttr(learning_rate=)` is not heeded",
        file=f"{_AT}_decide.py",
        old="        product *= facts.lr_multiplier\n",
        new="",
    ),
    Mutant(
        name="beta is no bias",
        breaks="a norm's shift by that name decays where biases are spared",
        file=f"{_AT}_parameter.py",
        old='_SHIFT = re.compile(r"beta|shift|offset")',
        new='_SHIFT = re.compile(r"shift|offset")',
    ),
    Mutant(
        name="one name of a tied matrix",
        breaks="a rule for the head does not reach a tied embedding",
        file=f"{_AT}_parameter.py",
        old="return (self.name, *self.aliases)",
        new="return (self.name,)",
    ),
    Mutant(
        name="Normal is a norm",
        breaks="a class called NormalDraw is spared the decay",
        file=f"{_AT}_kind.py",
        old='re.compile(r"norm(?!al(?!i[sz]))", re.IGNORECASE)',
        new='re.compile(r"norm", re.IGNORECASE)',
    ),
    Mutant(
        name="a live number near the decided one",
        breaks="a multiplier that is 0.1 % off in the optimizer is read as the decided one",
        file=f"{_AT}_live.py",
        old="NEAR = 1e-5\n",
        new="NEAR = 1e-2\n",
    ),
    Mutant(
        name="a model's own decay beside AdamW",
        breaks="a decoupled optimizer takes a parameter's coupled decay for its own",
        file=f"{_AT}_facts.py",
        old="return None if spec.rule.decoupled else facts.decay",
        new="return facts.decay",
    ),
)
