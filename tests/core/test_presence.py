"""Processes that share their presence alone: what is said of one that is lost, and who ends."""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dualtrain.errors import BackendError
from dualtrain.training.processes import _presence, _sentinel
from dualtrain.training.processes._presence import Presence
from dualtrain.world import World
from tests.forked import check_named, ended

Act = Callable[[Presence], object]
Wait = Callable[[Presence, socket.socket], object]
"""What a process does that waits for process 1, by a line as a framework has one."""

CUT = "has ended before the run"
NEW = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="a machine without IPv6")


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
    folder: Path,
    listener: socket.socket,
    size: int,
    act: Act,
    wait: Wait,
    *,
    is_launched: bool = False,
    address: str = "127.0.0.1",
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
        world = World(rank=rank, size=size, is_launched=is_launched, address=address)
        with Presence(world, told) as presence:
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


def fall() -> None:
    faulthandler.disable()
    os.abort()


def abort(_: Presence, line: socket.socket) -> None:
    """As Paddle's gloo does, whose report of it takes more than this."""
    line.recv(1)
    time.sleep(0.05)
    fall()


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
    "aborted": (lambda _: fall(), CUT),
    "left": (lambda _: os._exit(0), CUT),
    "stopped": (lambda _: os.kill(os.getpid(), signal.SIGSTOP), "has given no sign of life for"),
    "failed": (raise_error, "has ended: ValueError: no such thing"),
}


CASES = [
    *((2, act, wait) for act in ACTS for wait in (abort, fail, hang) if act != "stopped"),
    (2, "stopped", hang),
    (3, "killed", abort),
    (3, "aborted", abort),
    (3, "failed", fail),
]


@pytest.mark.parametrize(("size", "act", "wait"), CASES)
def test_the_lost_one_is_named(
    tmp_path: Path, listener: socket.socket, size: int, act: str, wait: Wait
) -> None:
    done, sentence = ACTS[act]
    statuses, told = ended(size, part(tmp_path, listener, size, done, wait), limit=30.0)
    check_named(told, size, sentence)
    assert all(status for rank, status in enumerate(statuses) if rank != 1), statuses


def test_one_that_holds_pythons_lock_ends(tmp_path: Path, listener: socket.socket) -> None:
    act, sentence = ACTS["killed"]
    statuses, told = ended(2, part(tmp_path, listener, 2, act, hold), limit=30.0)
    check_named(told, 2, sentence)
    assert statuses == [-signal.SIGKILL, -signal.SIGKILL]


@pytest.mark.parametrize(
    ("error", "said"),
    [(KeyboardInterrupt(), "KeyboardInterrupt"), (OSError("\n\nfirst\nsecond"), "OSError: first")],
)
def test_an_error_is_told_by_its_first_words(
    tmp_path: Path, listener: socket.socket, error: BaseException, said: str
) -> None:
    def interrupted(_: Presence) -> None:
        raise error

    _, told = ended(2, part(tmp_path, listener, 2, interrupted, hang), limit=30.0)
    assert re.search(rf"process 1 of 2 \(.*\) has ended: {said}$", told, re.MULTILINE), told


def test_nothing_is_said_of_a_run_that_ends_well(tmp_path: Path, listener: socket.socket) -> None:
    work = part(tmp_path, listener, 3, lambda _: time.sleep(1.0), lambda _, line: line.recv(1))
    assert ended(3, work, limit=30.0) == ([0, 0, 0], "")


def test_what_is_met_and_said_is_the_same_everywhere(
    tmp_path: Path, listener: socket.socket
) -> None:
    def talk(presence: Presence, *_: object) -> None:
        for turn in range(200):
            own = turn if os.environ["RANK"] == "0" else None
            assert presence.said(own) == turn
            if turn % 50 == 0:
                presence.meet()

    assert ended(3, part(tmp_path, listener, 3, talk, talk), limit=60.0) == ([0, 0, 0], "")


def test_a_sentinel_hears_no_signal(tmp_path: Path, listener: socket.socket) -> None:
    """Ctrl-C and a batch system tell all processes of a run to end."""

    def signalled(presence: Presence) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            os.kill(sentinel_of(presence), number)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)

    _, told = ended(2, part(tmp_path, listener, 2, signalled, hang), limit=30.0)
    check_named(told, 2, CUT)


