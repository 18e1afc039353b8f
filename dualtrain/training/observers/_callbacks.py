"""What a user does while a run goes on: callbacks, told of the run and of what happens in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

from dualtrain.errors import CallbackError, DualtrainError
from dualtrain.tasks import Score
from dualtrain.trace import Update
from dualtrain.training.run._observer import Observer
from dualtrain.training.run._run import Run

__all__ = ["Callback", "called"]


class Callback:
    """What is called while a run goes on; this one does nothing. Derive from it what you need.

    Updates are told of in their order, some time after they were made: their numbers are read from
    the device about twice a second, for each reading waits for it. So the run may be further, by
    `run.attempts`, than the update that is told of. A callback that ends the run by what it sees
    sets `at_once`, so that it ends at the same update wherever it runs.

    What it raises ends the run: a `CallbackError` that names it and the update.

    >>> class Impatient(Callback):
    ...     at_once = True
    ...
    ...     def updated(self, run, update):
    ...         if update.loss < 0.1:
    ...             run.end("the loss is small enough")
    """

    everywhere: bool = True
    """Whether each of several processes calls it; else the first one alone, as a logger."""
    at_once: bool = False
    """Whether each update is told of before the next one is made, which waits for the device."""

    def began(self, run: Run) -> None:
        """Called before the first update; `run.attempts` is above 0 in one that goes on."""

    def updated(self, run: Run, update: Update) -> None:
        """Called for each update, a skipped one too."""

    def evaluated(self, run: Run, score: Score) -> None:
        """Called with each score on the held-out split, after all updates that were made."""

    def ended(self, run: Run) -> None:
        """Called once the run has ended well; `run.ending` says why it ended before its plan."""

    def closed(self) -> None:
        """Called last, whatever has happened, if `began` was left well: close what is open."""


class _Called(Observer):
    """Hands what an observer is told to a callback, beside the run."""

    def __init__(self, run: Run, callback: Callback) -> None:
        self._run, self._callback = run, callback

    def at_once(self) -> bool:
        return self._callback.at_once

    def updated(self, update: Update, total: int) -> None:
        with _named(self._callback, "updated", f"after update {update.attempt}"):
            self._callback.updated(self._run, update)

    def evaluated(self, score: Score) -> None:
        with _named(self._callback, "evaluated", f"after {self._run.attempts} updates"):
            self._callback.evaluated(self._run, score)

    def ended(self) -> None:
        with _named(self._callback, "ended", "at the end of the run"):
            self._callback.ended(self._run)


@contextmanager
def called(run: Run, callbacks: Sequence[Callback]) -> Iterator[list[Observer]]:
    """The callbacks as observers of a run, begun, and closed when the block is left."""
    mine = [one for one in callbacks if one.everywhere or run.processes.world.leads]
    with ExitStack() as opened:
        for callback in mine:
            with _named(callback, "began", "before the first update"):
                callback.began(run)
            opened.push(partial(_close, callback))
        yield [_Called(run, callback) for callback in mine]


def _close(callback: Callback, kind: type[BaseException] | None, *_: Any) -> None:
    """Close it; an error of its own does not hide the one that has ended the run."""
    hidden = () if kind is None else (CallbackError,)
    with suppress(*hidden), _named(callback, "closed", "when it was closed"):
        callback.closed()


@contextmanager
def _named(callback: Callback, method: str, when: str) -> Iterator[None]:
    """Let an error say whose it is, and when; one of dualtrain's own says enough."""
    try:
        yield
    except DualtrainError:
        raise
    except Exception as error:
        raise CallbackError(
            f"{type(callback).__name__}.{method}, {when}: a callback must not raise. "
            f"Received: {type(error).__name__}: {error}"
        ) from error
