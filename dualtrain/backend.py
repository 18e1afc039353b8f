"""What the core asks of a backend, and how a backend is found.

Backends are packages in the entry-point group `dualtrain.backends`, named by their framework's
import name. Nothing is imported before a backend is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import BackendError
from dualtrain.ledger import Ledger, Parameter
from dualtrain.optimizers import Optimizer
from dualtrain.plan import Plan
from dualtrain.spec import Amp, Clip
from dualtrain.state import TensorState
from dualtrain.tasks import ModelConfig

__all__ = [
    "Averages",
    "Backend",
    "Clipper",
    "Masters",
    "backend_names",
    "backend_of",
    "installed",
    "load_backend",
]


class Clipper(Protocol):
    """What `build_clip` makes: installed in the optimizer, it clips inside `step()`."""

    norm: Any
    """The joint norm of the last step's gradients, a scalar tensor; None if not measured."""
    clipped_norm: Any
    """The same after clipping; None without a clip."""


class Masters(Protocol):
    """A backend's float32 master weights of a model held in a low type."""

    def collect_gradients(self) -> None:
        """Add what a backward pass left in the model to the masters' gradients."""
        ...

    def read_back(self) -> None:
        """Take into the masters what was written into the model since the last update."""
        ...

    def write_back(self) -> None:
        """Round the masters into the model."""
        ...


class Averages(Protocol):
    """A backend's `Averages`: the moving averages of a model's weights, beside them."""

    def update(self, decay: float) -> None:
        """average <- decay average + (1 - decay) weight."""
        ...

    def applied(self) -> AbstractContextManager[None]:
        """A context in which the model has the averages for weights."""
        ...


class Backend(Protocol):
    """The verbs of a backend package: only what differs between frameworks.

    A model, an optimizer and a schedule are the framework's own native objects; a device is
    whatever `open_device` gives.
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

    def logits(self, model: Any, inputs: Mapping[str, Any]) -> Any:
        """The model's logits for a batch of tensors."""
        ...

    def parameters(self, model: Any) -> list[Parameter]:
        """Every parameter once, under its canonical name."""
        ...

    def modules(self, model: Any) -> Mapping[str, Any]:
        """Path -> module, for the model (its path is empty) and every module in it, each once."""
        ...

    def notes(self, model: Any) -> list[str]:
        """Sentences for a trace: what of the model its numbers do not show."""
        ...

    def freeze(self, model: Any, ledger: Ledger) -> None:
        """Let parameters have gradients, or not, as the ledger says; hold its statistics."""
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

    def build_clip(self, clip: Clip | None, *, measure: bool = False) -> Clipper | None:
        """The object that clips; None where nothing is clipped and nothing measured."""
        ...

    def use_biased_variance(self, model: Any) -> Callable[[], None]:
        """Let the running variances of batch normalisation follow Paddle's rule.

        Returns what gives the model its own rule back; to be called once.
        """
        ...

    def build_optimizer(
        self, optimizer: Optimizer, ledger: Ledger, model: Any, *, clip: Any = None
    ) -> Any:
        """The native optimizer, wired by the ledger; with `clip` it clips inside `step()`."""
        ...

    def effective_decay(self, optimizer: Any, model: Any) -> dict[str, float]:
        """Canonical name -> weight decay, read back from the live optimizer."""
        ...

    def effective_lr_multiplier(self, optimizer: Any, model: Any) -> dict[str, float]:
        """Canonical name -> multiplier of the rate, read back from the live optimizer."""
        ...

    def build_schedule(
        self, plan: Plan, optimizer: Any, *, rate_at: Callable[[int], float] | None = None
    ) -> Any:
        """The native schedule that drives the optimizer by its `step()`.

        rate_at: gives the rate of update t, where metrics decide and the plan does not know it.
        The schedule's `last_epoch` is t, and may be set back to have a rate taken anew.
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

    def scaled(self, loss: Any, scale: float) -> Any:
        """loss x scale, in float32."""
        ...

    def unscale(self, optimizer: Any, scale: float) -> bool:
        """Divide the optimizer's gradients by the scale, in place; whether all were finite."""
        ...

    def build_averages(self, model: Any) -> Averages:
        """The averages of the weights that train; they start as the weights of now."""
        ...

    def build_masters(self, amp: Amp | None, model: Any, optimizer: Any) -> Masters | None:
        """Level O2: cast the model, give the optimizer float32 masters; None below it.

        `BackendError` for a model that is cast already, or with AMP is in float64.
        """
        ...

    def cross_entropy_sum(self, logits: Any, labels: Any, *, label_smoothing: float = 0.0) -> Any:
        """Sum of the cross-entropy over the targets that count (`dualtrain/targets.py`)."""
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

    def check_gradients(self, optimizer: Any) -> None:
        """`BackendError` for a gradient that is sparse."""
        ...

    def clear_gradients(self, optimizer: Any) -> None:
        """Set every gradient to None."""
        ...

    def skip_step(self, optimizer: Any) -> None:
        """In place of the optimizer's `step()` when an update is skipped."""
        ...


def installed(*packages: str) -> dict[str, str]:
    """Package -> version, for those that are installed."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def backend_names() -> list[str]:
    """The installed backends."""
    return sorted(entry_points(group="dualtrain.backends").names)


def load_backend(name: str) -> Backend:
    """The backend of this name. Raises `BackendError` if it or its framework is not installed."""
    found = tuple(entry_points(group="dualtrain.backends", name=name))
    if not found:
        raise BackendError(
            f"backend must be one of {', '.join(map(repr, backend_names()))}. Received: {name!r}"
        )
    try:
        backend: Backend = found[0].load()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != name:
            raise  # not the framework: a fault of the backend itself
        raise BackendError(
            f"backend {name!r} needs the package {name!r}, which is not installed here: "
            f"pip install 'dualtrain[{name}]'"
        ) from error
    return backend


def backend_of(native: Any) -> Backend:
    """The backend that a model or an optimizer belongs to, by the package of its base classes."""
    roots = [cls.__module__.partition(".")[0] for cls in type(native).__mro__]
    names = [name for name in backend_names() if name in roots]
    if len(names) != 1:
        raise BackendError(
            f"the backend cannot be told: this must be an object of one of "
            f"{', '.join(map(repr, backend_names()))}. Received: {type(native).__name__}"
        )
    return load_backend(names[0])
