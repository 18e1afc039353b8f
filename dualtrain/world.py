"""The processes that share each micro-batch: how many there are, and which of them this one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dualtrain.errors import BackendError

__all__ = ["ALONE", "World"]

_NAMES = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    ("PADDLE_TRAINER_ID", "PADDLE_TRAINERS_NUM", "PADDLE_RANK_IN_NODE"),
)
"""What torchrun and `python -m paddle.distributed.launch` tell each process, by their own names."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A process among all of a run's.

    >>> World.of({"RANK": "1", "WORLD_SIZE": "4"})
    World(rank=1, size=4, local_rank=1)
    >>> [World(rank=rank, size=3).rows(7) for rank in range(3)]
    [slice(0, 3, None), slice(3, 5, None), slice(5, 7, None)]
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Among those of its machine."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> World:
        """The world that a launcher has told of; one process where none has.

        Raises `BackendError` for numbers that are none.
        """
        for names in _NAMES:
            rank, size, local = (environment.get(name) for name in names)
            if rank is None or size is None:
                continue
            if not (rank.isdigit() and size.isdigit() and int(rank) < int(size)):
                raise BackendError(
                    f"{names[0]} and {names[1]} must be a process's number, from 0, and how many "
                    f"there are. Received: {rank!r} and {size!r}"
                )
            local = rank if local is None or not local.isdigit() else local
            return cls(rank=int(rank), size=int(size), local_rank=int(local))
        return cls()

    @property
    def leads(self) -> bool:
        """Whether this process writes the files of the run and speaks to the user."""
        return self.rank == 0

    def rows(self, count: int) -> slice:
        """Which of a micro-batch's rows are this process's: in order, as even as they can be."""
        share, more = divmod(count, self.size)
        start = self.rank * share + min(self.rank, more)
        return slice(start, start + share + (self.rank < more))


ALONE = World()
