"""What is done between two updates: an evaluation, a metric for a plateau, a checkpoint, an end."""

from __future__ import annotations

from abc import ABC, abstractmethod

__all__ = ["Turn"]


class Turn(ABC):
    """The loop asks after each update, in the turns' order; observers know of the update by then.

    A turn reads the run. It ends it by `Run.end`, and the turns behind it are taken all the same.
    """

    @abstractmethod
    def is_due(self) -> bool:
        """Whether it is time, after the update that was just made. Asked often: no wait here."""

    @abstractmethod
    def take(self) -> None:
        """Do it."""
