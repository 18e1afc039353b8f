"""Faults of the comparison, and each of its bars ten times too wide."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_AT = "dualtrain/parity/"
_BARS = f"{_AT}_tolerances.py"

MUTANTS = (
    Mutant(
        name="bar: evaluation loss x 100",
        breaks="held-out losses may be 0.1 % apart",
        file=f"{_AT}_after.py",
        old="        bound = for_losses(bars.allowed, bars.size)\n",
        new="        bound = for_losses(bars.allowed, bars.size)\n"
        "        bound = Tolerance(100 * bound.bound, bound.of)\n",
    ),
    Mutant(
        name="bar: AMP norms x 10",
        breaks="in bfloat16 norms may be 3.75 apart",
        file=_BARS,
        old="norms=48 * ulp,",
        new="norms=480 * ulp,",
    ),
    Mutant(
        name="bar: AMP examples x 10",
        breaks="in bfloat16 a third of the answers may differ",
        file=_BARS,
        old="examples=4 * ulp,",
        new="examples=40 * ulp,",
    ),
    Mutant(
        name="bar: AMP logits x 10",
        breaks="in bfloat16 initial logits may be 0.3 apart",
        file=_BARS,
        old="logits=4 * ulp,",
        new="logits=40 * ulp,",
    ),
    Mutant(
        name="bar: AMP losses x 10",
        breaks="in bfloat16 losses may be 0.3 apart",
        file=_BARS,
        old="loss=4 * ulp,",
        new="loss=40 * ulp,",
    ),
    Mutant(
        name="bar: AMP weights x 10",
        breaks="in bfloat16 weights may end a whole movement apart",
        file=_BARS,
        old="weights=16 * ulp,",
        new="weights=160 * ulp,",
    ),
    Mutant(
        name="bar: decay rounding x 100",
        breaks="a decay of 3e-6 an update is taken for rounding",
        file=_BARS,
        old="DECAY_ROUNDING = 3e-8\n",
        new="DECAY_ROUNDING = 3e-6\n",
    ),
    Mutant(
        name="bar: storage rounding x 10",
        breaks="weights may be 6e-7 of their size apart",
        file=_BARS,
        old="STORAGE_ROUNDING = 2.0**-24\n",
        new="STORAGE_ROUNDING = 10 * 2.0**-24\n",
    ),
    Mutant(
        name="bar: logits x 10",
        breaks="initial logits may be 1e-3 apart",
        file=_BARS,
        old="logits=2.0**-13,",
        new="logits=10 * 2.0**-13,",
    ),
    Mutant(
        name="bar: losses x 10",
        breaks="losses may be 1e-4 apart",
        file=_BARS,
        old="loss=1e-5,",
        new="loss=1e-4,",
    ),
    Mutant(
        name="bar: norms x 10",
        breaks="norms may be 1 % apart",
        file=_BARS,
        old="norms=1e-3,",
        new="norms=1e-2,",
    ),
    Mutant(
        name="bar: weights x 10",
        breaks="weights may end 1e-4 of their movement apart",
        file=_BARS,
        old="weights=1e-5,",
        new="weights=1e-4,",
    ),
    Mutant(
        name="bar: small norms x 10",
        breaks="a norm below 0.01 is measured as if it were that",
        file=_BARS,
        old="NORM_FLOOR = 1e-3\n",
        new="NORM_FLOOR = 1e-2\n",
    ),
    Mutant(
        name="bar: still x 10",
        breaks="tensors that moved half as far as the whole are not judged",
        file=_BARS,
        old="STILL = 5e-2\n",
        new="STILL = 5e-1\n",
    ),
    Mutant(
        name="bar: floors x 10",
        breaks="beside one chaos floor a run may be 300 times that apart",
        file=_BARS,
        old="{1: 30.0, 2: 16.0}.get(floors, 12.0)",
        new="{1: 300.0, 2: 160.0}.get(floors, 120.0)",
    ),
    Mutant(
        name="bar: means x 10",
        breaks="held-out losses have no floor but their own, which may be 0 by chance",
        file=_BARS,
        old="MEANS = 4.0\n",
        new="MEANS = 40.0\n",
    ),
    Mutant(
        name="mixed precision tensor by tensor",
        breaks="in bfloat16 noise in one bias is a difference",
        file=_BARS,
        old="weights_together=True,",
        new="weights_together=False,",
    ),
    Mutant(
        name="relative to one side",
        breaks="the verdict depends on which run is a",
        file=f"{_AT}_numbers.py",
        old="apart / max(abs(a), abs(b), floor)",
        new="apart / max(abs(a), floor)",
    ),
    Mutant(
        name="still on one side",
        breaks="a tensor that one side alone moved is not judged",
        file=f"{_AT}_tensors.py",
        old="in ((self.a, self.overall[0]), (self.b, self.overall[1]))\n",
        new="in ((self.a, self.overall[0]),)\n",
    ),
    Mutant(
        name="fused biases as one",
        breaks="a key bias that is noise hides in query and value",
        file="dualtrain/lockstep/_fused.py",
        old="if name.endswith(_FUSED) else",
        new="if False else",
    ),
    Mutant(
        name="batches by number",
        breaks="two micro-batches exchanged are not seen",
        file=f"{_AT}_before.py",
        old="differing = sum(x.batches != y.batches for x, y in pairs)",
        new="differing = sum(sorted(x.batches) != sorted(y.batches) for x, y in pairs)",
    ),
    Mutant(
        name="the last difference first",
        breaks="the verdict names the stage that parts last",
        file=f"{_AT}_first.py",
        old="return found[min(found)] if found else None",
        new="return found[max(found)] if found else None",
    ),
    Mutant(
        name="non-finite numbers agree",
        breaks="two runs that both left the numbers are proof",
        file=f"{_AT}_finite.py",
        old="return all(map(_is_lost, numbers))",
        new="return False",
    ),
    Mutant(
        name="averages are not compared",
        breaks="averages that differ pass",
        file=f"{_AT}_after.py",
        old="    measures = [*update(weights), *statistics(weights)]\n",
        new='    measures = [Measure(0, "names")]\n',
    ),
    Mutant(
        name="nan is within every bar",
        breaks="a difference that is not a number agrees",
        file=f"{_AT}_finding.py",
        old='return "rounding" if value <= bound else "different"',
        new='return "different" if value > bound else "rounding"',
    ),
    Mutant(
        name="a floor lowers the bar",
        breaks="a calm run is held to less than its tolerance",
        file=_BARS,
        old="return max(bound, factor * floor) if",
        new="return factor * floor if",
    ),
    Mutant(
        name="no proof is proof",
        breaks="the command ends with status 0 where nothing can be judged",
        file="dualtrain/cli/_traces.py",
        old='"no proof": 4}',
        new='"no proof": 0}',
    ),
    Mutant(
        name="a fault is a difference",
        breaks="the command ends with status 1 for a fault of dualtrain's own",
        file="dualtrain/cli/__init__.py",
        old="sys.exit(3)",
        new="sys.exit(1)",
    ),
    Mutant(
        name="the nudged side is not nudged",
        breaks="the chaos floor is 0",
        file="dualtrain/workers/_parity.py",
        old="nudge=side.nudge,",
        new="nudge=False,",
    ),
)
