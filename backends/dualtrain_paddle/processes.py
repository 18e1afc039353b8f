"""Several processes: the group, the engine that averages gradients over it, what is said in it."""

from __future__ import annotations

import copy
import os
import socket
import warnings
from contextlib import AbstractContextManager
from typing import Any

import paddle
import paddle.distributed as dist
from paddle.distributed.communication.group import _add_new_group

from dualtrain.backend import Spread as CoreSpread
from dualtrain.errors import BackendError
from dualtrain.files import reason
from dualtrain.spec import Amp
from dualtrain.world import Shard, World
from dualtrain_paddle._compat import check_fleet
from dualtrain_paddle.owners import set_owners
from dualtrain_paddle.step import held

__all__ = ["Spread", "align", "check_shard", "join", "leave", "split", "summed", "told"]


def join(world: World, device: Any) -> bool:
    """Be one of the group's processes; whether it was made here, and is to be left."""
    if dist.is_initialized():
        return False
    if ":" in world.address:
        raise BackendError(
            "Paddle's processes find the first one by a name or an IPv4 address, for Paddle cuts "
            f"what it is told at each colon. Received: {world.address!r}"
        )
    if "PADDLE_TRAINER_ENDPOINTS" not in os.environ:  # of another launcher: see `_endpoints`
        os.environ.update(_endpoints(world))
        if world.leads:
            _check_free(world.port + 1)
    group = dist.init_parallel_env()
    if not dist.is_initialized():  # left before: Paddle has it by its name still, without a number
        _add_new_group(group)
    return True


def _endpoints(world: World) -> dict[str, str]:
    """What Paddle's own launcher tells; without it Paddle takes itself for alone, and says nothing.

    The addresses begin one behind the port that the launcher's own store has.
    """
    ends = [f"{world.address}:{world.port + 1 + rank}" for rank in range(world.size)]
    return {
        "PADDLE_TRAINER_ID": str(world.rank),
        "PADDLE_TRAINERS_NUM": str(world.size),
        "PADDLE_TRAINER_ENDPOINTS": ",".join(ends),
        "PADDLE_CURRENT_ENDPOINT": ends[world.rank],
        "PADDLE_DISTRI_BACKEND": "gloo" if paddle.get_device() == "cpu" else "nccl",
    }


def _check_free(port: int) -> None:
    """Raise `BackendError` for a port that is taken: Paddle aborts the process there."""
    try:
        with socket.socket() as opened:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(("", port))
    except OSError as error:
        raise BackendError(
            "under another launcher than its own Paddle's processes meet at the port behind "
            f"MASTER_PORT: name one behind which that is free. Received: {port} ({reason(error)})"
        ) from None


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
    total = tensor.detach().astype("float64").clone()
    dist.all_reduce(total)
    return total


@paddle.no_grad()
def align(model: paddle.nn.Layer) -> None:
    """Let parameters and buffers be those of the first process."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor._is_initialized():
            dist.broadcast(tensor, src=0)


def check_shard(shard: Shard, device: Any) -> None:
    """Refuse what Paddle splits on no such device."""
    if shard == "full" and paddle.get_device() == "cpu":
        raise BackendError(
            "Paddle's group_sharded_parallel splits parameters on a GPU alone: choose the shard "
            f"'optimizer', or 'none'. Received: {shard!r}, on the CPU"
        )


def split(model: paddle.nn.Layer, amp: Amp | None) -> None:
    """Nothing: `group_sharded_parallel` splits a model together with its optimizer."""


class Spread(CoreSpread):
    """`paddle.DataParallel`; of the optimizer's state fleet's sharding, of all of it its third.

    With the state split each process moves the parameters that fleet has given it, by gradients
    that are whole everywhere, and gets the others from their processes.
    """

    def __init__(self, model: Any, optimizer: Any, device: Any, *, shard: Shard) -> None:
        self._optimizer, self._stage_1 = optimizer, None
        if shard == "full":
            self.gives_state = False  # what each process keeps was never seen: not run on a GPU yet
            from paddle.distributed.sharding import group_sharded_parallel

            self.model, self._optimizer, _ = group_sharded_parallel(model, optimizer, "p_g_os")
            return
        if shard == "optimizer":
            self._stage_1 = _stage_1(optimizer)
            set_owners(optimizer, self._stage_1._param2rank)
        self.model = paddle.DataParallel(model, find_unused_parameters=True)

    def holding_back(self) -> AbstractContextManager[Any]:
        """A context whose backward passes add up gradients in this process alone."""
        context: AbstractContextManager[Any] = self.model.no_sync()
        return context

    def step(self) -> None:
        """Each process moves what is its own; of whole states all hold the same."""
        if self._stage_1 is None:
            self._optimizer.step()
            return
        optimizer, moved = self._optimizer, held(self._optimizer)
        clip = optimizer._grad_clip
        if clip is not None:  # by the norm of all, before each process takes its own
            pairs = [(p, p.grad) for p in moved if p.grad is not None]
            for parameter, gradient in clip(pairs):
                parameter.grad = gradient
        own = self._stage_1._rank2params[dist.get_rank()]
        if own:  # none where there are more processes than parameters
            _set_moved(optimizer, own, clip=None)
            try:
                optimizer.step()
            finally:
                _set_moved(optimizer, moved, clip=clip)
        self._stage_1._sharding_sync_parameters()


def _set_moved(optimizer: Any, parameters: list[Any], *, clip: Any) -> None:
    """What the next step moves: Adam's looks in the one list, that of most others in the other."""
    optimizer._parameter_list = optimizer._param_groups = parameters
    optimizer._grad_clip = clip


def _stage_1(optimizer: Any) -> Any:
    """Fleet's, which says whose each parameter is; it is given a copy, whose parameters it takes.

    By their sizes: each goes to the process that has the fewest elements. Over the group that is
    there: on the CPU some of those that `fleet.init` makes beside it fail now and then, or hang.
    """
    from paddle.distributed import fleet
    from paddle.distributed.fleet.meta_optimizers.dygraph_optimizer import DygraphShardingOptimizer

    if not hasattr(fleet.fleet, "_user_defined_strategy"):  # which fleet.init leaves there
        fleet.fleet._user_defined_strategy = fleet.DistributedStrategy()
    check_fleet(fleet.fleet._user_defined_strategy)
    with warnings.catch_warnings():  # of no NCCL
        warnings.simplefilter("ignore")
        return DygraphShardingOptimizer(copy.copy(optimizer), _OneGroup())


class _OneGroup:
    """What fleet's optimizer asks of the groups that share a model between them."""

    def get_sharding_parallel_world_size(self) -> int:
        size: int = dist.get_world_size()
        return size

    def get_sharding_parallel_rank(self) -> int:
        rank: int = dist.get_rank()
        return rank

    def get_sharding_parallel_group(self) -> Any:
        return dist.get_group()
