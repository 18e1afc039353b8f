"""The signals that end a command, while there are processes and folders to be left behind.

Python's handlers may raise between any two steps: between the start of a process and the line that
knows of it, or where nothing can be raised at all, so that the signal is lost.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["Signals"]

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Signals:
    """Holds back the signals that have a handler until it is safe to act; a context manager.

    Only the main thread has signals: elsewhere it does nothing.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._waiting: list[int] = []
        self._at_once = False

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for name in _ENDING:
                number = getattr(signal, name, None)
                if number is not None and callable(signal.getsignal(number)):
                    self._handlers[number] = signal.signal(number, self._arrived)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for number in self._waiting:
            signal.raise_signal(number)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if self._at_once:
            self._handlers[number](number, frame)
        else:
            self._waiting.append(number)

    def act(self) -> None:
        """Here one that has waited may end the command."""
        if self._waiting:
            number = self._waiting.pop()
            self._handlers[number](number, None)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A block of work that takes long and leaves nothing behind: any step may be its last."""
        try:
            self._at_once = True
            self.act()
            yield
        finally:
            self._at_once = False
