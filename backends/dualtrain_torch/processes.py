"""Several processes: the group, the engine that averages gradients over it, what is said in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from dualtrain.backend import Spread as CoreSpread
from dualtrain.errors import BackendError
from dualtrain.ledger import keeps_precision
from dualtrain.spec import Amp
from dualtrain.world import Shard, World
from dualtrain_torch.tensors import named_tensors

__all__ = ["Spread", "align", "check_shard", "join", "leave", "split", "summed", "told"]

_WAIT = timedelta(minutes=30)
"""How long one process waits for another: rank 0 may be writing a checkpoint."""


def join(world: World, device: Any) -> bool:
    """Be one of the group's processes; whether it was made here, and is to be left."""
    if dist.is_initialized():
        return False
    if device.type == "cuda":
        torch.cuda.set_device(device)
    os.environ.setdefault("MASTER_ADDR", world.address)  # under Paddle's launcher
    os.environ.setdefault("MASTER_PORT", str(world.port))
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        rank=world.rank,
        world_size=world.size,
        timeout=_WAIT,
    )
    return True


def leave() -> None:
    """End the group."""
    dist.destroy_process_group()


def told(value: Any) -> Any:
    """What the first process gives, an object of Python's."""
    given = [value]
    dist.broadcast_object_list(given, src=0)
    return given[0]


def summed(tensor: Any) -> Any:
    """The sum of a tensor over all processes, in float64."""
    total = tensor.detach().double().clone()
    dist.all_reduce(total)
    return total


@torch.no_grad()
def align(model: torch.nn.Module) -> None:
    """Let parameters and buffers be those of the first process."""
    for tensor in (*model.parameters(), *model.buffers()):
        dist.broadcast(tensor.detach(), src=0)


def check_shard(shard: Shard, device: Any) -> None:
    """Refuse what torch has no engine for."""
    if shard == "optimizer":
        raise BackendError(
            "torch splits parameters, gradients and the optimizer's state together: choose the "
            f"shard 'full', which is fully_shard. Received: {shard!r}"
        )


def split(model: torch.nn.Module, amp: Amp | None) -> None:
    """Let each process hold a part of each parameter: `fully_shard`.

    Each block of a list of them, such as an encoder's layers, is gathered by itself; at level O2
    each norm, too, for it stays in float32, and what is gathered together must be of one type.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    device = next(model.parameters()).device
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    if amp is not None and amp.level == "O2":
        for norm in _in_float32(model):
            fully_shard(norm, mesh=mesh, reshard_after_forward=True)
    lists = (m for m in model.modules() if isinstance(m, torch.nn.ModuleList))
    for block in [block for blocks in lists for block in blocks]:
        if any(True for _ in block.children()):
            fully_shard(block, mesh=mesh, reshard_after_forward=True)
    fully_shard(model, mesh=mesh, reshard_after_forward=True)


def _in_float32(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The modules whose parameters level O2 leaves as they are: norms."""
    found = [f for f in named_tensors(model) if f.is_parameter]
    kept = {id(f.tensor) for f in found if keeps_precision(f.kind)}
    owners = {f.owner: f.name for f in found if id(f.tensor) in kept}
    for module, name in owners.items():
        if any(id(parameter) not in kept for parameter in module.parameters()):
            raise BackendError(
                "amp.level 'O2': fully_shard gathers what a module holds in one type: choose the "
                "shard 'none', or put what stays in float32 into a module of its own. Received: "
                f"{name!r}, which does, beside parameters that do not"
            )
    return list(owners)


class Spread(CoreSpread):
    """`DistributedDataParallel`, or what `split` has made of the model."""

    def __init__(self, model: Any, optimizer: Any, device: Any, *, shard: Shard) -> None:
        self._optimizer, self._is_split = optimizer, shard == "full"
        self.model = model
        if not self._is_split:
            devices = [device] if device.type == "cuda" else None
            self.model = DistributedDataParallel(
                model, device_ids=devices, find_unused_parameters=True
            )

    def holding_back(self) -> AbstractContextManager[Any]:
        """A context whose backward passes add up gradients in this process alone."""
        context: AbstractContextManager[Any] = (
            _held(self.model) if self._is_split else self.model.no_sync()
        )
        return context

    def step(self) -> None:
        """Each process moves what it holds; of whole weights all hold the same."""
        self._optimizer.step()


@contextmanager
def _held(model: Any) -> Iterator[None]:
    model.set_requires_gradient_sync(False)
    try:
        yield
    finally:
        model.set_requires_gradient_sync(True)
