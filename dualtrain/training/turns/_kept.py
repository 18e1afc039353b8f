"""A run with a folder for its checkpoints: where it goes on, and what that asks of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dualtrain.checkpoints import Checkpoint, Keeper, Listed, changed, keeping
from dualtrain.errors import (
    CheckpointError,
    OutputError,
    PlanError,
    SpecError,
    TraceError,
    TrainingWarning,
)
from dualtrain.listing import listed
from dualtrain.spec import Spec
from dualtrain.trace import Header, TraceMark, differing_files, header_of_rows
from dualtrain.training.processes import Processes
from dualtrain.training.run._checkpoint import go_on
from dualtrain.training.run._generators import is_kept
from dualtrain.training.run._header import continued, describe
from dualtrain.training.run._run import Run
from dualtrain.training.turns._checkpoints import Checkpoints, Stop
from dualtrain.training.turns._time_limit import TimeLimit
from dualtrain.training.turns._turn import Turn
from dualtrain.world import ALONE, World

__all__ = ["Kept", "kept_in"]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a run keeps of itself while it goes on, and from where it goes on; see `kept_in`."""

    trace: Path | None
    """Where its trace is written, if anywhere."""
    rows: TraceMark | None = None
    """What the trace begins with, of a run that goes on."""
    keeper: Keeper | None = None
    stop: Stop | None = None
    is_asked: bool = False
    """Whether it is to go on from the folder, if there is a checkpoint."""
    is_free: bool = False
    """Whether spec, data and code may be others than those that the run began with."""

    @property
    def resumed(self) -> Checkpoint | None:
        """The checkpoint that the run goes on from; None of one that begins."""
        return None if self.keeper is None else self.keeper.last

    def shared(self, processes: Processes) -> Kept:
        """The first process's, as each of several has it: that one alone writes."""
        if not processes.are_several:
            return self
        keeper = self.keeper
        known = (keeper.folder, keeper.path, keeper.last) if keeper else None
        known, trace, rows, stops, is_free = processes.told(
            (known, self.trace, self.rows, self.stop is not None, self.is_free)
        )
        if processes.world.leads:
            return self
        silent = None if known is None else Listed(*known)
        return replace(
            self,
            trace=trace,
            rows=rows,
            keeper=silent,
            stop=self.stop if stops else None,
            is_free=is_free,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user must know of where the run stands."""
        if self.keeper is None or not self.is_asked:
            return ()
        if self.resumed is None:
            return (f"no checkpoint is in {self.keeper.folder}: the run begins",)
        return (f"goes on after {self.resumed.made} updates, from {self.keeper.path}",)

    def stand(self, run: Run) -> Header | None:
        """Let a run that has not begun stand where it goes on; the header of its trace.

        Of several processes the first one reads the old header, which the others may not have.
        Raises `CheckpointError` where it would go on with other data or code than it began with.
        """
        resumed = self.resumed
        assert resumed is not None, "the run goes on from a checkpoint"
        now = run.plan.micro_batches_per_epoch
        if resumed.micro_batches != now:
            raise CheckpointError(
                "a run must go on with the data that it began with: an epoch had "
                f"{resumed.micro_batches} micro-batches. Received: {now}"
            )
        if resumed.data != run.data_digest and not self.is_free:
            raise CheckpointError(
                "a run must go on with the data that it began with: give the files what they had, "
                f"or allow the change. Received: data of the digest {run.data_digest}, not "
                f"{resumed.data}"
            )
        others = differing_files(resumed.code, run.code)
        if others:
            told = (
                "a run must go on with the code that it began with: give the files what they had, "
                f"or allow the change. Received: another {listed(others)}"
            )
            if not self.is_free:
                raise CheckpointError(told)
            warnings.warn(f"the run goes on with another {listed(others)}", TrainingWarning, 3)
        go_on(run, resumed)
        if self.rows is None:
            return None
        header = describe(run)  # in every process: each may hold a part
        return continued(header, self.rows) if run.processes.world.leads else header

    def turns(self, run: Run) -> list[Turn]:
        """What is done between two updates after all else."""
        last: list[Turn] = [TimeLimit(run)]
        if self.keeper is not None:
            last.append(Checkpoints(run, self.keeper, self.stop))
            if not all(map(is_kept, run.generators)):
                told = (
                    "the loader draws from a generator of its own whose state cannot be kept: a "
                    "run that goes on has other batches. One of torch's can, and so can the random "
                    "numbers of Python, numpy and the frameworks"
                )
                warnings.warn(told, TrainingWarning, stacklevel=3)
        return last


@contextmanager
def kept_in(
    folder: Path | str | None,
    spec: Spec | None,
    *,
    resume: bool,
    allow_spec_change: bool,
    world: World = ALONE,
    stop: Stop | None = None,
    trace: Path | str | None = None,
    output: Path | str | None = None,
    states: Path | str | None = None,
) -> Iterator[Kept]:
    """What a run keeps in a folder, for as long as the block runs; the arguments are `fit`'s.

    spec: None for that of the checkpoint. world: the first process of several opens the folder; of
    the others `Kept.shared` says what it found.
    Raises `OutputError` for a folder that is not the run's, `SpecError` with each field in which
    the spec is not the checkpoint's, `TraceError` for a trace that would have a gap.
    """
    if not world.leads:
        yield Kept(trace=None, stop=stop)
        return
    if folder is None:
        for name, given in (("resume", resume), ("stop", stop is not None)):
            if given:
                raise PlanError(f"{name} needs checkpoints, a folder. Received: none")
        yield Kept(trace=None if trace is None else Path(trace))
        return
    if output is not None and _same(folder, output):
        raise OutputError(
            f"{folder}: checkpoints must have a folder of their own: choose another. Received: the "
            "output"
        )
    with keeping(folder, resume=resume) as keeper:
        resumed = keeper.last
        if resumed is not None:
            if spec is not None and not allow_spec_change:
                problems = changed(resumed.spec, spec)
                if problems:
                    raise SpecError(problems)
            if states is not None:
                raise PlanError(
                    "states are those of a run from its first update: leave them out. "
                    f"Received: a run that goes on after {resumed.made}"
                )
        place, rows = _trace_of(trace, resumed, Path(folder))
        words: dict[str, Any] = {"is_asked": resume, "is_free": allow_spec_change}
        yield Kept(trace=place, rows=rows, keeper=keeper, stop=stop, **words)


def _trace_of(
    trace: Path | str | None, resumed: Checkpoint | None, folder: Path
) -> tuple[Path | None, TraceMark | None]:
    """Where a run writes its trace, and the rows that it begins with, of one that goes on.

    That is its own trace where no other is named; one that was moved may be named, too. The trace
    of checkpoints that stand in another folder than they were written to is to be named: they may
    be a copy, and the trace another run's by now.
    """
    given = None if trace is None else Path(trace)
    if resumed is None:
        return given, None
    rows = resumed.trace
    if rows is None:
        if given is not None:
            raise TraceError(
                f"{given}: a trace has a run's updates from its first: leave it out, for the "
                "checkpoint is of a run without one. Received: a run that goes on after "
                f"{resumed.made}"
            )
        return None, None
    if given is None and not Path(rows.file).exists():
        told = (
            f"the trace {rows.file} is gone: the run goes on without one. If it was moved, name it"
        )
        warnings.warn(told, TrainingWarning, stacklevel=4)
        return None, None
    if given is None and resumed.place is not None and not _same(folder, resumed.place):
        raise TraceError(
            f"{folder}: its checkpoints were written to {resumed.place}: name the trace of the run "
            f"that goes on (trace), a new one or the old one. Received: none, and {rows.file} is "
            "there"
        )
    place = Path(rows.file) if given is None else given
    if place.exists() and not _same(place, rows.file):
        try:
            header_of_rows(place, rows)
        except TraceError:  # another trace, which this one replaces
            return place, rows
        return place, replace(rows, file=str(place.absolute()))
    return place, rows


def _same(a: Path | str, b: Path | str) -> bool:
    return Path(a).resolve() == Path(b).resolve()
