"""The sentinel of one of several processes: it outlives its process, and says which one was lost.

A framework may abort a process as soon as another is gone, before Python can speak there. So each
process starts a sentinel, which watches it and ends soon after it. The sentinels speak to each
other, all of them to the first one, which decides what process was lost first.

This file is run by itself and isolated: it imports the standard library alone.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Line", "Settings"]

TICK = 0.25
"""Seconds between two looks at what no line tells of."""

Message = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a sentinel is told first; its times are in seconds."""

    rank: int
    size: int
    process: int
    """By the number that the system gave it."""
    who: str
    """What is said of the process beside its rank."""
    word: str
    """By which the first sentinel knows the others."""
    beat: float
    """From one sign of life to the next."""
    silence: float
    """Without any, after which a process counts as one that stands still."""
    gather: float
    """In which is heard whether another process was lost before."""
    notice: float
    """In which a process may say itself which one was lost."""
    grace: float
    """In which a process may end by itself, once another is lost."""


class Line:
    """Messages to another process and from it, a line of JSON each."""

    def __init__(self, opened: socket.socket, timeout: float) -> None:
        opened.settimeout(timeout)
        self._opened, self._part, self._lock = opened, b"", threading.Lock()
        self.is_cut = False

    def fileno(self) -> int:
        return self._opened.fileno()

    def say(self, message: Message) -> None:
        with self._lock, suppress(OSError):  # of one that is gone the reading tells
            self._opened.sendall(json.dumps(message).encode() + b"\n")

    def heard(self) -> list[Message]:
        """What comes before the timeout; `is_cut` is set where nothing will come any more."""
        try:
            received = self._opened.recv(1 << 16)
        except TimeoutError:
            return []
        except OSError:
            received = b""
        self.is_cut = not received
        *lines, self._part = (self._part + received).split(b"\n")
        messages: list[Message] = []
        for line in lines:
            with suppress(ValueError, RecursionError):  # anyone may call the first sentinel
                message = json.loads(line)
                messages += [message] if isinstance(message, dict) else []
        return messages

    def close(self) -> None:
        self._opened.close()


@dataclass(frozen=True, order=True)
class _Loss:
    """A process that is lost; the least of several was lost first."""

    may_follow: bool
    """Whether it may have ended for another's sake: aborted by its framework, or told to end."""
    at: float
    """By the clock of its machine, in seconds."""
    rank: int
    sentence: str
    is_sudden: bool
    """Whether the process could not say so itself."""


@dataclass
class _Peer:
    """A process, as a sentinel knows it: its own, or that of another which it hears."""

    who: str = ""
    line: Line | None = None
    silent: float = 0.0
    """Seconds without a sign of life."""
    met: int = 0
    """The last meeting to which it has come."""
    is_done: bool = False
    """Whether it has left the run as it should."""


