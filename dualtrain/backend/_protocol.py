"""What the core asks of a backend package.

A device is whatever `open_device` gives; a model, an optimizer and a schedule are the framework's
own native objects, of which `_native.py` says what is asked of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend._averages import Averages
from dualtrain.backend._clip import Clipper
from dualtrain.backend._masters import Masters
from dualtrain.backend._spread import Spread
from dualtrain.ledger import Ledger, Parameter
from dualtrain.optimizers import Optimizer
from dualtrain.plan import Plan
from dualtrain.spec import Amp, BatchNormRule, Clip
from dualtrain.state import Arrays, Scalars, TensorState
from dualtrain.tasks import ModelConfig
from dualtrain.world import Shard, World

__all__ = ["Backend"]


class Backend(Protocol):
    """What a run, a trace and a task call.

    Those from `parameters` on are the same in every framework: `SharedVerbs` has them over `Verbs`.
    """

    NAME: str
    """The name of the framework and of the entry point."""
    AMP_DEVICES: tuple[str, ...]
    """Kinds of device on which autocast works."""

    def versions(self) -> dict[str, str]:
        """Package -> installed version, of all that changes the numbers."""
        ...

    def settings(self, device: Any) -> list[str]:
        """What is set in the process that changes the numbers of a run: a sentence each."""
        ...

    def open_device(self, name: str) -> Any:
        """The device `cpu`, `cuda` or `cuda:N`; `BackendError` if it is not there."""
        ...

    def seed_everything(self, seed: int) -> None:
        """Seed the framework's generators."""
        ...

    def place(self, model: Any, device: Any) -> Any:
        """The model, on the device."""
        ...

    def join(self, world: World, device: Any) -> bool:
        """Be one of several processes; whether the group was made here, and is to be left."""
        ...

    def leave(self) -> None:
        """End the group of processes."""
        ...

    def told(self, value: Any) -> Any:
        """What the first process gives, an object of Python's."""
        ...

    def align(self, model: Any) -> None:
        """Let parameters and buffers be those of the first process."""
        ...

    def check_shard(self, shard: Shard, device: Any) -> None:
        """`BackendError` for what the framework does not split, or not on this device."""
        ...

    def split(self, model: Any, amp: Amp | None) -> None:
        """Let each process hold a part of each parameter, where that comes before an optimizer."""
        ...

    def Spread(self, model: Any, optimizer: Any, device: Any, *, shard: Shard) -> Spread:
        """The class of a model and its optimizer over the processes."""
        ...

    def summed(self, tensor: Any) -> Any:
        """The sum of a tensor over all processes, in float64."""
        ...

    def to_device(self, batch: Mapping[str, NDArray[Any]], device: Any) -> dict[str, Any]:
        """A batch as tensors on the device."""
        ...

    def to_numpy(self, tensor: Any) -> NDArray[np.float32]:
        """A tensor as float32 in numpy."""
        ...

    def to_array(self, value: Any) -> Any:
        """A tensor as an array of its own type, waiting for its device; anything else as it is."""
        ...

    def numbers(self, scalars: Sequence[Any]) -> list[float]:
        """The values of scalar tensors, with one wait for the device."""
        ...

    def inference(self) -> AbstractContextManager[Any]:
        """A context in which no gradients are recorded."""
        ...

    def build_model(self, config: ModelConfig) -> Any:
        """The model of a configuration, in training mode, its weights yet to be loaded.

        `BackendError` for a configuration of a class that it does not know.
        """
        ...

    def build_linear(self, inputs: int, outputs: int) -> Any:
        """One Linear layer, the smallest model that trains."""
        ...

    def modules(self, model: Any) -> Mapping[str, Any]:
        """Path -> module, for the model (its path is empty) and every module in it, each once."""
        ...

    def freeze(self, model: Any, ledger: Ledger) -> None:
        """Let parameters have gradients, or not, as the ledger says; hold its statistics."""
        ...

    def build_optimizer(
        self, optimizer: Optimizer, ledger: Ledger, model: Any, *, clip: Any = None
    ) -> Any:
        """The native optimizer, wired by the ledger; with `clip` it clips inside `step()`."""
        ...

    def build_schedule(
        self, plan: Plan, optimizer: Any, *, rate_at: Callable[[int], float] | None = None
    ) -> Any:
        """The native schedule that drives the optimizer by its `step()`.

        rate_at: gives the rate of update t, where metrics decide and the plan does not know it.
        """
        ...

    def check_amp(self, amp: Amp | None, device: Any) -> None:
        """`BackendError` for what the device cannot do."""
        ...

    def check_autocast(self, amp: Amp | None, device: Any) -> None:
        """`BackendError` if an autocast is open that is not the spec's own."""
        ...

    def autocast(self, amp: Amp | None, device: Any) -> AbstractContextManager[Any]:
        """The context of a forward pass."""
        ...

    def updating(self, amp: Amp | None, device: Any) -> AbstractContextManager[None]:
        """The context of a backward pass and an update: without autocast.

        What a backward pass computes again in it (gradient checkpointing) has the types of its
        forward pass; after it nobody computes with weights that were cast before.
        """
        ...

    def unscale(self, optimizer: Any, scale: float) -> bool:
        """Divide the optimizer's gradients by the scale, in place; whether all were finite."""
        ...

    def learning_rate(self, optimizer: Any) -> float:
        """The rate that the optimizer's next step uses, before multipliers."""
        ...

    def momentum(self, optimizer: Any) -> float:
        """The momentum that the optimizer's next step uses."""
        ...

    def set_momentum(self, optimizer: Any, momentum: float) -> None:
        """Set the momentum that the next step of a `momentum` optimizer uses."""
        ...

    def clear_gradients(self, optimizer: Any) -> None:
        """Set every gradient to None."""
        ...

    def skip_step(self, optimizer: Any) -> None:
        """In place of the optimizer's `step()` when an update is skipped."""
        ...

    def parameters(self, model: Any) -> list[Parameter]:
        """Every parameter once, under its canonical name."""
        ...

    def notes(self, model: Any) -> list[str]:
        """Sentences for a trace: what of the model its numbers do not show."""
        ...

    def load_weights(self, model: Any, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Set the weights: canonical names and layout, float32, nothing missing or left over."""
        ...

    def dump_weights(self, model: Any) -> dict[str, NDArray[np.float32]]:
        """The weights, as `load_weights` takes them."""
        ...

    def dump_state(self, model: Any, optimizer: Any = None) -> TensorState:
        """Copies of all that the next update depends on; of the weights alone without optimizer."""
        ...

    def load_state(self, model: Any, optimizer: Any, state: TensorState) -> None:
        """Take a state; with None for the optimizer, its weights alone."""
        ...

    def random_states(self, model: Any) -> Arrays:
        """What the framework's random numbers come from, on the host and on the model's device."""
        ...

    def set_random_states(self, model: Any, states: Arrays) -> None:
        """Go on from random states, where they are there."""
        ...

    def dump_gradients(self, model: Any) -> dict[str, NDArray[Any]]:
        """Canonical name -> a copy of the gradient, of a master its own; where there is one."""
        ...

    def load_gradients(self, model: Any, gradients: Arrays) -> None:
        """Let the parameters have these gradients, and no others."""
        ...

    def dump_statistics(self, model: Any) -> dict[str, NDArray[Any]]:
        """Canonical name -> a copy, for every running statistic."""
        ...

    def clipped_gradients(self, model: Any, clip: Clipper) -> dict[str, NDArray[Any]]:
        """Canonical name -> the gradient that the last step used, of a clip that keeps them."""
        ...

    def widened(self, model: Any) -> Any:
        """A copy of a model in float64; what it raises depends on the model."""
        ...

    def in_float64(self) -> AbstractContextManager[None]:
        """A context in which tensors of no stated type are float64."""
        ...

    def scalars(
        self, optimizer: Any, before: TensorState, after: TensorState
    ) -> Mapping[str, Scalars]:
        """Canonical name -> the numbers of the update between two states of the optimizer's.

        Only where they are not float64's own. Both states as this framework gave them.
        """
        ...

    def effective_decay(self, optimizer: Any, model: Any) -> dict[str, float]:
        """Canonical name -> weight decay, read back from the live optimizer."""
        ...

    def effective_lr_multiplier(self, optimizer: Any, model: Any) -> dict[str, float]:
        """Canonical name -> multiplier of the rate, read back from the live optimizer."""
        ...

    def build_clip(self, clip: Clip | None, *, measure: bool = False) -> Clipper | None:
        """The object that clips; None where nothing is clipped and nothing measured."""
        ...

    def build_averages(self, model: Any, *, statistics: bool = False) -> Averages:
        """The averages of the weights that train; they start as the weights of now.

        statistics: whether running statistics are averaged, too.
        """
        ...

    def build_masters(self, amp: Amp | None, model: Any, optimizer: Any) -> Masters | None:
        """Level O2: cast the model, give the optimizer float32 masters; None below it.

        `BackendError` for a model that is cast already, or with AMP is in float64.
        """
        ...

    def scaled(self, loss: Any, scale: float) -> Any:
        """loss x scale, in float32."""
        ...

    def cross_entropy_sum(self, logits: Any, labels: Any, *, label_smoothing: float = 0.0) -> Any:
        """Sum of the cross-entropy over the targets that count (`targets.py`); float64 stays."""
        ...

    def check_gradients(self, optimizer: Any) -> None:
        """`BackendError` for a gradient that is sparse."""
        ...

    def use_batch_norm(self, model: Any, rule: BatchNormRule) -> Callable[[], None]:
        """Let the running variances of batch normalisation follow a rule.

        Returns what gives the model its framework's own rule back; to be called once.
        """
        ...

    def share_batch_norm(
        self, model: Any, rule: BatchNormRule, counts: Callable[[], bool | None]
    ) -> Callable[[], None]:
        """Let batch norms have the rows of all processes; returns what ends that.

        counts: whether this process's rows count in the forward pass of now, None outside training.
        """
        ...
