"""One side of a parity run, in a process of its own: `python -m dualtrain.worker JOB.json`.

It may run in another interpreter, with only its own framework installed. Events go to the parent
as JSON lines on standard output (whatever the framework prints goes to standard error instead):

    {"event": "ready", "header": {...}}       then it waits for the line "go" on standard input
    {"event": "progress", "done": 3, "total": 60, "loss": 1.2}
    {"event": "done"}  or  {"event": "error", "message": "..."}  for what the user can mend
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from dualtrain.errors import DualtrainError
from dualtrain.spec import Source, Spec
from dualtrain.trace import Header, Update, header_to_json
from dualtrain.training import Observer, task_of, train

__all__ = ["Job", "main"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker is to do; paths are absolute."""

    backend: str
    spec: str
    """The spec, as JSON."""
    source: dict[str, Any]
    """Where the spec was found: `Source.dump`, its folder absolute. Refusals name file and line."""
    data: str
    """The folder of the prepared data."""
    trace: str
    output: str
    nudge: bool = False

    def write(self, path: Path) -> None:
        """Write the job for `python -m dualtrain.worker PATH`."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Job:
        """The job that `write` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


class Stopped(Exception):
    """The parent closed our standard input instead of saying "go"."""


class Reporter(Observer):
    """Tells the parent what happens, and waits for its "go" before the first update."""

    def __init__(self, events: TextIO) -> None:
        self._events = events
        self._done = 0

    def ready(self, header: Header) -> None:
        """Send the header; raises `Stopped` if the parent does not want to go on."""
        self.send(event="ready", header=json.loads(header_to_json(header)))
        if sys.stdin.readline().strip() != "go":
            raise Stopped

    def updated(self, update: Update, total: int) -> None:
        """Send how far the run is."""
        self._done += 1
        self.send(event="progress", done=self._done, total=total, loss=update.loss)

    def send(self, **event: Any) -> None:
        """One line to the parent."""
        print(json.dumps(event), file=self._events, flush=True)


def main(job_file: str) -> int:
    """Do the job; 0 when done or stopped by the parent, 2 for what the user can mend."""
    reporter = Reporter(_claim_standard_output())
    job = Job.read(Path(job_file))
    try:
        _run(job, reporter)
    except Stopped:
        return 0
    except DualtrainError as error:
        reporter.send(event="error", message=str(error))
        return 2
    reporter.send(event="done")
    return 0


def _run(job: Job, reporter: Reporter) -> None:
    spec = Spec.model_validate_json(job.spec).located(Source.load(job.source))
    train(
        spec,
        job.backend,
        data=task_of(spec).load(Path(job.data)),
        trace=Path(job.trace),
        output=Path(job.output),
        nudge=job.nudge,
        observer=reporter,
    )


def _claim_standard_output() -> TextIO:
    """Keep file descriptor 1 for events and point it at standard error for everybody else."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return events


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
