"""Processes that share their presence alone: what is said of one that is lost, and who ends."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dualtrain.training import _presence
from dualtrain.training._presence import Presence
from dualtrain.world import World
from tests.forked import check_named, ended

Act = Callable[[Presence], object]
Wait = Callable[[Presence, socket.socket], object]
"""What a process does that waits for process 1, by a line as a framework has one."""

CUT = "has ended before the run"


@pytest.fixture(autouse=True)
def _times(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"BEAT": 0.5, "SILENCE": 3.0, "NOTICE": 0.5, "GRACE": 1.0}.items():
        monkeypatch.setattr(_presence, name, seconds)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Of process 1."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


def part(
    folder: Path, listener: socket.socket, size: int, act: Act, wait: Wait
) -> Callable[[], None]:
    """What each of the processes does; process 1 acts, once all are there, the others wait."""
    file = folder / "told"

    def told(value: Any) -> Any:
        if os.environ["RANK"] == "0":
            file.with_suffix(".new").write_text(json.dumps(value), "utf-8")
            file.with_suffix(".new").rename(file)
        while not file.exists():
            time.sleep(0.01)
        return json.loads(file.read_text("utf-8"))

    def work() -> None:
        rank = int(os.environ["RANK"])
        with Presence(World(rank=rank, size=size), told) as presence:
            presence.meet()
            if rank == 1:
                lines = [listener.accept()[0] for _ in range(size - 1)]
                presence.meet()
                act(presence)
                assert lines
            else:
                with socket.create_connection(listener.getsockname()) as line:
                    presence.meet()
                    wait(presence, line)

    return work


def abort(_: Presence, line: socket.socket) -> None:
    """As Paddle's gloo does, whose report of it takes more than this."""
    line.recv(1)
    time.sleep(0.05)
    os.abort()


def fail(presence: Presence, line: socket.socket) -> None:
    """As torch does."""
    line.recv(1)
    presence.check(wait=5.0)


def hang(_: Presence, line: socket.socket) -> None:
    time.sleep(60.0)


def hold(_: Presence, line: socket.socket) -> None:
    """Wait with Python's lock held: no thread of Python's can do anything."""
    ctypes.PyDLL(None).sleep(60)


def raise_error(_: Presence) -> None:
    raise ValueError("no such thing")


ACTS: dict[str, tuple[Act, str]] = {
    "killed": (lambda _: os.kill(os.getpid(), signal.SIGKILL), CUT),
    "aborted": (lambda _: os.abort(), CUT),
    "left": (lambda _: os._exit(0), CUT),
    "stopped": (lambda _: os.kill(os.getpid(), signal.SIGSTOP), "has given no sign of life for"),
    "failed": (raise_error, "has ended: ValueError: no such thing"),
}


@pytest.mark.parametrize("wait", [abort, fail, hang])
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("size", [2, 3])
def test_the_lost_one_is_named(
    tmp_path: Path, listener: socket.socket, size: int, act: str, wait: Wait
) -> None:
    done, sentence = ACTS[act]
    statuses, told = ended(size, part(tmp_path, listener, size, done, wait), limit=30.0)
    check_named(told, size, sentence)
    assert all(status for rank, status in enumerate(statuses) if rank != 1), statuses
