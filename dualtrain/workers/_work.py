"""A worker: one side's job, done in a process of its own.

It may run in another interpreter, with only its own framework installed. What it reports goes to
standard output, and whatever the framework prints to standard error instead.
"""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path
from threading import Lock, Thread
from typing import Any, NoReturn, TextIO

from dualtrain.data import PreparedData
from dualtrain.errors import DualtrainError, OutputError, WorkerError
from dualtrain.files import reason
from dualtrain.lockstep import shown_file, write_shown
from dualtrain.outputs import clear_abandoned
from dualtrain.spec import Source, Spec
from dualtrain.trace import Evaluation, Header, Update
from dualtrain.training import Observer, follow_task, task_of, train
from dualtrain.workers._following import Scorer
from dualtrain.workers._talk import (
    Command,
    Done,
    Failed,
    Follow,
    Followed,
    Go,
    Job,
    Parent,
    Progressed,
    Ready,
    Showed,
    Standing,
    Step,
    Stop,
)

__all__ = ["main"]

PATIENCE = 0.5
"""Seconds in which it is seen whether a parent is gone, and its scratch folder with it."""

NICE = 5

_clearing = Lock()


class Stopped(Exception):
    """The parent wants no more of this run."""


class Reporter(Observer):
    """Tells the parent what happens, and makes no update that it was not told to make."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._done = 0
        self._owed: int | None = None

    def ready(self, header: Header) -> None:
        """Say so and stand."""
        self._parent.say(Ready(header))
        self._stand()

    def at_once(self) -> bool:
        """A side that is to stand must not run ahead of what it tells."""
        return self._owed is not None

    def updated(self, update: Update, total: int) -> None:
        """Say how far the run is, and stand where the parent wants it.

        Raises `WorkerError` after the last update of a run from which more was wanted.
        """
        self._done += 1
        self._parent.say(Progressed(self._done, total, update.loss))
        if self._owed is None:
            return
        self._owed -= 1
        if self._owed == 0:
            self._parent.say(Standing(self._done, total))
            self._stand()
        elif self._done == total:
            raise WorkerError(
                f"a step ends with the run's {total} updates at the latest. "
                f"Received: {self._owed} more"
            )

    def _stand(self) -> None:
        """Between two updates: raises `Stopped` if the parent does not want to go on."""
        match self._parent.hear():
            case Go():
                self._owed = None
            case Step(updates):
                self._owed = updates
            case command:
                _stop_or_refuse(command)


def main(job_file: str) -> int:
    """Do the job; 0 when done or stopped by the parent, 2 for what the user can mend."""
    scratch = Path(job_file).parent
    Thread(target=_end_with_parent, args=(scratch,), daemon=True).start()
    _make_way(Job.read(Path(job_file)))
    try:
        return _done(Path(job_file), Parent(sys.stdin, _claim_standard_output()))
    except (BrokenPipeError, Stopped):  # by a parent, or for want of one
        _clear_up(scratch)
        return 0


def _make_way(job: Job) -> None:
    """A side that is there for the floor alone leaves the cores to those that are waited for."""
    if job.nudge and hasattr(os, "nice"):
        os.nice(NICE)


def _done(job_file: Path, parent: Parent) -> int:
    try:
        _run(Job.read(job_file), parent)
    except OutputError as error:  # what is left of this run is the parent's, to be removed
        parent.say(Failed(error.problem))
        return 2
    except DualtrainError as error:
        parent.say(Failed(str(error)))
        return 2
    return 0


def _run(job: Job, parent: Parent) -> None:
    spec = Spec.model_validate_json(job.spec).located(Source.load(job.source))
    data = task_of(spec).load(Path(job.data))
    train(
        spec,
        job.backend,
        data=data,
        trace=Path(job.trace),
        output=Path(job.output),
        nudge=job.nudge,
        without_randomness=True,
        observer=Reporter(parent),
        states=Path(job.states) if job.every else None,
        every=job.every or 1,
    )
    parent.say(Done())
    if job.states:
        parent.say(Followed(_follow(job, spec, data, parent)))


def _follow(job: Job, spec: Spec, data: PreparedData[Any], parent: Parent) -> Evaluation | None:
    """Show what this side makes of the leading side's updates, as many as it is told to."""
    owed = _told_to_follow(parent)
    folder, scorer = Path(job.shown), Scorer()
    folder.mkdir()
    states = Path(job.states)
    for shown in follow_task(spec, job.backend, states=states, data=data, observer=scorer):
        while not owed:
            owed = _told_to_follow(parent)
        try:
            write_shown(shown_file(folder, shown.attempt), shown)
        except OSError as error:
            raise WorkerError(
                "what it shows of an update must be where files can be written. "
                f"Received: {reason(error)}"
            ) from None
        parent.say(Showed(shown.attempt))
        owed -= 1
    return scorer.evaluation


def _told_to_follow(parent: Parent) -> int:
    match parent.hear():
        case Follow(updates):
            return updates
        case command:
            _stop_or_refuse(command)


def _stop_or_refuse(command: Command) -> NoReturn:
    """Raises `Stopped` if the parent wants no more, `WorkerError` for what is not its turn."""
    if isinstance(command, Stop):
        raise Stopped
    raise WorkerError(f"it has no use for this now. Received: {command.say!r}")


def _end_with_parent(scratch: Path) -> None:
    """End this process, wherever it is, once the other end of standard input is closed.

    A parent that lives closes it when this process is done, or is to end, which it does by itself
    then. One that was killed can tell nobody, and leaves its scratch folder to its workers.
    """
    if not hasattr(select, "poll"):  # Windows
        return
    waiting = select.poll()
    waiting.register(sys.stdin, 0)  # told of a closed end alone
    waiting.poll()
    _clear_up(scratch)
    os._exit(0)


def _clear_up(scratch: Path) -> None:
    """Remove the scratch folder if its parent is gone; the other side may be about it already."""
    with _clearing:
        last = time.monotonic() + PATIENCE
        while not clear_abandoned(scratch) and scratch.exists() and time.monotonic() < last:
            time.sleep(0.05)


def _claim_standard_output() -> TextIO:
    """Keep file descriptor 1 for reports and point it at standard error for everybody else."""
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return reports
