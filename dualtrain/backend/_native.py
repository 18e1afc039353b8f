"""What the core asks of native objects themselves, where the frameworks spell it alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

__all__ = ["Model", "Optimizer", "Schedule", "Tensor"]


class Tensor(Protocol):
    """A tensor: a loss, logits, labels, a scalar on the device, a parameter."""

    shape: Any
    dtype: Any
    grad: Any
    is_leaf: bool
    """Whether it was computed from nothing that trains."""

    def backward(self) -> None:
        """Add its gradients to those of the parameters that it was computed from."""
        ...

    def detach(self) -> Any:
        """The same values, without what they were computed from."""
        ...

    def clone(self) -> Any:
        """A copy."""
        ...

    def sum(self) -> Any:
        """The sum of all elements."""
        ...

    def is_floating_point(self) -> bool:
        """Whether it holds floats."""
        ...

    def is_complex(self) -> bool:
        """Whether it holds complex numbers."""
        ...

    def numpy(self) -> Any:
        """As an array of its own type; on the CPU, detached."""
        ...


class Model(Protocol):
    """A model, or a module of one; called with a batch's tensors by keyword."""

    training: bool
    """Its mode."""
    forward: Any
    _parameters: dict[str, Any]
    """Its own, by attribute."""
    _buffers: dict[str, Any]
    _forward_pre_hooks: dict[int, Any]

    def __call__(self, **inputs: Any) -> Any:
        """The logits, in one of the forms that `logits` knows."""
        ...

    def train(self) -> Any:
        """Training mode, for it and all inside it."""
        ...

    def eval(self) -> Any:
        """Evaluation mode, likewise."""
        ...

    def parameters(self) -> Iterable[Any]:
        """Its parameters, running statistics among them where the framework counts them."""
        ...

    def children(self) -> Iterable[Any]:
        """The modules that it holds itself."""
        ...

    def register_forward_pre_hook(self, hook: Any) -> Any:
        """Have a function called with the module and its inputs before each forward pass."""
        ...


class Optimizer(Protocol):
    """What `build_optimizer` makes."""

    def step(self) -> Any:
        """One update: clips, decays, moves."""
        ...


class Schedule(Protocol):
    """What `build_schedule` makes."""

    last_epoch: int
    """The clock t; may be set back to have a rate taken anew by `step()`."""

    def step(self) -> Any:
        """Move to the next update and give the optimizer its rate."""
        ...