class _Sentinel:
    """own: the line to the process. net: to the first sentinel; of that one, where it listens."""

    def __init__(self, settings: Settings, own: Line, net: socket.socket) -> None:
        self._settings, self._rank, self._leads = settings, settings.rank, settings.rank == 0
        known = range(settings.size) if self._leads else (0, self._rank)
        self._peers = {rank: _Peer() for rank in known}
        self._ranks: dict[Line, int] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(own, selectors.EVENT_READ, own)
        self._open(self._rank, own, settings.who)
        if self._leads:
            net.settimeout(settings.beat)
            self._selector.register(net, selectors.EVENT_READ)
        else:
            self._open(0, self._hear(net), "")
            self._say(0, {"word": settings.word, "rank": self._rank, "who": settings.who})
        self._losses: dict[int, _Loss] = {}
        self._lost: _Loss | None = None
        self._first_at = self._lost_at = self._left_at = 0.0
        self._told: Message | None = None
        self._has_spoken = False
        self._beaten, self._gone_on = 0.0, 0

    def watch(self) -> None:
        """Return once the process has ended, and what there is to say of it is said."""
        now = time.monotonic()
        while not self._is_over(now):
            is_open = self._peers[self._rank].line is not None
            is_gone = is_open and os.getppid() != self._settings.process
            ready = self._selector.select(0.0 if is_gone else TICK)
            for key, _ in ready:
                if key.data is not None:
                    self._read(key.data)
                elif isinstance(key.fileobj, socket.socket):
                    with suppress(OSError):  # who called may be gone already
                        self._hear(key.fileobj.accept()[0])
            last, now = now, time.monotonic()
            if is_gone and not ready:  # a child of the process may hold its end of the line
                self._cut(self._rank)
            self._beat(now)
            self._count_silence(min(now - last, 2 * TICK))
            self._judge(now)
            self._end(now)

    def _is_over(self, now: float) -> bool:
        if self._left_at == 0.0:
            return False
        if self._peers[self._rank].is_done or self._lost is not None:
            return True
        return not self._leads and now - self._left_at > 4 * self._settings.gather

    def _hear(self, opened: socket.socket) -> Line:
        line = Line(opened, self._settings.beat)
        self._selector.register(line, selectors.EVENT_READ, line)
        return line

    def _open(self, rank: int, line: Line, who: str) -> None:
        self._ranks[line] = rank
        self._peers[rank].line, self._peers[rank].who = line, who

    def _say(self, rank: int, message: Message) -> None:
        line = self._peers[rank].line
        if line is not None:
            line.say(message)

    def _say_all(self, message: Message) -> None:
        for rank in self._peers:
            self._say(rank, message)

    def _read(self, line: Line) -> None:
        for message in line.heard():
            if line in self._ranks:
                self._take(self._ranks[line], message)
            elif message.get("word") == self._settings.word:
                self._open(message["rank"], line, message["who"])
                line.say({"who": self._settings.who})
        if line.is_cut:
            self._selector.unregister(line)
            line.close()
            if line in self._ranks:
                self._cut(self._ranks[line])

    def _take(self, rank: int, message: Message) -> None:
        """message: of the own process, or of another's sentinel."""
        peer, is_own = self._peers[rank], rank == self._rank
        peer.silent = 0.0
        peer.who = message.get("who", peer.who)
        peer.met = message.get("met", peer.met)
        peer.is_done = message.get("done", peer.is_done)
        if is_own and message.keys() & {"met", "said", "done"}:
            for other in self._peers.keys() - {rank}:
                self._say(other, message)
        if not is_own and not self._leads and message.keys() & {"said", "on"}:
            self._say(self._rank, message)
        if self._leads and "met" in message:
            self._let_go_on()
        if is_own and message.keys() & {"done", "ended"}:
            self._left_at = time.monotonic()
        if "ended" in message:
            self._told = message
            self._lose(rank, f"has ended: {message['ended']}", is_sudden=False)
        if "loss" in message:
            self._add(_Loss(**message["loss"]))
        if "lost" in message:
            self._settle(_Loss(**message["lost"]))

    def _let_go_on(self) -> None:
        """The first sentinel's part in a meeting."""
        here = min(peer.met for peer in self._peers.values())
        if here > self._gone_on:
            self._gone_on = here
            self._say_all({"on": here})

    def _beat(self, now: float) -> None:
        if now - self._beaten > self._settings.beat:
            self._say_all({})
            self._beaten = now

    def _count_silence(self, seconds: float) -> None:
        """seconds: since the last look, or what a look takes at most: a machine that stood still
        as a whole has silenced nobody.
        """
        for rank, peer in self._peers.items():
            peer.silent += seconds
            if peer.silent > self._settings.silence:
                said = f"has given no sign of life for {peer.silent:.0f} seconds"
                self._lose(rank, said, may_follow=False)

    def _cut(self, rank: int) -> None:
        """Nothing more is heard of a process: it has ended, or its machine."""
        self._peers[rank].line = None
        status = None
        if rank == self._rank:
            self._left_at = self._left_at or time.monotonic()
            status = _status(self._settings.process)
        how = "" if status is None else f", {_words(status)}"
        may_follow = status in (None, -signal.SIGABRT, -signal.SIGTERM)
        self._lose(rank, f"has ended before the run{how}", may_follow=may_follow)

    def _lose(
        self, rank: int, what: str, *, is_sudden: bool = True, may_follow: bool = True
    ) -> None:
        peer = self._peers[rank]
        if peer.is_done or rank in self._losses:
            return
        who = f" ({peer.who})" if peer.who else ""
        sentence = f"process {rank} of {self._settings.size}{who} {what}"
        loss = _Loss(may_follow, time.time(), rank, sentence, is_sudden)
        self._add(loss)
        if rank == self._rank and not self._leads:
            self._say(0, {"loss": vars(loss)})

    def _add(self, loss: _Loss) -> None:
        self._first_at = self._first_at or time.monotonic()
        self._losses.setdefault(loss.rank, loss)

    def _judge(self, now: float) -> None:
        """The first sentinel decides once nothing earlier can be heard; another, in its absence."""
        if self._leads:
            still = [r for r, p in self._peers.items() if not p.is_done and r not in self._losses]
            is_known = not still or now - self._first_at > self._settings.gather
        else:
            is_known = self._peers[0].line is None or 0 in self._losses
        if self._losses and is_known:
            self._settle(min(self._losses.values()))

    def _settle(self, lost: _Loss) -> None:
        if self._lost is None:
            self._lost, self._lost_at = lost, time.monotonic()
            self._say_all({"lost": vars(lost)})

    def _end(self, now: float) -> None:
        """Say which process was lost where the own one does not, and see that this one ends."""
        if self._lost is None:
            return
        has_left, since = self._left_at > 0.0, now - self._lost_at
        if has_left or since > self._settings.notice:
            self._speak(self._lost)
        is_late = since > self._settings.grace + self._settings.notice
        if is_late and not has_left and os.getppid() == self._settings.process:
            os.kill(self._settings.process, signal.SIGKILL)

    def _speak(self, lost: _Loss) -> None:
        told = self._told
        if not self._has_spoken and (told is None or (lost.is_sudden and not told["has_named"])):
            own = f"process {self._rank} of {self._settings.size}: "
            with suppress(OSError):  # a terminal that is closed
                sentence = lost.sentence if lost.rank == self._rank else own + lost.sentence
                print(sentence, file=sys.stderr, flush=True)
        self._has_spoken = True


def _status(process: int) -> int | None:
    """Of a process that ends, or minus the signal that ends it; None where the system has none."""
    with suppress(OSError, ValueError):
        said = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
        return os.waitstatus_to_exitcode(int(said.split()[-1]))
    return None


def _words(status: int) -> str:
    if status >= 0:
        return f"with status {status}"
    return f"by {'/'.join(s.name for s in signal.Signals if s == -status) or -status}"


def _main() -> None:
    own, net = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    told = sys.stdin.read()
    if told:  # or the process has ended already
        settings = Settings(**json.loads(told))
        _Sentinel(settings, Line(own, settings.beat), net).watch()


if __name__ == "__main__":
    _main()
