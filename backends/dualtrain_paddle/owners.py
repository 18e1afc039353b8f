"""A split optimizer's state: one process keeps all that there is of a parameter.

What gives the state of all waits for every process: all must ask for it, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import paddle
import paddle.distributed as dist

__all__ = ["gathered", "held_by", "is_own", "set_owners", "updates_of"]


def set_owners(optimizer: Any, owners: Mapping[str, int]) -> None:
    """Split an optimizer's state; owners: native name of a parameter -> who moves it."""
    optimizer.dualtrain_owners = owners


def is_own(optimizer: Any, name: str) -> bool:
    """Whether this process keeps the state of a parameter, by its native name."""
    owners = _owners(optimizer)
    return owners is None or owners.get(name) == dist.get_rank()


def held_by(optimizer: Any, name: str) -> dict[str, Any]:
    """Paddle's name of a state -> a parameter's tensor of it, in this process."""
    states = optimizer._accumulators.items()
    return {state: tensors[name] for state, tensors in states if name in tensors}


def updates_of(optimizer: Any, name: str) -> int:
    """How often a rule that is computed here has moved a parameter; 0 of Paddle's own."""
    return int(getattr(optimizer, "steps", {}).get(name, 0))


@paddle.no_grad()
def gathered(optimizer: Any, names: Sequence[str]) -> Iterator[tuple[dict[str, Any], int]]:
    """What `held_by` and `updates_of` say of each parameter where it is kept, one after the other.

    Tensors of another process come as copies.
    """
    owners = _owners(optimizer)
    for name in names:
        held, updates = held_by(optimizer, name), updates_of(optimizer, name)
        if owners is not None and name in owners:
            own = held if is_own(optimizer, name) else {}
            told, updates = _told((_described(own), updates), owners[name])
            held = {
                state: _received(own.get(state), like, owners[name]) for state, like in told.items()
            }
        yield held, updates


def _owners(optimizer: Any) -> Mapping[str, int] | None:
    owners: Mapping[str, int] | None = getattr(optimizer, "dualtrain_owners", None)
    return owners


def _described(held: Mapping[str, Any]) -> dict[str, Any]:
    """The values of numbers, which may lie on the CPU when the rest does not; of others shapes."""
    return {
        state: tensor.numpy()
        if tensor.size == 1
        else (list(tensor.shape), str(tensor.dtype).rpartition(".")[2])
        for state, tensor in held.items()
    }


def _received(own: Any, like: Any, rank: int) -> Any:
    """A tensor of the process of that rank; own: it, there."""
    if not isinstance(like, tuple):
        return paddle.to_tensor(like) if own is None else own
    tensor = paddle.empty(*like) if own is None else own
    dist.broadcast(tensor, src=rank)
    return tensor


def _told(value: Any, rank: int) -> Any:
    """What the process of that rank gives, an object of Python's."""
    given = [value]
    dist.broadcast_object_list(given, src=rank)
    return given[0]
