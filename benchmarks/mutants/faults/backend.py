"""Faults of what both backends share."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_AT = "dualtrain/backend/"

MUTANTS = (
    Mutant(
        name="averages in the weights' own type",
        breaks="at level O2 parameters without a master are averaged in their low type",
        file=f"{_AT}_averages.py",
        old='return "float64" if type_of(tensor) == "float64" else "float32"',
        new="return type_of(tensor)",
        survives="at level O2 every trained low parameter has a master, and `start` refuses any "
        "other: what is averaged is float32 or float64 already, so the two are equal",
    ),
    Mutant(
        name="averages left in the model",
        breaks="after an evaluation training goes on from the averages",
        file=f"{_AT}_averages.py",
        old="                self._set(weights)\n",
        new="                pass\n",
    ),
    Mutant(
        name="batch norm's n for n - 1",
        breaks="the other framework's running variance is n / (n - 1) off",
        file=f"{_AT}_batch_norm.py",
        old='(n - 1 if self._norms.RULE == "paddle" else -n)',
        new='(n if self._norms.RULE == "paddle" else -(n - 1))',
    ),
    Mutant(
        name="the norm after clipping is that before",
        breaks="a trace does not show what was clipped",
        file=f"{_AT}_clip.py",
        old="self.clipped_norm = self.joint_norm(gradients)",
        new="self.clipped_norm = self.norm",
    ),
    Mutant(
        name="frozen statistics go on",
        breaks="`freeze.batch_stats: keep` is not heeded",
        file=f"{_AT}_freeze.py",
        old='if ledger.batch_stats == "train":',
        new="if True:",
    ),
    Mutant(
        name="nothing thaws",
        breaks="what an earlier spec froze stays still under the next",
        file=f"{_AT}_freeze.py",
        old="if row.frozen or is_frozen(f):",
        new="if row.frozen:",
    ),
    Mutant(
        name="low norms",
        breaks="level O2 casts norms, too",
        file=f"{_AT}_masters.py",
        old=' == "float32" and not keeps_precision(found.kind):',
        new=' == "float32":',
    ),
    Mutant(
        name="what is written into a model is lost",
        breaks="at level O2 loaded weights are overwritten by the masters",
        file=f"{_AT}_masters.py",
        old="        read_masters(self._verbs, self._low)\n\n    def write_back",
        new="\n    def write_back",
    ),
    Mutant(
        name="a scaled loss in its own type",
        breaks="a float16 loss times the scale is infinite",
        file=f"{_AT}_shared.py",
        old='return self._verbs.cast(loss, "float32") * scale',
        new="return loss * scale",
    ),
    Mutant(
        name="logits as they come",
        breaks="under AMP the loss is computed in the low type",
        file=f"{_AT}_shared.py",
        old="        logits = cast(logits, wide)\n",
        new="",
    ),
    Mutant(
        name="rows of zeros count",
        breaks="label smoothing gives ignored rows of soft labels a loss",
        file=f"{_AT}targets.py",
        old="even = labels.sum(-1, keepdim=True) / labels.shape[-1]",
        new="even = 1.0 / labels.shape[-1]",
    ),
    Mutant(
        name="first positions count",
        breaks="with shifted labels the divisor has one target a sequence too many",
        file=f"{_AT}targets.py",
        old="        labels = shift_labels(labels, soft=soft)\n",
        new="",
    ),
    Mutant(
        name="logits shifted the other way",
        breaks="a causal model is asked for the word that it reads",
        file=f"{_AT}targets.py",
        old="return logits[..., :-1, :]",
        new="return logits[..., 1:, :]",
    ),
    Mutant(
        name="buffers not restored",
        breaks="a model's own buffers are not those of the state",
        file=f"{_AT}_state.py",
        old="        if key in state.own:\n",
        new="        if False:\n",
    ),
    Mutant(
        name="modes not put back",
        breaks="after an evaluation parts that the user froze train",
        file=f"{_AT}_modes.py",
        old="            module.training = mode\n",
        new="            pass\n",
    ),
    Mutant(
        name="parts in evaluation mode train",
        breaks="a part that the user put into evaluation mode goes into training mode",
        file=f"{_AT}_modes.py",
        old="        module.training = False\n",
        new="        pass\n",
    ),
    Mutant(
        name="a tied matrix is no embedding",
        breaks="a matrix tied between a head and an Embedding has the role of the first",
        file=f"{_AT}_named.py",
        old='kind=visit.kind if first.kind == "other" else first.kind,',
        new="kind=first.kind,",
    ),
    Mutant(
        name="labels reach the model",
        breaks="a model that computes a loss of its own does so in every pass",
        file=f"{_AT}_call.py",
        old='if n != "labels" and takes(n)}',
        new="if takes(n)}",
    ),
)
