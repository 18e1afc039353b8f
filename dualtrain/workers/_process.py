"""The sides' processes as their parent has them: started, told, heard, ended."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from dualtrain.errors import WorkerError
from dualtrain.files import reason
from dualtrain.workers._side import Side
from dualtrain.workers._signals import Signals
from dualtrain.workers._talk import (
    Command,
    Done,
    Failed,
    Followed,
    Job,
    Progressed,
    Ready,
    Report,
    Talk,
)

__all__ = ["Workers"]

LAST_LINES = 15
"""Of standard error, shown when a side dies."""

PATIENCE = 5.0
"""Seconds that a process is given to end by itself."""

R = TypeVar("R", bound=Report)


class Workers:
    """The processes of several sides; a context manager that leaves none behind.

    scratch: a folder for their jobs and logs.
    signals: asked, while the sides are waited for, whether the command is to end.
    """

    def __init__(self, scratch: Path, signals: Signals) -> None:
        self._scratch, self._signals = scratch, signals
        self._workers: dict[str, _Worker] = {}
        self._heard: SimpleQueue[tuple[str, Report]] = SimpleQueue()
        self._made: dict[str, float] = {}
        self._failures: dict[str, str] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for worker in self._workers.values():
            worker.leave(at_once=kind is not None)
        for worker in self._workers.values():
            worker.end()

    def start(self, side: Side, job: Job) -> None:
        """Start a side's process. Raises `WorkerError` for an interpreter that does not run."""
        self._workers[side.name] = _Worker(side, job, self._scratch, self._heard)

    def tell(self, command: Command, names: Iterable[str] | None = None) -> None:
        """Tell these sides, or all; each of them stands, or will."""
        for name in self._workers if names is None else names:
            self._workers[name].talk.say(command)

    def until(
        self, kind: type[R], progressed: Callable[[str, Progressed], None] | None = None
    ) -> dict[str, R]:
        """What each side says, by name, once all have said a report of this kind.

        progressed: told of every update on the way.

        Raises `WorkerError`, which names the side, for one that failed.
        """
        answers: dict[str, R] = {}
        while answers.keys() != self._workers.keys():
            name, report = self.hear()
            if isinstance(report, kind):
                answers[name] = report
            elif not isinstance(report, Progressed):
                self.fail(name, f"it must say {kind.__name__.lower()!r} next", report)
            elif progressed is not None:
                progressed(name, report)
        return answers

    def hear(self) -> tuple[str, Report]:
        """What a side says next, and which it is.

        Raises `WorkerError`, which names the side, for one that failed.
        """
        while True:
            name, report = self._next()
            match report:
                case Ready():
                    self._made[name] = 0
                case Progressed(made):
                    self._made[name] = made
                case Done() if name in self._made:
                    self._made[name] = math.inf
                case Failed(message):
                    self._failures[name] = message
            self._raise_first()
            if not isinstance(report, Failed):
                return name, report

    def fail(self, name: str, rule: str, received: Report) -> None:
        """Raises `WorkerError` for a side that says what is not its turn."""
        self._failures[name] = f"{rule}. Received: {received.say!r}"
        self._raise_first()

    def _next(self) -> tuple[str, Report]:
        while True:
            self._signals.act()
            try:
                return self._heard.get(timeout=0.1)
            except Empty:
                pass

    def _raise_first(self) -> None:
        """One that is another side again fails as that one will, which then says so itself: it is
        waited for until it has come farther.
        """
        for name, message in self._failures.items():
            side = self._workers[name].side
            if side.again is not None and self._reached(side.again) <= self._reached(name):
                continue
            what = "failed" if name in self._made else "could not start"
            raise WorkerError(f"{side} {what}: {message}")

    def _reached(self, name: str) -> float:
        """Updates that a side has made; -1 before it stands at the first."""
        return self._made.get(name, -1)


class _Worker:
    """A side's process, and the thread that hears it."""

    def __init__(
        self, side: Side, job: Job, scratch: Path, heard: SimpleQueue[tuple[str, Report]]
    ) -> None:
        self.side = side
        self._heard = heard
        self._last = Followed if job.states else Done
        python = str(side.python or sys.executable)
        self._log = scratch / f"{side.name}.log"
        job_file = scratch / f"{side.name}.job.json"
        job.write(job_file)
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [python, "-m", "dualtrain.workers", str(job_file)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                    env=_environment(),
                    start_new_session=True,  # ended as one, with what a script started for it
                )
        except OSError as error:
            raise WorkerError(
                f"{side} needs a Python interpreter that runs. "
                f"Received: {python!r} ({reason(error)})"
            ) from None
        assert self._process.stdin is not None and self._process.stdout is not None
        self.talk = Talk(self._process.stdin, self._process.stdout)
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        last: Report | None = None
        try:
            for last in self.talk.reports():
                self._heard.put((self.side.name, last))
        except WorkerError as error:
            self._heard.put((self.side.name, Failed(str(error))))
            return
        if not isinstance(last, self._last | Failed):
            status = self._process.wait()
            message = f"exit status {status}\n{self._last_lines()}"
            self._heard.put((self.side.name, Failed(message)))

    def _last_lines(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-LAST_LINES:])

    def leave(self, *, at_once: bool) -> None:
        """Let it end by itself, which a side that stands does; or make it end, wherever it is."""
        if at_once:
            self._kill("SIGTERM")
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def end(self) -> None:
        """Wait for its end, but not for long."""
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._kill("SIGKILL")
        self._reader.join(PATIENCE)
        with self._process:
            pass  # waits for it and closes its pipes

    def _kill(self, name: str) -> None:
        """The process and all that it started; Windows has no groups to end, nor these signals."""
        if self._process.poll() is None and hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, getattr(signal, name))
        else:
            self._process.kill()


def _environment() -> dict[str, str]:
    """Ours, with one thread for each side: the sides share the cores, and sums keep their order."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**os.environ, **threads}
