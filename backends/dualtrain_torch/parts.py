"""Tensors of which each process holds a part: `fully_shard`'s. Others are their own whole and part.

What gives the whole waits for every process: all must ask for it, in the same order.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist

__all__ = ["added_up", "alike", "is_split", "part", "whole"]


def is_split(tensor: Any) -> bool:
    """Whether each process holds a part of it."""
    return hasattr(tensor, "device_mesh")


def whole(tensor: Any) -> Any:
    """All of a tensor."""
    return tensor.full_tensor() if is_split(tensor) else tensor


def part(tensor: Any) -> Any:
    """What this process holds; it may be empty. Writing into it writes into the tensor."""
    with torch.no_grad():
        return tensor.to_local() if is_split(tensor) else tensor


def alike(tensor: Any, other: Any) -> Any:
    """A whole tensor, that all processes have, split as the other one is."""
    if not is_split(other):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    place = {"device_mesh": other.device_mesh, "placements": other.placements}
    return distribute_tensor(tensor.to(other.device), **place, src_data_rank=None)


def added_up(norms: Any) -> Any:
    """The norms of tensors, from those of the processes' parts."""
    squares = norms.double().square()
    dist.all_reduce(squares)
    return squares.sqrt().to(norms.dtype)
