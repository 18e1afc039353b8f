"""Faults of what is looked at while a run goes on: evaluations, callbacks, loggers, progress."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_AT = "dualtrain/training/"
_MONITOR = "dualtrain/plan/_monitor.py"
_LOG = "dualtrain/loggers/"

MUTANTS = (
    Mutant(
        name="early stop: one more of patience",
        breaks="a run ends one evaluation late, as by torch's plateau schedule",
        file=_MONITOR,
        old="stops.bad < self._stopping.patience",
        new="stops.bad <= self._stopping.patience",
    ),
    Mutant(
        name="early stop: no threshold upward",
        breaks="a metric to be maximised is better by any little",
        file=_MONITOR,
        old="is_better = value > self.best + self._threshold",
        new="is_better = value > self.best",
    ),
    Mutant(
        name="best: the last of equals",
        breaks="an equal metric counts as better",
        file=_MONITOR,
        old="is_better = value < self.best - self._threshold",
        new="is_better = value <= self.best - self._threshold",
    ),
    Mutant(
        name="best: of the weights, not their averages",
        breaks="what is kept is not what was evaluated",
        file=f"{_AT}run/_run.py",
        old="            with self.averaged():\n"
        "                self.best = self.backend.dump_weights(self.model)\n",
        new="            self.best = self.backend.dump_weights(self.model)\n",
    ),
    Mutant(
        name="an evaluation draws",
        breaks="dropout is another after an evaluation that drew random numbers",
        file=f"{_AT}turns/_evaluations.py",
        old="        with kept_random(run), run.averaged():\n",
        new="        with run.averaged():\n",
    ),
    Mutant(
        name="evaluated once more",
        breaks="a run that goes on from an evaluation makes it again",
        file=f"{_AT}turns/_evaluations.py",
        old="self._made = run.attempts if self.is_due() else -1",
        new="self._made = -1",
    ),
    Mutant(
        name="evaluated again at the end",
        breaks="a run whose last update was evaluated is evaluated twice",
        file=f"{_AT}turns/_evaluations.py",
        old="        if self._made != self._run.attempts:\n",
        new="        if True:\n",
    ),
    Mutant(
        name="late though it is over",
        breaks="a run that has made all of its updates says that its time was over",
        file=f"{_AT}turns/_time_limit.py",
        old="run.processes.said(run.is_late) and not run.is_over",
        new="run.processes.said(run.is_late)",
    ),
    Mutant(
        name="callbacks: told late",
        breaks="a callback that ends the run at once ends it some updates later",
        file=f"{_AT}observers/_callbacks.py",
        old="        return self._callback.at_once\n",
        new="        return False\n",
    ),
    Mutant(
        name="callbacks: before the trace",
        breaks="the update at which a callback breaks a run off is not in its trace",
        file=f"{_AT}observers/_recorder.py",
        old="                told += more  #",
        new="                told[:0] = more  #",
    ),
    Mutant(
        name="callbacks: an error when closed",
        breaks="a log that could not be closed is not told of",
        file=f"{_AT}observers/_callbacks.py",
        old="hidden = () if kind is None else (CallbackError,)",
        new="hidden = (CallbackError,)",
    ),
    Mutant(
        name="callbacks: closed only if all is well",
        breaks="what a callback has open stays so when the run breaks off",
        file=f"{_AT}observers/_callbacks.py",
        old="            opened.push(partial(_close, callback))\n",
        new="            opened.push(lambda k, *_, c=callback: None if k else _close(c, k))\n",
    ),
    Mutant(
        name="loggers: steps from 0",
        breaks="the first update is logged as step 0",
        file=f"{_LOG}_logger.py",
        old="step = update.attempt + 1",
        new="step = update.attempt",
    ),
    Mutant(
        name="loggers: every so many from the first",
        breaks="with `every` other updates are logged than those that it divides",
        file=f"{_LOG}_logger.py",
        old="if step % self._every == 0:",
        new="if update.attempt % self._every == 0:",
    ),
    Mutant(
        name="loggers: scores on the clock",
        breaks="a score stands at another step than the update before it, once one was skipped",
        file=f"{_LOG}_logger.py",
        old="self.log(run.attempts, values)",
        new="self.log(run.t, values)",
    ),
    Mutant(
        name="jsonl: the earlier log is gone",
        breaks="a run that goes on begins its log anew",
        file=f"{_LOG}_json_lines.py",
        old='self._path.open("a",',
        new='self._path.open("w",',
    ),
    Mutant(
        name="jsonl: behind a line that was cut",
        breaks="the first line of a run that goes on is lost with the one that a kill has cut",
        file=f"{_LOG}_json_lines.py",
        old="            if _is_cut(self._path):\n",
        new="            if not self._path.exists():\n",
    ),
    Mutant(
        name="jsonl: NaN",
        breaks="a line with a number that is none is no JSON",
        file=f"{_LOG}_json_lines.py",
        old="value if math.isfinite(value) else None",
        new="value",
    ),
    Mutant(
        name="tensorboard: nothing is closed",
        breaks="the last values stay in memory",
        file=f"{_LOG}_tensorboard.py",
        old="        self._writer.close()\n",
        new="        pass\n",
    ),
    Mutant(
        name="progress: from the begin",
        breaks="the bar of a run that goes on begins at 0",
        file="dualtrain/workers/_progress.py",
        old="self._bars.show(self._name, update.attempt + 1, total",
        new="self._bars.show(self._name, self.made, total",
    ),
    Mutant(
        name="progress: seconds an update",
        breaks="the rate is upside down",
        file="dualtrain/workers/_progress.py",
        old='f"{speed:.1f}/s"',
        new='f"{1 / speed:.1f}/s"',
    ),
    Mutant(
        name="progress: no time left",
        breaks="the total is never told, so that no end is foreseen",
        file="dualtrain/workers/_progress.py",
        old="completed=done, total=total, numbers",
        new="completed=done, total=None, numbers",
    ),
)
