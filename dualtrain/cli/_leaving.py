"""The signals at which a run with checkpoints saves its state and leaves."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from dualtrain.world import World

__all__ = ["Leaving"]

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")  # Windows has the first two


class Leaving:
    """Holds a signal back until the update that is being made is done; a context manager.

    It is the `stop` of a run, asked after each update. A signal that comes before the first, or
    while another waits, ends the command at once. Only the main thread has signals.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._waiting: int | None = None
        self._is_on = False
        self._arrived_at = 0.0
        several = World.of(os.environ).size > 1
        self._repeats = 2.0 if several else 0.0  # Paddle's launcher sends SIGTERM three times

    def __enter__(self) -> Leaving:
        if threading.current_thread() is threading.main_thread():
            for name in _SIGNALS:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                    self._handlers[number] = signal.signal(number, self._arrived)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if kind is None and self._waiting is not None:
            raise SystemExit(128 + self._waiting)

    def __call__(self) -> BaseException | None:
        """What ends the run once its state is written; None while no signal has come."""
        if not self._is_on:
            for number in self._handlers:  # Paddle's import puts its own in their place
                signal.signal(number, self._arrived)
            self._is_on = True
        return None if self._waiting is None else SystemExit(128 + self._waiting)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if self._waiting is not None and time.monotonic() - self._arrived_at < self._repeats:
            return
        if self._waiting is not None or not self._is_on:
            raise SystemExit(128 + number)
        self._waiting, self._arrived_at = number, time.monotonic()
        name = signal.Signals(number).name
        with suppress(OSError, RuntimeError):  # no terminal; amid another print
            print(f"{name}: the run is saved and left after this update", file=sys.stderr)
