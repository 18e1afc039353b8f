"""Several processes know of each other: of one that ends or stands still all the others say so.

A collective operation waits for a process that is gone for as long as its framework likes, or ends
this one at once, and names none. So each process has a sentinel (`_sentinel.py`), to which it says
every two seconds that it is there, by a thread of its own.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any

from dualtrain.errors import BackendError
from dualtrain.files import reason
from dualtrain.printable import printable
from dualtrain.training.processes import _sentinel
from dualtrain.training.processes._sentinel import Line, Settings
from dualtrain.world import World

__all__ = ["Presence"]

Tell = Callable[[Any], Any]
"""Gives every process what the first one gives."""

BEAT = 2.0
"""Seconds from one sign of life to the next."""
SILENCE = 20.0
"""Seconds without any, after which a process counts as one that stands still."""
GATHER = 0.5
"""Seconds in which the sentinels hear whether another process was lost before."""
NOTICE = 1.0
"""Seconds in which a process may say itself which one was lost."""
GRACE = 10.0
"""Seconds in which a process may end by itself, once another is lost."""
CONNECTS = 20.0
"""Seconds in which the first process must be reached."""
STATUS = 2
"""Of a process that does not end by itself."""


class Presence:
    """This process's part; a context manager, in which the others are looked after.

    told: gives every process what the first one gives. Left by an error it tells the others of it.

    Raises `BackendError` where the first process cannot be reached, or Python not be started.
    """

    def __init__(self, world: World, told: Tell) -> None:
        self._world, self._parent = world, os.getppid()
        self._sentinel, self._line = _started(world, told)
        self._meeting = self._gone_on = 0
        self._heard: deque[Any] = deque()
        self._lost: str | None = None
        self._changed, self._closed = threading.Condition(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Presence:
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        self._closed.set()
        if kind is None:
            self._line.say({"done": True})
        else:
            told = f"{kind.__name__}: {str(error).strip()}".removesuffix(": ")
            first = printable(told.partition("\n")[0])
            has_named = self._lost is not None and self._lost in str(error)
            self._line.say({"ended": first, "has_named": has_named})
        self._thread.join()
        self._line.close()
        try:
            self._sentinel.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._sentinel.kill()
            self._sentinel.wait()

    def meet(self) -> None:
        """Wait until every process is here, however long one of them takes.

        Raises `BackendError` if one is lost.
        """
        self._meeting += 1
        self._line.say({"met": self._meeting})
        with self._changed:
            while self._gone_on < self._meeting and self._lost is None:
                self._changed.wait(BEAT)
        if self._gone_on < self._meeting:
            self.check()

    def said(self, value: Any) -> Any:
        """What the first process says next, a value that JSON has.

        Raises `BackendError` if a process is lost.
        """
        if self._world.leads:
            self._line.say({"said": value})
            return value
        with self._changed:
            while not self._heard and self._lost is None:
                self._changed.wait(BEAT)
            if self._heard:
                return self._heard.popleft()
        self.check()
        return value

    def check(self, wait: float = 0.0) -> None:
        """Raise `BackendError` if another process is lost; wait: seconds until that is known."""
        with self._changed:
            self._changed.wait_for(lambda: self._lost is not None, wait)
        if self._lost is not None:
            raise BackendError(
                "a run of several processes ends when one of them does: start it again. "
                f"Received: {self._lost}"
            )

    def _watch(self) -> None:
        beaten = 0.0
        while not self._closed.is_set() and self._lost is None:
            if time.monotonic() - beaten > BEAT:
                self._line.say({})
                beaten = time.monotonic()
            messages = self._line.heard()
            if self._world.is_launched and os.getppid() != self._parent:
                self._stop("the launcher has ended, and so does each of its processes")
                break
            for message in messages:
                self._take(message)
            if self._line.is_cut and not self._closed.is_set() and self._lost is None:
                self._lose_all("its sentinel has ended, without which it must not go on")
        if self._lost is not None and not self._closed.wait(GRACE):
            os._exit(STATUS)  # for it may wait for one that is gone, and cannot be woken

    def _take(self, message: Mapping[str, Any]) -> None:
        with self._changed:
            if "lost" in message:
                self._lost = message["lost"]["sentence"]
            if "said" in message:
                self._heard.append(message["said"])
            self._gone_on = message.get("on", self._gone_on)
            self._changed.notify_all()

    def _lose_all(self, sentence: str) -> None:
        """Of what no sentinel tells."""
        with suppress(OSError):  # a terminal that is closed, or gone with the launcher
            print(f"{self._world}: {sentence}", file=sys.stderr, flush=True)
        with self._changed:
            self._lost = sentence
            self._changed.notify_all()

    def _stop(self, sentence: str) -> None:
        """Let this process end as when it is told to."""
        self._line.say({"ended": sentence, "has_named": True})
        self._lose_all(sentence)
        os.kill(os.getpid(), signal.SIGTERM)


def _started(world: World, told: Tell) -> tuple[subprocess.Popen[str], Line]:
    """The sentinel, and the line to it."""
    listener = _listener() if world.leads else None
    port = None if listener is None else listener.getsockname()[1]
    address, port, word = told((world.address, port, secrets.token_hex(16)))
    net = _connected(address, port) if listener is None else listener
    own, its = socket.socketpair()
    settings = Settings(
        rank=world.rank,
        size=world.size,
        process=os.getpid(),
        who=f"{socket.gethostname()}, {os.getpid()}",
        word=word,
        beat=BEAT,
        silence=SILENCE,
        gather=GATHER,
        notice=NOTICE,
        grace=GRACE,
    )
    passed = (its.fileno(), net.fileno())
    with net, its:
        try:
            with _signals_held():  # and so held in the sentinel, until it ends
                sentinel = subprocess.Popen(
                    [sys.executable, "-I", "-S", _sentinel.__file__, *map(str, passed)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    text=True,
                    pass_fds=passed,
                    start_new_session=True,
                )
        except OSError as error:
            own.close()
            raise BackendError(
                "each of several processes starts a Python that watches it. "
                f"Received: {sys.executable!r} ({reason(error)})"
            ) from None
    assert sentinel.stdin is not None
    with suppress(BrokenPipeError), sentinel.stdin as begun:
        json.dump(asdict(settings), begun)
    return sentinel, Line(own, BEAT / 4)


def _listener() -> socket.socket:
    """On every address of this machine, old or new (IPv6)."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", 0))


def _connected(address: str, port: int) -> socket.socket:
    try:
        return socket.create_connection((address, port), timeout=CONNECTS)
    except OSError as error:
        raise BackendError(
            "the processes of a run speak to the first one by a port of its machine: let each "
            f"reach it. Received: {address}:{port} ({reason(error)})"
        ) from None


@contextmanager
def _signals_held() -> Iterator[None]:
    held = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
