"""A micro-batch shared by several processes: the update is that of one process, up to rounding.

Every process makes the whole micro-batch, which costs no device, and takes its rows of it. So the
number of targets is known everywhere without asking, and the data order is that of one process.
Of the framework's engine, which gives each process the mean of the gradients, the loss is asked
times the number of processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from dualtrain.backend import Backend, Spread
from dualtrain.data import MicroBatch
from dualtrain.errors import BackendError, DataError, DualtrainError
from dualtrain.spec import Amp, BatchNormRule, Spec
from dualtrain.training.processes._presence import Presence
from dualtrain.world import ALONE, Shard, World, check_shard

__all__ = ["Processes", "alone", "check_same_run", "device_of", "joined"]

Value = TypeVar("Value")


def device_of(spec: Spec, world: World) -> str:
    """The device of a process: `cuda` without a number is that of its place on the machine."""
    if world.size > 1 and spec.device == "cuda":
        return f"cuda:{world.local_rank}"
    return spec.device


class Processes:
    """This process's part in a run."""

    def __init__(
        self, backend: Backend, world: World, shard: Shard, presence: Presence | None
    ) -> None:
        self.backend, self.world, self._presence = backend, world, presence
        self.shard: Shard = shard
        self._spread: Spread | None = None
        self._epoch = -1
        self._counts: bool | None = None  # in a forward or a backward pass of training

    @property
    def are_several(self) -> bool:
        """Whether there is another process."""
        return self.world.size > 1

    @property
    def weight(self) -> int:
        """By what a loss is multiplied, so that the mean over the processes is the sum."""
        return self.world.size

    def begin(self, model: Any, amp: Amp | None) -> None:
        """Let the weights be those of the first process; before the model has an optimizer."""
        if self.are_several:
            self._check(model)
            self.backend.align(model)
            if self.shard == "full":
                self.backend.split(model, amp)

    def spread(self, model: Any, optimizer: Any, device: Any) -> None:
        """Let the framework's engine have the model and its optimizer."""
        if self.are_several:
            self._spread = self.backend.Spread(model, optimizer, device, shard=self.shard)

    def check_state(self) -> None:
        """Refuse to gather a state that the framework's engine does not give; before a run begins.

        Raises `BackendError`.
        """
        if self._spread is not None and not self._spread.gives_state:
            raise BackendError(
                "checkpoints and states are of the whole run, which this framework does not gather "
                "where it splits all: choose another shard, or leave them out. Received: "
                f"{self.shard!r}"
            )

    def release(self) -> None:
        """Let go of the engine, which must be gone before the group is left."""
        self._spread = None

    def forward(self, model: Any) -> Any:
        """What forward passes of training go through."""
        return model if self._spread is None else self._spread.model

    def step(self, optimizer: Any) -> None:
        """Let the optimizer move the weights of every process."""
        if self._spread is None:
            optimizer.step()
        else:
            self._spread.step()

    def share(self, batch: MicroBatch) -> tuple[MicroBatch, bool]:
        """This process's rows of a micro-batch, and whether they count.

        Where there are fewer rows than processes one that has none takes the first, which does not
        count: every process must take part in the mean of the gradients.

        Raises `DataError` for arrays that have not the same number of rows.
        """
        if not self.are_several:
            return batch, True
        counts = {name: len(array) if array.ndim else 0 for name, array in batch.items()}
        count = next(iter(counts.values()))
        if count == 0 or len(set(counts.values())) > 1:
            raise DataError(
                "with several processes each array of a micro-batch must have a row for each "
                f"sample: they share the rows. Received: rows {counts}"
            )
        rows = self.world.rows(count)
        is_counted = rows.stop > rows.start
        taken = rows if is_counted else slice(0, 1)
        return {name: array[taken] for name, array in batch.items()}, is_counted

    @contextmanager
    def passing(self, *, averages: bool, is_counted: bool) -> Iterator[None]:
        """The context of a forward and a backward pass; is_counted: see `share`.

        averages: whether the backward pass averages gradients over the processes, those of the
        passes before it too that did not.
        """
        if self._spread is None:
            yield
            return
        self._counts = is_counted
        try:
            with nullcontext() if averages else self._spread.holding_back():
                yield
        finally:
            self._counts = None

    def share_batch_norm(self, model: Any, rule: BatchNormRule) -> Callable[[], None]:
        """Let batch norms that train have the rows of all processes; returns what ends that."""
        if not self.are_several:
            return lambda: None
        return self.backend.share_batch_norm(model, rule, lambda: self._counts)

    def summed(self, tensor: Any) -> Any:
        """A scalar's sum over all processes."""
        return self.backend.summed(tensor) if self.are_several else tensor.detach()

    def told(self, value: Value) -> Value:
        """The first process's value, so that all decide alike."""
        if not self.are_several:
            return value
        given: Value = self.backend.told(value)
        return given

    def said(self, value: Value) -> Value:
        """The first process's, a word or a number, without a wait for the device."""
        if self._presence is None:
            return value
        given: Value = self._presence.said(value)
        return given

    def meet(self) -> None:
        """Wait for the others, after what may take one of them long: frameworks wait less."""
        if self._presence is not None:
            self._presence.meet()

    def check_alike(self, what: str, value: object, cure: str) -> None:
        """Raise `DataError` where a value is not the first process's."""
        if not self.are_several:
            return
        expected = self.told(value)
        if expected != value:
            raise DataError(
                f"with several processes {what} must be the same in each: {cure}. Expected, as in "
                f"process 0: {_short(expected)}. Received: {_short(value)}, in {self.world}"
            )
        self.meet()

    def check_batches(self, epoch: int, digests: tuple[str, ...]) -> None:
        """Look, once an epoch, whether every process has the same micro-batches."""
        if epoch != self._epoch:
            self._epoch = epoch
            self.check_alike(
                "an epoch's micro-batches",
                digests,
                "each process is given all of them, and takes its own rows; leave a "
                "DistributedSampler out, and seed what shuffles",
            )

    def _check(self, model: Any) -> None:
        """Refuse what would be spread twice."""
        modules = self.backend.modules(model).items()
        wrapped = [type(module).__name__ for _, module in modules if _is_spread(module)]
        if wrapped:
            raise BackendError(
                "with several processes the model must be as it was written: the run spreads it "
                f"itself. Received: one in {wrapped[0]}"
            )


