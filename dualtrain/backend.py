"""What the core asks of a backend, and how a backend is found.

Backends are packages in the entry-point group `dualtrain.backends`, named by their framework's
import name. Nothing is imported before a backend is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import BackendError
from dualtrain.ledger import Parameter
from dualtrain.model import ModelConfig
from dualtrain.plan import Plan
from dualtrain.spec import Amp, Spec

__all__ = ["Backend", "Clip", "backend_names", "backend_of", "load_backend"]


class Clip(Protocol):
    """A backend's `GlobalNormClip`: installed in the optimizer, it clips inside `step()`."""

    norm: Any
    clipped_norm: Any


class MakeClip(Protocol):
    """How a `Clip` is made; max_norm None only measures."""

    def __call__(self, max_norm: float | None, *, measure: bool = False) -> Clip: ...


class Backend(Protocol):
    """The verbs of a backend package: only what differs between frameworks.

    A model, an optimizer, a schedule and a scaler are the framework's own native objects.
    """

    NAME: str
    AMP_DEVICES: tuple[str, ...]
    GlobalNormClip: MakeClip

    def versions(self) -> dict[str, str]: ...

    def open_device(self, name: str) -> Any: ...
    def seed_everything(self, seed: int) -> None: ...
    def place(self, model: Any, device: Any) -> Any: ...
    def to_device(self, batch: Mapping[str, NDArray[Any]], device: Any) -> dict[str, Any]: ...
    def to_numpy(self, tensor: Any) -> NDArray[np.float32]: ...
    def numbers(self, scalars: Sequence[Any]) -> list[float]: ...
    def inference(self) -> AbstractContextManager[Any]: ...

    def build_model(self, config: ModelConfig) -> Any: ...
    def build_linear(self, inputs: int, outputs: int) -> Any: ...
    def logits(self, model: Any, inputs: Mapping[str, Any]) -> Any: ...
    def parameters(self, model: Any) -> list[Parameter]: ...
    def load_weights(self, model: Any, weights: Mapping[str, NDArray[Any]]) -> None: ...
    def dump_weights(self, model: Any) -> dict[str, NDArray[np.float32]]: ...

    def build_optimizer(self, spec: Spec, model: Any, *, clip: Any = None) -> Any: ...
    def effective_decay(self, optimizer: Any, model: Any) -> dict[str, float]: ...
    def build_schedule(self, plan: Plan, optimizer: Any) -> Any: ...

    def check_amp(self, amp: Amp | None, device: Any) -> None: ...
    def autocast(self, amp: Amp | None, device: Any) -> AbstractContextManager[Any]: ...
    def build_scaler(self, amp: Amp | None, device: Any) -> Any: ...
    def loss_scale(self, scaler: Any) -> float: ...

    def cross_entropy_sum(self, logits: Any, labels: Any) -> Any: ...
    def learning_rate(self, optimizer: Any) -> float: ...
    def clear_gradients(self, optimizer: Any) -> None: ...


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
