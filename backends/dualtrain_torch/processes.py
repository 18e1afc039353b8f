"""Several processes: the group, the model that averages gradients over it, sums over it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from dualtrain.world import World

__all__ = ["holding_back", "join", "leave", "spread", "summed"]

WAIT = timedelta(minutes=10)
"""How long one process waits for another: rank 0 may be writing a checkpoint."""


def join(world: World, device: Any) -> bool:
    """Be one of the group's processes; whether it was made here, and is to be left."""
    if dist.is_initialized():
        return False
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        rank=world.rank,
        world_size=world.size,
        timeout=WAIT,
    )
    return True


def leave() -> None:
    """End the group."""
    dist.destroy_process_group()


def spread(model: torch.nn.Module, device: Any) -> Any:
    """The model whose backward pass gives every process the mean of all gradients."""
    devices = [device] if device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=devices, find_unused_parameters=True)


def holding_back(spread: Any) -> AbstractContextManager[Any]:
    """A context whose backward passes add up gradients in this process alone."""
    context: AbstractContextManager[Any] = spread.no_sync()
    return context


def summed(tensor: Any) -> Any:
    """The sum of a tensor over all processes, in float64."""
    total = tensor.detach().double().clone()
    dist.all_reduce(total)
    return total
