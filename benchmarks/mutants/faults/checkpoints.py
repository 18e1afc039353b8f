"""Faults of checkpoints, and of a run that goes on from one."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_KEPT, _AT = "dualtrain/checkpoints/", "dualtrain/training/"

MUTANTS = (
    Mutant(
        name="the older ones first",
        breaks="a kill while saving leaves no checkpoint at all",
        file=f"{_KEPT}_keeper.py",
        old="            path = write(self.folder, checkpoint)\n",
        new="            for old in self._kept:\n"
        "                shutil.rmtree(old, ignore_errors=True)\n"
        "            path = write(self.folder, checkpoint)\n",
    ),
    Mutant(
        name="arrays that nobody checks",
        breaks="a run goes on from weights that the disk has changed",
        file=f"{_KEPT}_files.py",
        old='        _check_whole(file, told["files"][_ARRAYS])\n',
        new="",
    ),
    Mutant(
        name="a document that nobody checks",
        breaks="a run goes on from a clock or a spec that the disk has changed",
        file=f"{_KEPT}_files.py",
        old='if signed["sha256"] != _sha256(told):',
        new='if not signed["sha256"]:',
    ),
    Mutant(
        name="another seed is no change",
        breaks="a run goes on with another seed, and nobody is told",
        file=f"{_KEPT}_changed.py",
        old='("checkpoint",), ("device",)',
        new='("checkpoint",), ("device",), ("seed",)',
    ),
    Mutant(
        name="the epoch's random numbers are those of now",
        breaks="a loader that shuffles gives another epoch than the one that was left",
        file=f"{_AT}run/_checkpoint.py",
        old="epoch_random=run.epoch_random,",
        new="epoch_random=random_of(run),",
    ),
    Mutant(
        name="the epoch from its begin",
        breaks="what the epoch has used before is used again",
        file=f"{_AT}loop/_drawn.py",
        old="for _ in range(run.micro_batch):",
        new="for _ in range(0 * run.micro_batch):",
    ),
    Mutant(
        name="random numbers of the way there",
        breaks="dropout goes on from what passing over the data has drawn",
        file=f"{_AT}loop/_drawn.py",
        old="    set_random(run, now)\n",
        new="",
    ),
    Mutant(
        name="the loader's own generator anew",
        breaks="a loader with a generator of its own repeats its first epochs",
        file=f"{_AT}run/_random.py",
        old='    set_states(generators, _under("loader", states))\n',
        new="",
    ),
    Mutant(
        name="numpy's numbers anew",
        breaks="what numpy draws is not what it would have drawn",
        file=f"{_AT}run/_random.py",
        old='if "numpy/keys" in states:',
        new='if "numpy" in states:',
    ),
    Mutant(
        name="each process has the whole time",
        breaks="a time limit begins anew with each resume",
        file=f"{_AT}run/_checkpoint.py",
        old="run.seconds_before = checkpoint.seconds",
        new="run.seconds_before = 0.0 * checkpoint.seconds",
    ),
    Mutant(
        name="a checkpoint before the evaluation",
        breaks="an evaluation of the last update is lost to early stopping",
        file=f"{_AT}sides/_fit.py",
        old="turns += kept.turns(run)",
        new="turns = [*kept.turns(run), *turns]",
    ),
    Mutant(
        name="rows of a trace that nobody checks",
        breaks="a trace with rows of another run goes on",
        file="dualtrain/trace/_mark.py",
        old="if digest.hexdigest() != mark.sha256:",
        new="if not digest.hexdigest():",
    ),
    Mutant(
        name="a second signal waits, too",
        breaks="a run that does not end an update cannot be ended",
        file="dualtrain/cli/_leaving.py",
        old="if self._waiting is not None or not self._is_on:",
        new="if not self._is_on:",
    ),
    Mutant(
        name="signals that an import takes",
        breaks="Paddle ends a run by SIGTERM, and nothing is saved",
        file="dualtrain/cli/_leaving.py",
        old="                signal.signal(number, self._arrived)\n            self._is_on",
        new="                signal.getsignal(number)\n            self._is_on",
    ),
)
