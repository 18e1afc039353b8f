"""Several processes of one run, by forking after one import: a launcher would import in each."""

from __future__ import annotations

import os
import signal
import socket
import time
import traceback
from collections.abc import Callable

__all__ = ["forked"]

LIMIT = 120.0
"""Seconds; a process that hangs must not hang the tests."""


def forked(size: int, work: Callable[[], object]) -> None:
    """Do the work in as many processes as if torchrun had started them.

    Raises `AssertionError` with the numbers of those that failed, whose errors are printed.
    """
    port = _port()
    children = [_child(rank, size, port, work) for rank in range(size)]
    statuses, end = dict.fromkeys(children, -1), time.monotonic() + LIMIT
    while -1 in statuses.values() and time.monotonic() < end:
        for child, status in statuses.items():
            if status == -1:
                found, ended = os.waitpid(child, os.WNOHANG)
                statuses[child] = os.waitstatus_to_exitcode(ended) if found else -1
        time.sleep(0.01)
    for child, status in statuses.items():
        if status == -1:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert not any(statuses.values()), list(statuses.values())


def _child(rank: int, size: int, port: int, work: Callable[[], object]) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.environ.update(
            RANK=str(rank),
            WORLD_SIZE=str(size),
            LOCAL_RANK=str(rank),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=str(port),
        )
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _port() -> int:
    """One that is free, with those behind it, which Paddle's processes take."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
    return port