def test_a_child_may_outlive_its_process(tmp_path: Path, listener: socket.socket) -> None:
    """A loader's worker has its parent's lines open: their end is not seen by them."""

    def killed(_: Presence) -> None:
        if os.fork() == 0:
            os.close(2)
            time.sleep(10.0)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)

    begun = time.monotonic()
    _, told = ended(2, part(tmp_path, listener, 2, killed, hang), limit=30.0)
    check_named(told, 2, CUT)
    assert time.monotonic() - begun < 9.0


def test_a_sentinel_that_is_lost_ends_the_run(tmp_path: Path, listener: socket.socket) -> None:
    def bereft(presence: Presence) -> None:
        os.kill(sentinel_of(presence), signal.SIGKILL)
        presence.check(wait=10.0)

    statuses, told = ended(2, part(tmp_path, listener, 2, bereft, hang), limit=30.0)
    check_named(told, 2, CUT)
    assert "process 1 of 2: its sentinel has ended" in told
    assert all(statuses)


def test_an_orphan_ends_whose_errors_nobody_reads(tmp_path: Path, listener: socket.socket) -> None:
    """The launcher is gone, and with it what read them."""
    read, write = os.pipe()
    os.close(read)

    def orphan() -> None:
        if os.fork():  # the launcher
            time.sleep(2.0)
            os._exit(7)
        os.dup(2)  # by which `ended` sees that it has ended
        os.dup2(write, 2)
        part(tmp_path, listener, 2, lambda _: time.sleep(60.0), hang, is_launched=True)()

    assert ended(2, orphan, limit=30.0) == ([7, 7], "")
    os.close(write)


def test_a_machine_that_stood_still_has_lost_nobody(
    tmp_path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_presence, "SILENCE", 2.0)

    def still(presence: Presence, *_: object) -> None:
        (tmp_path / os.environ["RANK"]).write_text(f"{os.getpid()} {sentinel_of(presence)}")
        presence.meet()
        if os.environ["RANK"] == "1" and os.fork() == 0:
            pids = [int(pid) for rank in "01" for pid in (tmp_path / rank).read_text().split()]
            for number in (signal.SIGSTOP, signal.SIGCONT):
                for pid in pids:
                    os.kill(pid, number)
                time.sleep(_presence.SILENCE + 1.0)
            os._exit(0)
        time.sleep(_presence.SILENCE + 3.0)
        presence.meet()

    assert ended(2, part(tmp_path, listener, 2, still, still), limit=30.0) == ([0, 0], "")


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", pytest.param("::1", marks=NEW)])
def test_the_first_process_is_reached_by_each_of_its_addresses(
    tmp_path: Path, listener: socket.socket, address: str
) -> None:
    work = part(tmp_path, listener, 2, lambda _: None, lambda *_: None, address=address)
    assert ended(2, work, limit=30.0) == ([0, 0], "")


def test_strangers_may_call(tmp_path: Path, listener: socket.socket) -> None:
    def call(_: Presence) -> None:
        _, port, _ = json.loads((tmp_path / "told").read_text("utf-8"))
        for said in (b"[1]\n", b"{}\n", b"\xff\n", b'{"word": "?", "rank": 0}\n', b"[" * 50_000):
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(said)
        time.sleep(1.0)

    work = part(tmp_path, listener, 2, call, lambda _, line: line.recv(1))
    assert ended(2, work, limit=30.0) == ([0, 0], "")


def test_a_first_process_that_cannot_be_reached_is_named(listener: socket.socket) -> None:
    _, port = listener.getsockname()
    listener.close()
    with pytest.raises(BackendError, match=rf"let each reach it. Received: 127.0.0.1:{port} \("):
        Presence(World(rank=1, size=2), lambda _: ("127.0.0.1", port, "word"))


def test_an_interpreter_that_does_not_run_is_named(
    tmp_path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    address = ("127.0.0.1", listener.getsockname()[1], "word")
    with pytest.raises(BackendError, match=r"starts a Python that watches it. Received: .*python"):
        Presence(World(rank=1, size=2), lambda _: address)


@pytest.mark.parametrize("end", [3, 0, -signal.SIGKILL, -signal.SIGABRT])
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell it")
def test_how_a_process_ended_is_known_until_its_parent_takes_it(end: int) -> None:
    child = os.fork()
    if child == 0:
        faulthandler.disable()
        if end >= 0:
            os._exit(end)
        os.kill(os.getpid(), -end)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert _sentinel._status(child) == end
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == end
    assert _sentinel._status(child) is None


def sentinel_of(presence: Presence) -> int:
    return presence._sentinel.pid
