"""What the processes of a run say to each other beside their framework's own operations."""

from __future__ import annotations

import json
import secrets
import select
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from dualtrain.world import World

__all__ = ["Lines", "Tell"]

Tell = Callable[[Any], Any]
"""Gives every process what the first one gives."""

CONNECTS = 20.0
"""Seconds in which the first process must be reached."""

Message = Mapping[str, Any]


class Lines:
    """What the processes say to each other, a line of JSON each, over sockets of their own."""

    def __init__(self, world: World, told: Tell) -> None:
        self._lock, self._leads = threading.Lock(), world.leads
        self._listener = socket.create_server(("", 0)) if world.leads else None
        port = None if self._listener is None else self._listener.getsockname()[1]
        address, port, self._word = told((world.address, port, secrets.token_hex(16)))
        self._sockets: dict[socket.socket, int | None] = {}
        self._parts: dict[socket.socket, bytes] = {}
        if not world.leads:
            opened = socket.create_connection((address, port), timeout=CONNECTS)
            self._sockets[opened] = 0
            self._send(opened, {"word": self._word, "rank": world.rank})

    def say(self, message: Message) -> None:
        """To all who hear this process."""
        for opened, rank in list(self._sockets.items()):
            if rank is not None:
                self._send(opened, message)

    def heard(self, wait: float) -> list[tuple[int, Message | None]]:
        """(rank, message) of each that comes within `wait` seconds; None of a line that is cut."""
        found: list[tuple[int, Message | None]] = []
        listener = [] if self._listener is None else [self._listener]
        ready, _, _ = select.select([*listener, *self._sockets], [], [], wait)
        for opened in ready:
            if opened is self._listener:
                self._sockets[opened.accept()[0]] = None
                continue
            for message in self._read(opened):
                rank = self._sockets.get(opened)
                if rank is not None:
                    found.append((rank, message))
                elif message is not None and message.get("word") == self._word:
                    self._sockets[opened] = message["rank"]
                if message is None:
                    self._sockets.pop(opened, None)
                    opened.close()
        return found

    def close(self) -> None:
        for opened in (*self._sockets, *([] if self._listener is None else [self._listener])):
            opened.close()

    def _send(self, opened: socket.socket, message: Message) -> None:
        with self._lock, suppress(OSError):  # of one that is gone the reading tells
            opened.sendall(json.dumps(message).encode() + b"\n")

    def _read(self, opened: socket.socket) -> list[Message | None]:
        try:
            received = opened.recv(1 << 16)
        except OSError:
            received = b""
        *lines, self._parts[opened] = (self._parts.get(opened, b"") + received).split(b"\n")
        messages: list[Message | None] = []
        for line in lines:
            with suppress(ValueError):
                messages.append(json.loads(line))
        return messages if received else [*messages, None]
