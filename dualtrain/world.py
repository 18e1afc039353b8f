"""The processes that share each micro-batch: how many there are, and which of them this one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from dualtrain.errors import BackendError

__all__ = ["ALONE", "SHARDS", "Shard", "World", "check_alone", "check_shard"]

Shard = Literal["none", "optimizer", "full"]
"""What is split between the processes, and not held by each: the optimizer's state; all of it."""

SHARDS: tuple[Shard, ...] = get_args(Shard)

_NAMES = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    ("PADDLE_TRAINER_ID", "PADDLE_TRAINERS_NUM", "PADDLE_LOCAL_RANK"),
)
"""What torchrun and `python -m paddle.distributed.launch` tell each process, by their own names."""

_OF_A_LAUNCHER = ("TORCHELASTIC_RUN_ID", "PADDLE_LOCAL_SIZE")
"""What only those two set: their process is the parent, and ends last."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A process among all of a run's.

    >>> there = {"MASTER_ADDR": "first", "MASTER_PORT": "29500"}
    >>> World.of({"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", **there}).leads
    False
    >>> [World(rank=rank, size=3).rows(7) for rank in range(3)]
    [slice(0, 3, None), slice(3, 5, None), slice(5, 7, None)]
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Among those of its machine."""
    address: str = "127.0.0.1"
    """Of the first process's machine."""
    port: int = 0
    """On which the group is made there; 0 of one process."""
    is_launched: bool = False
    """Whether the parent is a launcher, without which no process should go on."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> World:
        """The world that a launcher has told of; one process where none has.

        Raises `BackendError` for numbers that are none, and where nobody says where the first of
        several processes is.
        """
        for names in _NAMES:
            rank, size, local = (environment.get(name) for name in names)
            if rank is None or size is None:
                continue
            if not (rank.isdecimal() and size.isdecimal() and int(rank) < int(size)):
                raise BackendError(
                    f"{names[0]} and {names[1]} must be a process's number, from 0, and how many "
                    f"there are. Received: {rank!r} and {size!r}"
                )
            if int(size) == 1:
                return ALONE
            address, port = _first(environment)
            return cls(
                rank=int(rank),
                size=int(size),
                local_rank=int(local if local is not None and local.isdecimal() else rank),
                address=address,
                port=port,
                is_launched=any(name in environment for name in _OF_A_LAUNCHER),
            )
        return ALONE

    @property
    def leads(self) -> bool:
        """Whether this process writes the files of the run and speaks to the user."""
        return self.rank == 0

    def rows(self, count: int) -> slice:
        """Which of a micro-batch's rows are this process's: in order, as even as they can be."""
        share, more = divmod(count, self.size)
        start = self.rank * share + min(self.rank, more)
        return slice(start, start + share + (self.rank < more))

    def __str__(self) -> str:
        return f"process {self.rank} of {self.size}"


ALONE = World()


def check_shard(shard: str) -> None:
    """Raise `BackendError` for a word that is none of `SHARDS`."""
    if shard not in SHARDS:
        raise BackendError(f"shard must be one of {', '.join(SHARDS)}. Received: {shard!r}")


def check_alone(what: str, environment: Mapping[str, str]) -> None:
    """Raise `BackendError` where a launcher has started several processes of what one does."""
    world = World.of(environment)
    if world.size > 1:
        raise BackendError(
            f"{what} is the work of one process: start it without a launcher, which is for train. "
            f"Received: {world}"
        )


def _first(environment: Mapping[str, str]) -> tuple[str, int]:
    """Address and port of the first process; Paddle's launcher has it first among all."""
    ends = environment.get("PADDLE_TRAINER_ENDPOINTS", "").partition(",")[0].rpartition(":")
    address = environment.get("MASTER_ADDR") or ends[0]
    port = environment.get("MASTER_PORT") or ends[2]
    if not address or not port.isdecimal():
        raise BackendError(
            "MASTER_ADDR and MASTER_PORT must say where the first of several processes is: start "
            f"them by torchrun, or by Paddle's launcher. Received: {address!r} and {port!r}"
        )
    return address, int(port)