def alone(backend: Backend) -> Processes:
    """One process."""
    return Processes(backend, ALONE, "none", None)


@contextmanager
def joined(
    backend: Backend, device: Any, *, world: World | None = None, shard: Shard = "none"
) -> Iterator[Processes]:
    """The block in which this process is one of its world's, that of the environment.

    Raises `BackendError` for a way of sharding that the backend or the device has not, and where
    another process ends or stands still, with its number.
    """
    world = World.of(os.environ) if world is None else world
    check_shard(shard)
    if world.size == 1:
        yield alone(backend)
        return
    backend.check_shard(shard, device)
    made = backend.join(world, device)
    with Presence(world, backend.told) as presence:
        try:
            presence.meet()
            yield Processes(backend, world, shard, presence)
        except DualtrainError:
            raise
        except Exception:  # whatever a framework says of a process that does not answer
            presence.check(wait=2.0)
            raise
    if made:
        backend.leave()


def check_same_run(processes: Processes, spec: Spec, data: str | None = None) -> None:
    """Raise `DataError` where a process has another spec, or other data."""
    words = spec.model_dump_json(exclude={"device"})
    processes.check_alike("the spec", words, "give each the same file")
    processes.check_alike("the data", data, "give each machine the same files")


def _is_spread(module: Any) -> bool:
    return any("DataParallel" in base.__name__ for base in type(module).__mro__)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 100 else f"{text[:97]}..."
