"""A micro-batch shared by several processes: the update is that of one process, up to rounding.

Every process makes the whole micro-batch, which costs no device, and takes its rows of it. So the
number of targets is known everywhere without asking, and the data order is that of one process.
Of the framework's engine, which gives each process the mean of the gradients, the loss is asked
times the number of processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from dualtrain.backend import Backend
from dualtrain.data import MicroBatch
from dualtrain.errors import PlanError
from dualtrain.spec import Spec
from dualtrain.world import ALONE, World

__all__ = ["Processes", "device_of", "joined"]


def device_of(spec: Spec, world: World) -> str:
    """The device of a process: `cuda` without a number is that of its place on the machine."""
    if world.size > 1 and spec.device == "cuda":
        return f"cuda:{world.local_rank}"
    return spec.device


class Processes:
    """This process's part in a run."""

    def __init__(self, backend: Backend, model: Any, device: Any, world: World = ALONE) -> None:
        self._backend, self.world = backend, world
        self.model = model
        """What forward passes go through."""
        if world.size > 1:
            self._check(model)
            self.model = backend.spread(model, device)

    @property
    def weight(self) -> int:
        """By what a loss is multiplied, so that the mean over the processes is the sum."""
        return self.world.size

    def share(self, batch: MicroBatch) -> tuple[MicroBatch, bool]:
        """This process's rows of a micro-batch, and whether they count.

        Where there are fewer rows than processes one that has none takes the first, which does not
        count: every process must take part in the mean of the gradients.
        """
        if self.world.size == 1:
            return batch, True
        count = len(next(iter(batch.values())))
        rows = self.world.rows(count)
        counts = rows.stop > rows.start
        taken = rows if counts else slice(0, 1)
        return {name: array[taken] for name, array in batch.items()}, counts

    def before(self, *, is_last: bool) -> AbstractContextManager[Any]:
        """The context of a forward and a backward pass; is_last: of an update."""
        if self.world.size == 1 or is_last:
            return nullcontext()
        return self._backend.holding_back(self.model)

    def summed(self, tensor: Any) -> Any:
        """A scalar's sum over all processes."""
        return tensor.detach() if self.world.size == 1 else self._backend.summed(tensor)

    def _check(self, model: Any) -> None:
        """Refuse batch norm, whose statistics would be those of each process's rows."""
        names = [
            path
            for path, module in self._backend.modules(model).items()
            if "BatchNorm" in type(module).__name__ and module.training
        ]
        if names:
            raise PlanError(
                "with several processes a model must have no batch norm that trains: each process "
                "would normalise by its own rows, and the update would not be that of one process. "
                "Put it into evaluation mode, or take a norm without a batch. Received: "
                f"{', '.join(names[:3])}, of {self.world.size} processes"
            )


@contextmanager
def joined(backend: Backend, world: World, device: Any) -> Iterator[None]:
    """The block in which this process is one of its world's."""
    if world.size == 1:
        yield
        return
    made = backend.join(world, device)
    try:
        yield
    finally:
        if made:
            backend.leave()
