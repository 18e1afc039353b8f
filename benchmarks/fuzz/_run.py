"""Mutants judged in child processes, so that a crash, a hang or a flood of memory ends there."""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fuzz._kind import Judgement, Kind, judged, mutant_of

__all__ = ["Result", "Tally", "run"]

SECONDS = 10
"""What a mutant may take, beside waiting for a processor."""
PATIENCE = 6
"""So many times as long without a word, and a process is killed."""
MEMORY = 2**29
"""Bytes of address space above what the process has when it begins."""
BATCH = 100
"""Mutants of one child."""


@dataclass(frozen=True)
class Result:
    """One mutant, judged."""

    index: int
    told: str
    verdict: str
    faults: tuple[str, ...]


@dataclass
class Tally:
    """What the mutants of a kind came to."""

    verdicts: Counter[str] = field(default_factory=Counter)
    faulty: list[Result] = field(default_factory=list)

    def take(self, result: Result) -> None:
        """Count one."""
        self.verdicts[result.verdict] += 1
        if result.faults:
            self.faulty.append(result)


def run(
    kind: Kind, originals: Path, *, seed: int, first: int, count: int, scratch: Path
) -> Iterator[Result]:
    """Judge the mutants `first` ... `first + count - 1`; those with faults stay in `scratch`."""
    index, end = first, first + count
    while index < end:
        for result in _batch(kind, originals, seed, range(index, min(end, index + BATCH)), scratch):
            yield result
            index = result.index + 1


def _batch(
    kind: Kind, originals: Path, seed: int, indices: range, scratch: Path
) -> Iterator[Result]:
    """The results of one child; if it dies, the last is of the mutant that killed it."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            with os.fdopen(writing, "w", encoding="utf-8") as tell, _silence():
                _child(kind, originals, seed, indices, scratch, tell)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    judged_to = indices.start - 1
    try:
        for line in _lines(reading):
            result = Result(**json.loads(line))
            judged_to = result.index
            yield result
    except TimeoutError:
        os.kill(child, signal.SIGKILL)
    finally:
        os.close(reading)
        _, status = os.waitpid(child, 0)
    if judged_to < indices.stop - 1:
        lost = judged_to + 1
        how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "an exit"
        told = f"its process ended by {how}: a hang, or a crash in native code"
        yield Result(lost, f"see {scratch / str(lost)}", "lost", (told,))


def _lines(reading: int) -> Iterator[bytes]:
    """What a child says, line by line. Raises `TimeoutError` where it says nothing for too long."""
    rest = b""
    while True:
        ready, _, _ = select.select([reading], [], [], PATIENCE * SECONDS)
        if not ready:
            raise TimeoutError
        read = os.read(reading, 65536)
        if not read:
            return
        *lines, rest = (rest + read).split(b"\n")
        yield from lines


@contextmanager
def _silence() -> Iterator[None]:
    """What native code prints for itself goes nowhere."""
    kept = {number: os.dup(number) for number in (1, 2)}
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        for number in kept:
            os.dup2(nowhere.fileno(), number)
    try:
        yield
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)


class Hang(BaseException):
    """A mutant takes too long; no `Exception`, so that nobody takes it for his own."""


def _child(
    kind: Kind, originals: Path, seed: int, indices: range, scratch: Path, tell: Any
) -> None:
    limit = _address_space() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for index in indices:
        folder = scratch / str(index)
        shutil.rmtree(folder, ignore_errors=True)
        mutant = mutant_of(kind, originals, seed, index, folder)
        judgement = within_limits(lambda: judged(kind, mutant.original, mutant.folder))  # noqa: B023
        if not judgement.faults:
            shutil.rmtree(folder)
        said = (index, mutant.told, judgement.verdict, judgement.faults)
        named = dict(zip(("index", "told", "verdict", "faults"), said, strict=True))
        print(json.dumps(named), file=tell, flush=True)


def within_limits(judge: Callable[[], Judgement]) -> Judgement:
    """The judgement, or what kept it from being made."""
    waited = _waited()

    def alarm(number: int, frame: Any) -> None:
        nonlocal waited
        before, waited = waited, _waited()
        if waited - before < 1:
            raise Hang
        signal.alarm(int(waited - before))

    signal.signal(signal.SIGALRM, alarm)
    signal.alarm(SECONDS)
    try:
        return judge()
    except Hang:
        return Judgement("hang", (f"no answer within {SECONDS} seconds\n{_last()}",))
    except MemoryError:
        return Judgement("memory", (f"out of memory\n{_last()}",))
    except BaseException:  # a panic in Rust is no `Exception`
        return Judgement("fault", (f"the oracle could not judge\n{_last()}",))
    finally:
        signal.alarm(0)


def _last() -> str:
    return "".join(traceback.format_exc().splitlines(keepends=True)[-14:])


def _waited() -> float:
    """Seconds for which this process could have run and others did, as far as Linux tells."""
    try:
        return int(Path("/proc/self/schedstat").read_text(encoding="utf-8").split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    return pages * resource.getpagesize()
