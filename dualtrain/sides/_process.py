"""A worker seen from the parent: start it, hear its events, let it go, end it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from pydantic import ValidationError

from dualtrain import __version__
from dualtrain.errors import WorkerError
from dualtrain.trace import Header, header_from_json
from dualtrain.worker import Job

__all__ = ["Done", "Event", "Failed", "Progressed", "Ready", "Worker"]


@dataclass(frozen=True)
class Ready:
    """A side stands before its first update."""

    side: str
    header: Header


@dataclass(frozen=True)
class Progressed:
    """A side has made some updates."""

    side: str
    done: int
    total: int
    loss: float


@dataclass(frozen=True)
class Done:
    """A side has finished and its files are written."""

    side: str


@dataclass(frozen=True)
class Failed:
    """A side has ended before it was done."""

    side: str
    message: str


Event = Ready | Progressed | Done | Failed

LAST_LINES = 15
"""Of standard error, shown when a side dies."""


class Worker:
    """A side's process; a context manager that leaves none behind.

    events: where its events go, as they come.
    """

    def __init__(
        self, side: str, job: Job, python: str | Path, scratch: Path, events: SimpleQueue[Event]
    ) -> None:
        self.side = side
        self._events = events
        self._log = scratch / f"{side}.log"
        job_file = scratch / f"{side}.job.json"
        job.write(job_file)
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [str(python), "-m", "dualtrain.worker", str(job_file)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                    env=_environment(),
                )
        except OSError as error:
            raise WorkerError(
                f"the {side} side needs a Python interpreter that runs. "
                f"Received: {str(python)!r} ({error.strerror})"
            ) from None
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._process.terminate()
        assert self._process.stdin is not None
        self._process.stdin.close()  # a side that still waits for "go" ends by itself
        self._reader.join()
        with self._process:
            pass  # waits for it and closes its pipes

    def go(self) -> None:
        """Let a ready side begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        ended = False
        for line in self._process.stdout:
            event = self._event(line)
            if event is not None:
                ended = isinstance(event, Done | Failed)
                self._events.put(event)
        if not ended:
            status = self._process.wait()
            self._events.put(Failed(self.side, f"exit status {status}\n{self._last_lines()}"))

    def _event(self, line: str) -> Event | None:
        """None for what is no event: a script around the interpreter prints, a killed side's last
        line is cut short."""
        try:
            message = json.loads(line)
        except ValueError:
            return None
        match message:
            case {"event": "ready", "header": header}:
                return self._ready(header)
            case {"event": "progress", "done": done, "total": total, "loss": loss}:
                return Progressed(self.side, done, total, loss)
            case {"event": "done"}:
                return Done(self.side)
            case {"event": "error", "message": text}:
                return Failed(self.side, text)
            case _:
                return None

    def _ready(self, header: object) -> Ready | Failed:
        try:
            return Ready(self.side, header_from_json(json.dumps(header)))
        except ValidationError as error:
            place = ".".join(map(str, error.errors()[0]["loc"]))
            return Failed(
                self.side,
                f"both sides need the same version of dualtrain, {__version__}. "
                f"Received: a header whose {place!r} is not of this one",
            )

    def _last_lines(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-LAST_LINES:])


def _environment() -> dict[str, str]:
    """Ours, with one thread for each side: the sides share the cores, and sums keep their order."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**os.environ, **threads}
