"""Several processes: the group, the model that averages gradients over it, sums over it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Any

import paddle
from paddle import distributed as dist

from dualtrain.world import World

__all__ = ["holding_back", "join", "leave", "spread", "summed"]


def join(world: World, device: Any) -> bool:
    """Be one of the group's processes; whether it was made here, and is to be left."""
    if dist.is_initialized():
        return False
    if "PADDLE_TRAINER_ENDPOINTS" not in os.environ:  # of another launcher: see `_endpoints`
        os.environ.update(_endpoints(world))
    dist.init_parallel_env()
    return True


def _endpoints(world: World) -> dict[str, str]:
    """What Paddle's own launcher tells; without it Paddle takes itself for alone, and says nothing.

    The addresses begin one behind the port that the launcher's own store has.
    """
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    ends = [f"{address}:{port + 1 + rank}" for rank in range(world.size)]
    return {
        "PADDLE_TRAINER_ID": str(world.rank),
        "PADDLE_TRAINERS_NUM": str(world.size),
        "PADDLE_TRAINER_ENDPOINTS": ",".join(ends),
        "PADDLE_CURRENT_ENDPOINT": ends[world.rank],
        "PADDLE_DISTRI_BACKEND": "gloo" if paddle.get_device() == "cpu" else "nccl",
    }


def leave() -> None:
    """End the group."""
    dist.destroy_process_group()


def spread(model: paddle.nn.Layer, device: Any) -> Any:
    """The model whose backward pass gives every process the mean of all gradients."""
    return paddle.DataParallel(model, find_unused_parameters=True)


def holding_back(spread: Any) -> AbstractContextManager[Any]:
    """A context whose backward passes add up gradients in this process alone."""
    context: AbstractContextManager[Any] = spread.no_sync()
    return context


def summed(tensor: Any) -> Any:
    """The sum of a tensor over all processes, in float64."""
    total = tensor.detach().astype("float64").clone()
    dist.all_reduce(total)
    return total
