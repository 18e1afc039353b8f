"""Faults of tasks: their data, initial weights and scores, and of what is written."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

MUTANTS = (
    Mutant(
        name="deviation of a sample",
        breaks="columns are divided by the deviation with n - 1",
        file="dualtrain/tasks/regression/_prepared.py",
        old="float(values.mean()), float(values.std())",
        new="float(values.mean()), float(values.std(ddof=1))",
    ),
    Mutant(
        name="an error in deviations",
        breaks="`mae` is not in the target's own unit",
        file="dualtrain/tasks/regression/_task.py",
        old='{"mae": float(abs(errors).mean()) * data.deviations[-1]}',
        new='{"mae": float(abs(errors).mean())}',
    ),
    Mutant(
        name="a padding that says something",
        breaks="the row of the padding begins at random",
        file="dualtrain/tasks/encoders/_initial.py",
        old="        values[config.pad_id] = 0.0\n",
        new="        pass\n",
    ),
    Mutant(
        name="a score that overflows",
        breaks="a held-out loss of logits beyond 709 is infinite",
        file="dualtrain/tasks/_classes.py",
        old="    shifted -= shifted.max(axis=-1, keepdims=True)\n",
        new="",
    ),
    Mutant(
        name="dropout stays on in parity",
        breaks="a parity run of a fresh model has masks",
        file="dualtrain/tasks/encoders/_task.py",
        old='model = self.model.model_copy(update={"dropout": 0.0})',
        new="model = self.model",
    ),
    Mutant(
        name="a digest without names",
        breaks="micro-batches with two inputs exchanged have one digest",
        file="dualtrain/data/_batches.py",
        old='f"{name} {type_name} {array.shape}"',
        new='f"{type_name} {array.shape}"',
    ),
    Mutant(
        name="weights without names",
        breaks="two tensors exchanged leave a run's digest as it is",
        file="dualtrain/trace/_digest.py",
        old='(f"{name} {weight_digest(array)}" for name, array in sorted(weights.items()))',
        new='sorted(f"{weight_digest(array)}" for name, array in weights.items())',
    ),
    Mutant(
        name="an end that does not count skips",
        breaks="a trace says that no update was skipped",
        file="dualtrain/training/observers/_recorder.py",
        old="skipped=self._run.skipped,",
        new="skipped=0,",
    ),
    Mutant(
        name="a run that is cut is done",
        breaks="a loop that is left early has a trace of a whole run",
        file="dualtrain/training/observers/_recorder.py",
        old="return DONE if self._run.is_over else f",
        new="return DONE if self._run.attempts else f",
    ),
    Mutant(
        name="sizes that contradict",
        breaks="a trace whose sizes are not those of its spec is read",
        file="dualtrain/trace/_consistency.py",
        old='if field.name not in ("spec", "decisions") and recorded != right:',
        new="if False:",
    ),
)
