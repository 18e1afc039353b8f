"""Several processes of one run, by forking after one import: a launcher would import in each."""

from __future__ import annotations

import os
import random
import re
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np

from dualtrain.backend import Backend
from dualtrain.parity import compare_files
from dualtrain.trace import read_trace
from dualtrain.world import World

__all__ = [
    "SPLITS",
    "check_alike",
    "check_named",
    "ended",
    "forked",
    "forked_as_one",
    "statuses_of",
]

SPLITS = {"torch": "full", "paddle": "optimizer"}
"""What each framework splits on the CPU."""
LIMIT = 120.0
"""Seconds; a process that hangs must not hang the tests."""
LEFT = 10.0
"""Seconds in which what the processes have started must end after them."""


def forked(size: int, work: Callable[[], object]) -> None:
    """Do the work in as many processes as if torchrun had started them.

    Raises `AssertionError` with the statuses of all if one fails; errors are printed.
    """
    statuses = statuses_of(size, work)
    assert statuses == [0] * size, statuses


def forked_as_one(backend: Backend, size: int, works: Sequence[Callable[[], object]]) -> None:
    """Do one work after another in the same processes, whose group is made once for all.

    Raises `AssertionError` as `forked` does.
    """

    def begun() -> None:
        backend.join(World.of(os.environ), backend.open_device("cpu"))
        for work in works:
            work()
        backend.leave()

    forked(size, begun)


def statuses_of(
    size: int,
    work: Callable[[], object],
    *,
    limit: float = LIMIT,
    **environment: str,
) -> list[int | None]:
    """The status of each process, minus the signal that ended it; None of one that was left.

    limit: seconds after which those that are left are killed.
    """
    port = _port(size)
    children = [_child(rank, size, port, work, environment) for rank in range(size)]
    statuses: dict[int, int | None] = dict.fromkeys(children)
    end = time.monotonic() + limit
    while None in statuses.values() and time.monotonic() < end:
        for child, status in statuses.items():
            if status is None:
                found, ended = os.waitpid(child, os.WNOHANG)
                statuses[child] = os.waitstatus_to_exitcode(ended) if found else None
        time.sleep(0.01)
    for child, status in statuses.items():
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return list(statuses.values())


def ended(
    size: int, work: Callable[[], object], *, limit: float = LIMIT, **environment: str
) -> tuple[list[int | None], str]:
    """The status of each process, and what they and all that they started wrote as errors.

    Raises `AssertionError` if any of them, or of what they started, is there after `limit` seconds.
    """
    read, write = os.pipe()

    def begun() -> None:
        os.dup2(write, 2)
        os.close(write)
        os.close(read)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        work()

    statuses = statuses_of(size, begun, limit=limit, **environment)
    os.close(write)
    told = b""
    with os.fdopen(read, "rb", buffering=0) as errors:
        while True:
            assert select.select([errors], [], [], LEFT)[0], f"someone is left: {told.decode()}"
            if not (part := errors.read(1 << 16)):
                break
            told += part
    assert None not in statuses, (statuses, told)
    return statuses, told.decode()


def check_named(told: str, size: int, sentence: str) -> None:
    """Every other process names process 1, itself or by its sentinel, and none another."""
    named = re.findall(rf"process (\d) of {size} \(\S+, \d+\) (has .*)", told)
    assert len(re.findall(rf": process 1 of {size} \(", told)) >= size - 1, told
    for rank, what in named:
        assert rank == "1", told
        assert what.startswith(sentence), told


def check_alike(folder: Path, size: int, name: str = "shared") -> None:
    """The run `name` against `alone`: traces and outputs; size: its processes at first."""
    files = [folder / f"{one}.jsonl" for one in ("alone", name)]
    compared = compare_files(*files)
    assert compared.agrees, compared
    alone, shared = map(read_trace, files)
    assert shared.header.plan is not None
    assert shared.header.plan.world_size == size
    assert [u.lr for u in shared.updates] == [u.lr for u in alone.updates]
    assert [u.batches for u in shared.updates] == [u.batches for u in alone.updates]
    assert shared.outcome == alone.outcome
    for number in ("loss", "grad_norm", "clipped_norm"):
        np.testing.assert_allclose(
            [getattr(u, number) for u in shared.updates],
            [getattr(u, number) for u in alone.updates],
            rtol=2e-5,
        )


def _child(
    rank: int, size: int, port: int, work: Callable[[], object], environment: dict[str, str]
) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        told = {
            "RANK": str(rank),
            "WORLD_SIZE": str(size),
            "LOCAL_RANK": str(rank),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
        os.environ.update(told | environment)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _port(size: int) -> int:
    """One that is free, with those behind it, which Paddle's processes take.

    It is below those that a system gives to whoever asks for any, as tests beside this one do.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with ExitStack() as opened, suppress(OSError):
            for one in range(port, port + size + 1):
                opened.enter_context(socket.create_server(("", one)))
            return port
