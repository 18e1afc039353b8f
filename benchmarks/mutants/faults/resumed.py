"""Faults of going on: what a state lacks, in the same framework or the other, and what is taken."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_AT = "dualtrain/training/"
_FOLDER = "dualtrain/checkpoints/"

MUTANTS = (
    Mutant(
        name="going on: skips are forgotten",
        breaks="the end of a run that went on tells of too few skipped updates",
        file=f"{_AT}run/_state.py",
        old="run.skipped, run.attempts = state.skipped, state.attempts",
        new="run.attempts = state.attempts",
    ),
    Mutant(
        name="going on: the best is forgotten",
        breaks="a run that went on behind its best evaluation has no best weights",
        file=f"{_AT}run/_state.py",
        old="    run.best = state.best\n",
        new="",
    ),
    Mutant(
        name="going on: patience begins anew",
        breaks="a run that went on stops late",
        file="dualtrain/plan/_monitor.py",
        old="self.at, self.bad = state.at, state.bad",
        new="self.at = state.at",
    ),
    Mutant(
        name="going on: averages begin anew",
        breaks="the averages of a run that went on are its weights then",
        file=f"{_AT}run/_state.py",
        old="weights = {**tensors.weights, **state.averages}",
        new="weights = {**state.averages, **tensors.weights}",
    ),
    Mutant(
        name="going on: the plateau begins anew",
        breaks="a run that went on has its first rate again",
        file=f"{_AT}run/_state.py",
        old="        run.plateau.restore(state.plateau)\n",
        new="        pass\n",
    ),
    Mutant(
        name="going on: another's own state",
        breaks="a framework takes random state and powers that only the other can read",
        file=f"{_AT}run/_state.py",
        old="        tensors = replace(tensors, own={})\n",
        new="        pass\n",
    ),
    Mutant(
        name="going on: by the other data",
        breaks="data files that have changed are gone on with, and nobody is told",
        file=f"{_AT}turns/_kept.py",
        old="if resumed.data != run.data_digest and not self.is_free:",
        new="if resumed.data is None and run.data_digest and not self.is_free:",
    ),
    Mutant(
        name="going on: another duration",
        breaks="a run goes on to another number of epochs, on another curve, and nobody is told",
        file=f"{_FOLDER}_changed.py",
        old='(("duration", "time_limit"),',
        new='(("duration",),',
    ),
    Mutant(
        name="going on: initial weights of then",
        breaks="the output of a run that went on has a checkpoint's weights for initial ones",
        file=f"{_AT}observers/_recorder.py",
        old="        if self._rows is None:\n            self._save(INITIAL_WEIGHTS)",
        new="        if self._rows is None or self._draft is not None:\n"
        "            self._save(INITIAL_WEIGHTS)",
    ),
    Mutant(
        name="going on: rows counted from 0",
        breaks="what is left of a run that went on is told with too few updates",
        file=f"{_AT}observers/_recorder.py",
        old="self._written = 0 if rows is None else rows.updates",
        new="self._written = 0",
    ),
    Mutant(
        name="paddle: its powers rounded anew",
        breaks="Paddle goes on with a bias correction that is not to the bit its own",
        file="backends/dualtrain_paddle/state.py",
        old='exact = state.own.get(f"power/{native}/{f.name}")',
        new="exact = None",
    ),
    Mutant(
        name="paddle: a rule's first update again",
        breaks="a rule that is computed here goes on as after its first update",
        file="backends/dualtrain_paddle/state.py",
        old='int(state.optimizer[f.name].get("step", 1))',
        new="1",
    ),
    Mutant(
        name="a checkpoint.json that was edited",
        breaks="a number that somebody changed by hand is gone on with",
        file=f"{_FOLDER}_files.py",
        old='if signed["sha256"] != _sha256(told):',
        new='if len(signed["sha256"]) != len(_sha256(told)):',
    ),
    Mutant(
        name="a checkpoint that is not synced",
        breaks="after a power cut a checkpoint has its name and not its files",
        file=f"{_FOLDER}_files.py",
        old="        _sync(draft)\n",
        new="",
    ),
    Mutant(
        name="a name that is not synced",
        breaks="after a power cut the older checkpoints are gone and the new one is, too",
        file=f"{_FOLDER}_files.py",
        old="        _sync(folder)\n",
        new="",
    ),
    Mutant(
        name="one too many is kept",
        breaks="`checkpoint.keep: 2` leaves three",
        file=f"{_FOLDER}_keeper.py",
        old="one in self._kept[-keep:]]",
        new="one in self._kept[-keep - 1 :]]",
    ),
    Mutant(
        name="two runs in one folder",
        breaks="a second run removes the checkpoints of the first",
        file=f"{_FOLDER}_keeper.py",
        old="    with locked(folder, _WHAT):\n",
        new="    with locked(None, _WHAT):\n",
    ),
    Mutant(
        name="damaged ones stay",
        breaks="a checkpoint that is damaged stays for good, and is warned of at each resume",
        file=f"{_FOLDER}_keeper.py",
        old="{*self._damaged, *self._kept}",
        new="{*self._kept}",
    ),
)
