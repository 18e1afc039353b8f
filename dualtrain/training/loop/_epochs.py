"""The micro-batches of each epoch, drawn one after the other: an epoch's are never all held."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any, Protocol

from dualtrain.errors import DataError
from dualtrain.training.run._generators import generators_of

__all__ = ["Batches", "Epoch", "Epochs"]


class Epoch(Protocol):
    """A sized iterable of micro-batches, such as a list or a DataLoader."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...


Batches = Epoch | Callable[[int], Epoch]
"""The micro-batches of every epoch, iterated anew for each, or a function of the epoch's number."""


class Epochs:
    """What a run trains on, epoch by epoch.

    Raises `DataError` for what is neither a sized iterable nor a function that gives one.
    """

    def __init__(self, batches: Batches) -> None:
        self._of: Callable[[int], Any] = _by_epoch(batches)
        self._first: Any = self._of(0)
        self.count = _count(self._first)
        """Micro-batches in the first epoch, and so in each."""
        self.generators = generators_of(self._first)
        """Those that the first epoch's loader draws from, where it has some of its own."""
        self._drawn: Iterator[Any] | None = None

    def first(self) -> Any:
        """The first micro-batch of all; drawn once, so that looking at it changes no random draw.

        Raises `DataError` if there is none.
        """
        drawn = self._begin()
        for batch in drawn:
            self._drawn = chain([batch], drawn)
            return batch
        raise self._another_number(0, 0)

    def has_begun(self, epoch: int) -> bool:
        """Whether the first micro-batch was looked at before its epoch is drawn."""
        return epoch == 0 and self._drawn is not None

    def of(self, epoch: int) -> Iterator[Any]:
        """An epoch's micro-batches. Raises `DataError` if they are not as many as the first's."""
        if epoch == 0:
            drawn = self._begin()
        else:
            again = self._of(epoch)
            if _count(again) != self.count:
                raise self._another_number(len(again), epoch)
            drawn = iter(again)
        return self._counted(drawn, epoch)

    def _begin(self) -> Iterator[Any]:
        """The first epoch's; iterated only now, for a DataLoader draws random numbers then."""
        if self._drawn is None:
            self._drawn = iter(self._first)
        return self._drawn

    def _counted(self, drawn: Iterator[Any], epoch: int) -> Iterator[Any]:
        for index in range(self.count):
            try:
                yield next(drawn)
            except StopIteration:
                raise self._another_number(index, epoch) from None

    def _another_number(self, received: int, epoch: int) -> DataError:
        return DataError(
            f"every epoch must have as many micro-batches as the first, {self.count}. "
            f"Received: {received} in epoch {epoch}"
        )


def _by_epoch(batches: Any) -> Callable[[int], Any]:
    """The function itself, or one that always gives the same.

    A Paddle DataLoader can be called as well; it is iterated all the same.
    """
    if callable(batches) and not hasattr(batches, "__len__"):
        of_epoch: Callable[[int], Any] = batches
        _check_takes_epoch(of_epoch)
        return of_epoch
    return lambda epoch: batches


def _check_takes_epoch(batches: Callable[..., Any]) -> None:
    try:
        signature = inspect.signature(batches)
    except ValueError:  # of some that are written in C
        return
    try:
        signature.bind(0)
    except TypeError:
        name = getattr(batches, "__name__", type(batches).__name__)
        raise DataError(
            "a function that gives an epoch's micro-batches must take the epoch's number. "
            f"Received: {name}{signature}"
        ) from None


def _count(epoch: Any) -> int:
    is_iterable = hasattr(epoch, "__iter__") or hasattr(epoch, "__getitem__")
    if is_iterable and hasattr(epoch, "__len__") and not isinstance(epoch, Mapping):
        with suppress(TypeError):  # of a DataLoader over an iterable data set
            if len(epoch):
                return len(epoch)
            raise DataError(
                "an epoch must have at least one micro-batch: a loader that drops the last one "
                "has none where there are fewer samples than its batch size. "
                f"Received: {type(epoch).__name__}, empty"
            )
    told = ", which is one micro-batch" if isinstance(epoch, Mapping) else ""
    raise DataError(
        "an epoch's micro-batches must be a sized iterable that can be iterated anew, such as a "
        f"list or a DataLoader. Received: {type(epoch).__name__}{told}"
    )
