"""Several processes know of each other: of one that ends or stands still all the others say so.

A collective operation waits for a process that is gone for as long as its framework likes, and
names none. So the first process listens, the others call, and each says every two seconds that it
is there, by a thread of its own.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from dualtrain.errors import BackendError
from dualtrain.printable import printable
from dualtrain.training._lines import Lines, Tell
from dualtrain.world import World

__all__ = ["Presence"]

BEAT = 2.0
"""Seconds from one sign of life to the next."""
SILENCE = 20.0
"""Seconds without any, after which a process counts as one that stands still."""
GRACE = 10.0
"""Seconds in which a process may end by itself, once another is lost."""
NOTICE = 1.0
"""Seconds for the others to hear why a process ends."""
STATUS = 2
"""Of a process that does not."""


class Presence:
    """This process's part; a context manager, in which the others are looked after.

    told: gives every process what the first one gives. Left by an error it tells the others of it.
    """

    def __init__(self, world: World, told: Tell) -> None:
        self._world, self._parent = world, os.getppid()
        self._lines = Lines(world, told)
        self._seen = dict.fromkeys(self._others(), time.monotonic())
        self._who = dict.fromkeys(self._others(), "")
        self._done: set[int] = set()
        self._arrived: dict[int, int] = {}
        self._meeting = self._gone_on = 0
        self._heard: deque[Any] = deque()
        self._lost: str | None = None
        self._is_sudden = False
        self._changed, self._closed = threading.Condition(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Presence:
        self._lines.say({"who": f"{socket.gethostname()}, {os.getpid()}"})
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        self._closed.set()
        if error is None:
            self._lines.say({"done": True})
        elif self._lost is None:
            told = "" if kind is None else f"{kind.__name__}: {error}"
            self._lines.say({"ended": printable(told).partition("\n")[0]})
            time.sleep(NOTICE)  # for a framework may abort those who wait for this process
        self._thread.join(timeout=BEAT)
        self._lines.close()

    def meet(self) -> None:
        """Wait until every process is here, however long one of them takes.

        Raises `BackendError` if one is lost.
        """
        self._meeting += 1
        with self._changed:
            self._arrived[self._world.rank] = self._meeting
        self._lines.say({"met": self._meeting})
        with self._changed:
            self._let_go_on()
            while self._gone_on < self._meeting and self._lost is None:
                self._changed.wait(BEAT)
        if self._gone_on < self._meeting:
            self.check()

    def said(self, value: Any) -> Any:
        """What the first process says next, a value that JSON has.

        Raises `BackendError` if a process is lost.
        """
        if self._world.leads:
            self._lines.say({"said": value})
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

    def _others(self) -> range:
        """Those that this process hears."""
        return range(1, self._world.size) if self._world.leads else range(1)

    def _watch(self) -> None:
        beaten = 0.0
        while not self._closed.is_set() and self._lost is None:
            if time.monotonic() - beaten > BEAT:
                self._lines.say({})
                beaten = time.monotonic()
            for rank, message in self._lines.heard(BEAT / 4):
                self._take(rank, message)
            now = time.monotonic()
            for rank, at in self._seen.items():
                if rank not in self._done and now - at > SILENCE:
                    self._lose(rank, f"has given no sign of life for {now - at:.0f} seconds")
            if self._world.is_launched and os.getppid() != self._parent:
                self._stop("the launcher has ended, and so does each of its processes")
        if self._lost is not None:
            self._end()

    def _take(self, rank: int, message: Mapping[str, Any] | None) -> None:
        """message: None of one whose line is cut."""
        self._seen[rank] = time.monotonic()
        if message is None:
            if rank not in self._done:
                self._is_sudden = True
                self._lose(rank, "has ended before the run")
            return
        self._who[rank] = message.get("who", self._who[rank])
        if "done" in message:
            self._done.add(rank)
        if "ended" in message:
            self._lose(rank, f"has ended: {message['ended']}")
        if "lost" in message:
            self._set_lost(message["lost"])
        with self._changed:
            if "met" in message and self._world.leads:
                self._arrived[rank] = message["met"]
                self._let_go_on()
            if "said" in message:
                self._heard.append(message["said"])
                self._changed.notify_all()
            if "on" in message:
                self._gone_on = message["on"]
                self._changed.notify_all()

    def _let_go_on(self) -> None:
        """The first process's part in a meeting."""
        here = [self._arrived.get(rank, 0) for rank in range(self._world.size)]
        if self._world.leads and min(here) > self._gone_on:
            self._gone_on = min(here)
            self._lines.say({"on": self._gone_on})
            self._changed.notify_all()

    def _lose(self, rank: int, what: str) -> None:
        who = f" ({self._who[rank]})" if self._who[rank] else ""
        self._set_lost(f"process {rank} of {self._world.size}{who} {what}")

    def _set_lost(self, sentence: str) -> None:
        with self._changed:
            if self._lost is not None:
                return
            self._lost = sentence
            self._changed.notify_all()
        if self._world.leads:
            self._lines.say({"lost": sentence})

    def _stop(self, sentence: str) -> None:
        """Let this process end as when it is told to."""
        print(f"{self._world}: {sentence}", file=sys.stderr, flush=True)
        self._set_lost(sentence)
        os.kill(os.getpid(), signal.SIGTERM)

    def _end(self) -> None:
        """See to it that the process ends: it may wait for one that is gone, and cannot be woken.

        The framework may abort before its own error is told, so the sentence comes first.
        """
        if self._closed.wait(0.0 if self._is_sudden else NOTICE / 4):
            return
        if os.getppid() == self._parent or not self._world.is_launched:
            print(f"{self._world}: {self._lost}", file=sys.stderr, flush=True)
        if not self._closed.wait(GRACE):
            os._exit(STATUS)
