"""What updates come to: their numbers, left on the device until several are read with one wait."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dualtrain.backend import Backend
from dualtrain.trace import Update
from dualtrain.training.run._loss import MicroLoss
from dualtrain.training.run._observer import Observer

__all__ = ["AppliedUpdate", "Journal"]

READ_EVERY = 0.5
"""Seconds between two readings of numbers from the device."""


@dataclass(frozen=True, kw_only=True)
class AppliedUpdate:
    """One update that was made or, with non-finite float16 gradients, skipped.

    attempt: counts updates from 0, skipped ones too; t does not where the clock holds on a skip,
    and then names more than one.
    The norms are scalar tensors on the device: reading one waits. They are None when not measured
    and when the update was skipped, for then nothing was clipped.
    """

    attempt: int
    t: int
    lr: float
    momentum: float | None
    skipped: bool
    loss_scale: float | None
    grad_norm: Any
    clipped_norm: Any


@dataclass(frozen=True)
class _Entry:
    applied: AppliedUpdate
    losses: Sequence[MicroLoss]
    digests: tuple[str, ...]


class Journal:
    """Tells observers of updates, in their order; waits for the device at most twice a second.

    After each update, though, for an observer that wants to be told at once.

    A context manager: when it is left all are told, by an error too, if they can be read.
    total: how many there will be.
    """

    def __init__(self, backend: Backend, observers: Sequence[Observer], total: int) -> None:
        self._backend, self._observers, self._total = backend, observers, total
        self._entries: list[_Entry] = []
        self._read_at = time.monotonic()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: object, error: BaseException | None, *_: object) -> None:
        with suppress(*() if error is None else (Exception,)):
            self.read()

    def add(
        self, applied: AppliedUpdate, losses: Sequence[MicroLoss], digests: tuple[str, ...] = ()
    ) -> None:
        """Put down an update; digests: of its micro-batches, where they are known."""
        self._entries.append(_Entry(applied, losses, digests))
        waited = time.monotonic() - self._read_at
        if waited > READ_EVERY or any(observer.at_once() for observer in self._observers):
            self.read()

    def read(self) -> None:
        """Tell of all that is put down."""
        entries, self._entries = self._entries, []
        norms = [n for e in entries for n in (e.applied.grad_norm, e.applied.clipped_norm)]
        losses = iter(self._backend.numbers([m.given for e in entries for m in e.losses]))
        values = iter(self._backend.numbers([n for n in norms if n is not None]))
        for entry in entries:
            applied, given = entry.applied, [(m, next(losses)) for m in entry.losses]
            update = Update(
                attempt=applied.attempt,
                t=applied.t,
                lr=applied.lr,
                momentum=applied.momentum,
                loss=sum(value / m.divisor for m, value in given),
                micro_losses=tuple(
                    v / max(m.targets, 1) for m, v in given if m.targets is not None
                ),
                grad_norm=None if applied.grad_norm is None else next(values),
                clipped_norm=None if applied.clipped_norm is None else next(values),
                loss_scale=applied.loss_scale,
                skipped=applied.skipped,
                batches=entry.digests,
            )
            for observer in self._observers:
                observer.updated(update, self._total)
        self._read_at = time.monotonic()
