"""The few verbs over which the core says the rest: what a framework's tensors and modules do.

Only what differs between frameworks. What both spell alike is used as it is, see `_native.py`.
Lists of tensors are taken whole, so that a backend can move them by one kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend._batch_norm import BatchNorms
from dualtrain.backend._clip import Clipper
from dualtrain.backend._named import NamedTensor
from dualtrain.ledger import Facts
from dualtrain.spec import Clip

__all__ = ["Verbs", "parameters_in"]


class Verbs(Protocol):
    """What `SharedVerbs` asks of a backend package."""

    batch_norms: BatchNorms
    """Its layers of batch normalisation."""

    def StepClipper(self, clip: Clip | None, *, measure: bool) -> Clipper:
        """The class of what clips inside the `step()` of an optimizer that it is installed in."""
        ...

    def inference(self) -> AbstractContextManager[Any]:
        """A context in which no gradients are recorded."""
        ...

    def cast(self, tensor: Any, dtype: str) -> Any:
        """The tensor in the type of that name, such as float32; itself where it has it."""
        ...

    def assign(self, targets: Sequence[Any], values: Sequence[Any]) -> None:
        """Write values into tensors, each cast to its target's type; under `inference()`.

        No autocast goes on with what it has cast of the targets before.
        """
        ...

    def lerp(self, targets: Sequence[Any], values: Sequence[Any], share: float) -> None:
        """target <- target + share (value - target), in the target's type; under `inference()`."""
        ...

    def set_array(self, tensor: Any, array: NDArray[np.float32]) -> None:
        """Write an array into a tensor, cast to its type."""
        ...

    def to_numpy(self, tensor: Any) -> NDArray[np.float32]:
        """A tensor as float32 in numpy; waits for the device. `BackendError` if complex."""
        ...

    def is_at_hand(self, tensor: Any) -> bool:
        """Whether a tensor lies on the CPU, so that reading it waits for no device."""
        ...

    def is_sparse(self, gradient: Any) -> bool:
        """Whether a gradient holds the rows of a table that were read, and no others."""
        ...

    def set_trains(self, parameter: Any, trains: bool) -> None:
        """Let a parameter have gradients, or not, and drop the one it holds."""
        ...

    def drop_gradient(self, parameter: Any) -> None:
        """Let a parameter have no gradient, as before its first backward pass."""
        ...

    def added(self, held: Any, gradient: Any) -> Any:
        """held + gradient in float32, where held is a sum in float32 or, at first, None."""
        ...

    def take_written(self, master: Any, low: Any) -> None:
        """Where the low tensor is not the master, rounded, let the master have its value."""
        ...

    def lower(self, found: NamedTensor, dtype: str) -> Any:
        """Let a model's float32 parameter be of a low type from now on; a copy as it was."""
        ...

    def log_softmax(self, logits: Any) -> Any:
        """x - log sum exp x over the last axis, however far apart the x are."""
        ...

    def cross_entropy(self, logits: Any, labels: Any, label_smoothing: float) -> Any:
        """The sum over class numbers that are not `IGNORED`: (..., classes) in float32, (...)."""
        ...

    def modules(self, model: Any) -> Mapping[str, Any]:
        """Path -> module, for the model (its path is empty) and every module in it, each once."""
        ...

    def named_tensors(self, model: Any) -> Iterable[NamedTensor]:
        """Parameters and running statistics, each once, in the order of the modules."""
        ...

    def facts_of(self, model: Any, parameters: Sequence[NamedTensor]) -> Sequence[Facts]:
        """What the model says of how each of these parameters trains."""
        ...

    def can_keep(self, module: Any) -> bool:
        """Whether a module's running statistics stand still in evaluation mode."""
        ...

    def mend_frozen(self, model: Any) -> None:
        """See to kernels that go wrong where a parameter stands still."""
        ...

    def unsaved_buffers(self, module: Any) -> Iterable[str]:
        """Names of the module's own buffers that the model does not save."""
        ...

    def own_notes(self, model: Any) -> Sequence[str]:
        """Sentences on what only this framework's models have."""
        ...

    def held(self, optimizer: Any) -> list[Any]:
        """The parameters that an optimizer moves."""
        ...

    def replace_held(self, optimizer: Any, by: Callable[[Any], Any]) -> None:
        """Let a new optimizer move other tensors in place of those that it holds."""
        ...


def parameters_in(verbs: Verbs, model: Any) -> list[NamedTensor]:
    """A model's parameters, without its running statistics."""
    return [found for found in verbs.named_tensors(model) if found.is_parameter]
